"""The points that an alarm looks at, found without going through all that were ever measured."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from local.emulator.patches.metrics.alarm_evaluation import _since

TIMES = st.lists(st.integers(0, 50), max_size=12)


@given(rounds=st.lists(st.tuples(TIMES, st.integers(-1, 51), st.integers(0, 3)), max_size=6), in_order=st.booleans())
def test_none_that_is_younger_is_left_out_whatever_came_and_went_meanwhile(
    rounds: list[tuple[list[int], int, int]], in_order: bool
) -> None:
    points: list[dict[str, float]] = []
    for times, start, evicted in rounds:
        newest = int(points[-1]["Timestamp"]) if points and in_order else 0
        points += [{"Timestamp": newest + time} for time in (sorted(times) if in_order else times)]
        del points[:evicted]
        younger = [point for point in points if point["Timestamp"] >= start]
        assert [point for point in _since(points, start) if point["Timestamp"] >= start] == younger
