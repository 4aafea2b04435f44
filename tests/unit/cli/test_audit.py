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


def test_an_audit_says_what_it_covers(account: Account, starmend: Command) -> None:
    text = starmend("audit", *RANGE).out
    assert "660 rows in 11 findings; the first 10 are shown, all of them: --json" in text
    assert "quotes: 1 of 1 windows are not whole" in text
    assert "This covers 2026-11-20T15:00:00Z to 2026-11-20T16:00:00Z, nothing else" in text


def test_a_range_that_cannot_be_meant_is_misuse_and_no_clean_success(account: Account, starmend: Command) -> None:
    said = starmend("audit", "--from", "2026-11-21", "--to", "2026-11-20")
    assert (said.code, said.out) == (2, "")
    assert "audit: 2026-11-21 to 2026-11-20: ends before it begins" in said.err
    assert starmend("verify", "--from", "2026-11-21").err.startswith("error: verify: ")
