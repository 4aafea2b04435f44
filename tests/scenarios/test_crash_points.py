"""The crash-point run in its short form: some points of each scenario, and some pairs (``make chaos`` takes all)."""

from __future__ import annotations

import pytest
from tests.chaos.crash_points import sweep
from tests.chaos.crash_scenarios import SCENARIOS

# How many single points and pairs; the first two are all in memory and quick.
AMOUNTS = {
    "warehouse commit": (None, 20),
    "derived table": (None, 20),
    "processing batch": (10, 4),
    "extraction pass": (12, 12),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.database] * (name == "extraction pass")) for name in SCENARIOS]
)
def test_whatever_is_cut_redelivery_ends_with_the_same_outcome(name: str) -> None:
    singles, pairs = AMOUNTS[name]
    with SCENARIOS[name]() as make:
        result = sweep(name, make, seed=20261120, singles=singles, pairs=pairs)
    assert result.effects > 10
    assert result.points == (3 * result.effects if singles is None else singles)
    assert result.pairs == pairs
    assert result.differing == []
