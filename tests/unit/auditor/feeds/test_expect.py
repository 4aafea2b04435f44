"""The grid of windows: counted without a cell for each point, it has as many points as with them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.audited import CALENDAR, HOUR, TWO, AuditedFeed

from auditor.feeds.expect import expect
from auditor.windows import Window

FEED = AuditedFeed().feed
HOURS = st.sets(st.integers(0, 40), max_size=6)


@settings(max_examples=60, deadline=None)
@given(hours=HOURS, cut=st.integers(-60, 60), length=st.integers(0, 3_000))
def test_points_counted_by_window_are_the_points_of_its_cells(hours: set[int], cut: int, length: int) -> None:
    windows = [Window(TWO + hour * HOUR, TWO + (hour + 1) * HOUR) for hour in hours]
    start, end = TWO + cut * 60, TWO + (cut + length) * 60
    expectation = expect(FEED, CALENDAR, windows, start=start, end=end)
    per_window = expectation.per_window(expectation.owed()).tolist()
    assert expectation.owed_per_window() == per_window
    assert expectation.grid.expected == sum(per_window)
    minutes = [max(0, min(window.end, end) - max(window.start, start)) // 60 for window in expectation.windows]
    assert per_window == [len(FEED.entities) * count for count in minutes]


def test_the_slots_of_a_window_are_its_columns() -> None:
    windows = [Window(TWO + 5 * HOUR, TWO + 6 * HOUR), Window(TWO, TWO + HOUR)]
    expectation = expect(FEED, CALENDAR, windows)
    assert [window.start for window in expectation.windows] == [TWO, TWO + 5 * HOUR]
    for number, window in enumerate(expectation.windows):
        slots = expectation.grid.slots[expectation.columns(number)].tolist()
        assert slots == list(range(window.start, window.end, 60))
