"""Handlers run in this process."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import Account

from cli.run import HANDLERS

ECHO = """
import os
def handle(event, context):
    return {"event": event, "function": context.function_name, "bucket": os.environ["STARMEND_INGEST_BUCKET"]}
"""


@pytest.fixture(autouse=True)
def restored(account: Account, dev: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in account.deployment.function_environment:
        monkeypatch.setenv(name, "")


def test_a_handler_gets_the_event_and_the_deployments_environment(
    account: Account, starmend: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "echoing_handler.py").write_text(ECHO)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(HANDLERS, "pull", "echoing_handler")
    (tmp_path / "event.json").write_text('{"Records": []}')
    for event in ('{"Records": []}', "event.json"):
        assert starmend("run", "pull", event).data == {
            "event": {"Records": []},
            "function": "pull",
            "bucket": account.deployment.ingest_bucket,
        }


def test_an_unknown_function_and_an_event_that_is_no_json_are_refused(starmend: Command) -> None:
    unknown = starmend("run", "push", "{}")
    assert (unknown.code, "Use one of: extract" in unknown.err) == (2, True)
    nonsense = starmend("run", "pull", "{no json")
    assert (nonsense.code, "Give JSON, a file, or -" in nonsense.err) == (2, True)
