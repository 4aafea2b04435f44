"""Expected points: the grid of the audited windows, as arrays. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from auditor.windows import Window
from core.contract.model import Feed, TradingCalendar
from core.feeds.grid import Bitmap, Grid, Slots, expected_slots


@dataclass(frozen=True, slots=True)
class Expectation:
    """The grid over the windows' slots, and the window (its place in ``windows``) of each slot.

    The grid's slots are those of all windows one after another; between two windows there may be any time.
    """

    windows: tuple[Window, ...]
    grid: Grid
    window_of: Slots

    def owed(self) -> Bitmap:
        """``[entity, slot]`` is true where a point is owed."""
        return self.grid.bitmap()

    def columns(self, window: int) -> slice:
        """The places of a window's slots."""
        first, last = np.searchsorted(self.window_of, [window, window + 1])
        return slice(int(first), int(last))

    def owed_per_window(self) -> list[int]:
        """Count the points that each window owes, by slots, so that it costs no memory by point."""
        parts = [self.columns(place) for place in range(len(self.windows))]
        return [self.grid.expected_in(part.start, part.stop) for part in parts]

    def per_window(self, cells: Bitmap) -> Slots:
        """Count the cells that are true, per window."""
        counts = np.zeros(len(self.windows), np.int64)
        if len(self.grid.slots):
            np.add.at(counts, self.window_of, cells.sum(axis=0))
        return counts


def expect(
    feed: Feed,
    calendar: TradingCalendar,
    windows: Sequence[Window],
    *,
    start: int | None = None,
    end: int | None = None,
) -> Expectation:
    """The points that windows owe; ``start`` and ``end`` cut them (what has not settled yet is owed by nobody).

    Raises ``InvalidData`` where the calendar does not cover a window.
    """
    ordered = tuple(sorted(windows))
    parts: list[Slots] = []
    places: list[Slots] = []
    for place, window in enumerate(ordered):
        first = window.start if start is None else max(window.start, start)
        last = window.end if end is None else min(window.end, end)
        slots = expected_slots(calendar, every=feed.every, start=first, end=last)
        parts.append(slots)
        places.append(np.full(len(slots), place, np.int64))
    slots = np.concatenate(parts) if parts else np.empty(0, np.int64)
    grid = Grid.of(feed, calendar, slots)
    return Expectation(ordered, grid, np.concatenate(places) if places else np.empty(0, np.int64))
