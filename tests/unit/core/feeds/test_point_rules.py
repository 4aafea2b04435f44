"""A record that breaks a rule of the contract is known before it is written."""

from __future__ import annotations

from decimal import Decimal

import pytest
from tests.support.feeds import contracts_in

from core.feeds.point_rules import broken_rule


@pytest.mark.parametrize(
    ("kind", "values", "problem"),
    [
        ("history", {"o": Decimal("1.5"), "c": 0}, ""),  # a candle's close is no column
        ("history", {"o": 0}, "o = '0' breaks check > 0"),
        ("history", {"o": "-1.5"}, "o = '-1.5' breaks check > 0"),
        ("history", {"o": None}, ""),
        ("history", {"o": "M"}, ""),  # its line is refused, with better words
        ("history", {"o": Decimal("NaN")}, ""),
        ("live", {"c": 0}, "c = '0' breaks check > 0"),
        ("live", {"o": 0, "c": 1}, ""),
    ],
)
def test_a_broken_check_is_named(kind: str, values: dict[str, object], problem: str) -> None:
    contracts = contracts_in()
    feed = contracts.feed("quotes")
    assert broken_rule(contracts.dataset("quotes"), feed, kind, values) == problem  # type: ignore[arg-type]
