"""Quarantine, listed and retried on a simulated account."""

from __future__ import annotations

import pytest
from tests.support.commands import Command
from tests.support.lake import quote
from tests.unit.cli.conftest import Account
from tests.unit.cli.currencies import CURRENCY, currency, rows_of

pytestmark = pytest.mark.usefixtures("dev")


def test_refused_lines_are_listed_and_come_in_once_their_object_is_good(account: Account, starmend: Command) -> None:
    account.put(CURRENCY.format(1), [currency(1), b'{"currency_id": "many"}'])
    assert starmend("replay", CURRENCY.format(1)).code == 1
    listed = starmend("quarantine", "list", "--dataset", "sales", "--table", "currency", "--json")
    assert listed.code == 1
    assert [(one["object"], one["line"]) for one in listed.data] == [(CURRENCY.format(1), 2)]

    still = starmend("quarantine", "retry", "--json")
    assert (still.code, still.data["rejected_lines"]) == (1, 1)
    account.put(CURRENCY.format(1), [currency(1), currency(2, "USD")])
    mended = starmend("quarantine", "retry", "--json")
    assert (mended.code, mended.data["rejected_lines"]) == (0, 0)
    assert starmend("quarantine", "list", "--json").data == []
    assert [row["currency_id"] for row in rows_of(account, "dim_currency")] == [1, 2]


def test_a_line_whose_row_came_newer_by_another_object_is_over(account: Account, starmend: Command) -> None:
    bad = {**currency(2), "currency_code": None}
    account.put(CURRENCY.format(1), [currency(1), bad, b'{"currency_id": "many"}'])
    assert starmend("replay", CURRENCY.format(1)).code == 1
    open_lines = starmend("quarantine", "list", "--json")
    assert (open_lines.code, [line["line"] for line in open_lines.data]) == (1, [2, 3])

    account.put(CURRENCY.format(2), [currency(2, "USD", "2026-11-20T11:00:00.000")])
    assert starmend("replay", CURRENCY.format(2)).code == 0
    after = starmend("quarantine", "list", "--json")
    assert (after.code, [line["line"] for line in after.data]) == (1, [3])
    shown = starmend("quarantine", "list")
    assert "1 is over, for its row is in the warehouse by now" in shown.out
    both = starmend("quarantine", "list", "--all", "--json")
    assert [(line["line"], line["over"]) for line in both.data] == [(2, True), (3, False)]


def test_a_point_s_line_is_over_once_the_point_is_in_the_warehouse(account: Account, starmend: Command) -> None:
    first, second = "feeds/quotes/2026/11/20/15/first", "feeds/quotes/2026/11/20/16/second"
    minutes = ("2026-11-20T15:03:00Z", "2026-11-20T15:04:00Z")
    account.put(first, [quote("AAPL", minute, "-1").strip() for minute in minutes])
    assert starmend("replay", first).code == 1
    assert [line["line"] for line in starmend("quarantine", "list", "--json").data] == [1, 2]
    account.put(second, [quote("AAPL", minutes[0], "101.5", provenance="repaired").strip()])
    assert starmend("replay", second).code == 0
    assert [line["line"] for line in starmend("quarantine", "list", "--json").data] == [2]


def test_a_line_that_is_newer_than_its_row_in_the_warehouse_is_not_over(account: Account, starmend: Command) -> None:
    bad = {**currency(1, updated="2026-11-20T11:00:00.000"), "currency_code": None}
    account.put(CURRENCY.format(1), [currency(1), bad])
    assert starmend("replay", CURRENCY.format(1)).code == 1
    listed = starmend("quarantine", "list", "--json")
    assert (listed.code, [line["line"] for line in listed.data]) == (1, [2])
    unread = {**bad, "last_updated": "soon"}  # of when it is nobody knows: after the row of before that came
    account.put(CURRENCY.format(1), [currency(1), unread])
    assert starmend("replay", CURRENCY.format(1)).code == 1
    assert [line["line"] for line in starmend("quarantine", "list", "--json").data] == [2]
