"""Turns of a sweep: every part of a past that grows comes round, whatever the hours of the audits."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.feeds.sweeps import whose_turn


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 30_000), st.integers(1, 400), st.integers(0, 10**6), st.sampled_from([1, 2, 6]))
def test_every_part_comes_round_while_others_are_added(first: int, count: int, turn: int, every: int) -> None:
    """A part is added each day; audits come each hour, or some times a day."""
    missing = set(range(first, first + count))
    for number in range(8 * count + 48):
        hours = number * every
        part = whose_turn(first, first + count + hours // 24, turn + hours)
        assert len(part) <= 1
        missing -= set(part)
        if not missing:
            return
    pytest.fail(f"{len(missing)} of {count} never had a turn")
