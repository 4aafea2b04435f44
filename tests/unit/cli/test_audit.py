"""Audits in this process, on a simulated account."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import Account

from cli.auditing import auditor_of

NOW = dt.datetime(2026, 11, 21, 9, tzinfo=dt.UTC)
pytestmark = pytest.mark.usefixtures("dev")
RANGE = ("--dataset", "quotes", "--from", "2026-11-20T15:00", "--to", "2026-11-20T16:00")


@pytest.fixture(autouse=True)
def saturday(monkeypatch: pytest.MonkeyPatch) -> None:
    """The morning after the audited session, whatever day it is."""
    monkeypatch.setattr("cli.audit.auditor_of", lambda deployed: replace(auditor_of(deployed), now=lambda: NOW))


def test_an_hour_of_which_nothing_arrived_is_missing_whole_and_nothing_is_repaired(
    account: Account, starmend: Command
) -> None:
    said = starmend("audit", *RANGE, "--dry-run", "--json")
    assert said.code == 1, said.err
    (audited,) = said.data["audits"]
    assert (audited["expected"], audited["missing"], audited["present"]) == (11 * 60, 11 * 60, 0)
    assert sum(finding["rows"] for finding in said.data["findings"]) == 11 * 60
    assert {row["decision"] for row in said.data["plan"]} == {"repair"}
    assert account.warehouse_keys("warehouse/") == []
    assert "plan" not in starmend("audit", *RANGE, "--json").data
