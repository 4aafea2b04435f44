"""Certificates verified on a simulated account."""

from __future__ import annotations

import pytest
from tests.support.commands import Command
from tests.unit.cli.conftest import Account

pytestmark = pytest.mark.usefixtures("dev")


def test_where_nothing_is_certified_nothing_fails(account: Account, starmend: Command) -> None:
    said = starmend("verify", "--dataset", "quotes", "--json")
    assert (said.code, said.data["failures"]) == (0, [])
    assert said.data["verified"] == [{"dataset": "quotes", "certificates": 0, "windows": 0, "failures": 0}]


def test_half_a_range_is_a_usage_error(account: Account, starmend: Command) -> None:
    assert starmend("verify", "--from", "2026-11-20T14:30").code == 2
