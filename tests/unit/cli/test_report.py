"""``starmend report`` as somebody at a terminal gives it, on a simulated account."""

from __future__ import annotations

from pathlib import Path

from tests.support.commands import Command
from tests.unit.cli.conftest import Account

from cli.output import USAGE


def test_a_page_is_written_of_a_deployment_that_has_nothing_yet(account: Account, starmend: Command) -> None:
    said = starmend("report", "--env", "dev", "--output", "pages/today.html", "--json")
    assert said.code == 1, "points are owed, and nothing has arrived"
    assert said.data["page"] == "pages/today.html"
    assert said.data["deployment"] == "starmend/dev"
    assert {one["verdict"] for one in said.data["feeds"]} <= {"empty"}
    assert "starmend / dev" in Path("pages/today.html").read_text(encoding="utf-8")
    assert [one.name for one in Path("pages").iterdir()] == ["today.html"]


def test_a_range_that_ends_before_it_begins_is_misuse(account: Account, starmend: Command) -> None:
    said = starmend("report", "--env", "dev", "--from", "2026-11-20", "--to", "2026-11-18")
    assert said.code == USAGE
    assert "ends before it begins" in said.err
