"""Quarantine, listed and retried on a simulated account."""

from __future__ import annotations

import pytest
from tests.support.commands import Command
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
