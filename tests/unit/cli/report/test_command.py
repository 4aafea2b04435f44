"""``starmend report`` as somebody at a terminal gives it, on a simulated account."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import Account

from cli.output import USAGE
from cli.report.command import parse_end, parse_start
from core.errors import Misuse


def test_a_page_is_written_of_a_deployment_that_has_nothing_yet(account: Account, starmend: Command) -> None:
    said = starmend("report", "--env", "dev", "--to", "pages/today.html", "--json")
    assert said.code == 0, said.err
    assert said.data["page"] == "pages/today.html"
    assert said.data["deployment"] == "starmend/dev"
    assert {one["verdict"] for one in said.data["feeds"]} <= {"empty"}
    assert "starmend / dev" in Path("pages/today.html").read_text(encoding="utf-8")
    assert [one.name for one in Path("pages").iterdir()] == ["today.html"]


def test_a_range_that_ends_before_it_begins_is_misuse(account: Account, starmend: Command) -> None:
    said = starmend("report", "--env", "dev", "--from", "2026-11-20", "--to-date", "2026-11-18")
    assert said.code == USAGE
    assert "ends before it begins" in said.err


def test_a_last_day_is_meant_with_all_of_it() -> None:
    assert parse_start("2026-11-20") == dt.datetime(2026, 11, 20, tzinfo=dt.UTC)
    assert parse_end("2026-11-20") == dt.datetime(2026, 11, 21, tzinfo=dt.UTC)
    assert parse_end("2026-11-20T16:00") == dt.datetime(2026, 11, 20, 16, tzinfo=dt.UTC)
    assert parse_start("2026-11-20T16:00+01:00") == dt.datetime(2026, 11, 20, 15, tzinfo=dt.UTC)
    assert parse_start("") is None


def test_what_is_no_day_is_refused_with_what_would_be() -> None:
    with pytest.raises(Misuse, match="2026-11-20T14:30"):
        parse_start("yesterday")
