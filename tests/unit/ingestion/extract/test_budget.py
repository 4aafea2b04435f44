"""The time that a pass has, on a clock that only goes forward."""

from __future__ import annotations

from ingestion.extract.budget import Budget


def test_it_is_over_when_its_seconds_have_passed() -> None:
    times = iter([100.0, 103.0, 104.9, 105.0, 106.0, 106.0])
    budget = Budget.of(5, clock=lambda: next(times))
    assert budget.left == 2.0
    assert [budget.over, budget.over] == [False, True]
    assert budget.left == -1.0
