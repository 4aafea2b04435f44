"""The points that a feed owes: entities x slots of a window, as numpy arrays and bitmaps.

Built on ``core.feeds.calendar``'s rule. Memory: slots cost 8 bytes each, entities 16; a bitmap costs one byte a point
and is made only when asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.contract.model import Feed, TradingCalendar
from core.feeds.calendar import require_covered, validity

Slots = npt.NDArray[np.int64]
Bitmap = npt.NDArray[np.bool_]


def expected_slots(calendar: TradingCalendar, *, every: int, start: int, end: int) -> Slots:
    """The expected slots that start in ``[start, end)``: sorted, unique, epoch seconds.

    Raises ``InvalidData`` where the calendar does not cover the window.
    """
    if end <= start:
        return np.empty(0, np.int64)
    require_covered(calendar, start, end)
    parts = [
        np.arange(first, last, every, dtype=np.int64)
        for opens, closes in calendar.segments
        if opens < end and closes > start
        if (first := _at_or_after(max(opens, start), every)) < (last := min(closes, end))
    ]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def _at_or_after(instant: int, every: int) -> int:
    return -(-instant // every) * every


@dataclass(frozen=True, slots=True)
class Grid:
    """Entity ``i`` owes the slots ``slots[first[i]:last[i]]``; ``entities`` keep the contract's order."""

    entities: tuple[str, ...]
    slots: Slots
    first: Slots
    last: Slots

    @property
    def expected(self) -> int:
        """The number of points that are owed."""
        return int((self.last - self.first).sum())

    def bitmap(self, entities: slice = slice(None)) -> Bitmap:
        """``[entity, slot]`` is true where a point is owed; a slice of the entities bounds the memory."""
        column = np.arange(len(self.slots), dtype=np.int64)
        return (column >= self.first[entities, None]) & (column < self.last[entities, None])

    def positions(self, instants: Slots) -> Slots:
        """The column of each instant (epoch seconds), or -1 where it is no expected slot."""
        if not len(self.slots):
            return np.full(len(instants), -1, np.int64)
        columns = np.searchsorted(self.slots, instants)
        columns[columns == len(self.slots)] = 0
        return np.where(self.slots[columns] == instants, columns, -1).astype(np.int64, copy=False)

    def slots_of(self, entity: str) -> Slots:
        """The slots that one entity owes. Raises ``KeyError`` for an entity that the contract does not name."""
        try:
            row = self.entities.index(entity)
        except ValueError:
            raise KeyError(entity) from None
        return self.slots[self.first[row] : self.last[row]]


def feed_grid(feed: Feed, calendar: TradingCalendar, *, start: int, end: int) -> Grid:
    """The points that a feed owes for the slots that start in ``[start, end)`` (epoch seconds)."""
    slots = expected_slots(calendar, every=feed.every, start=start, end=end)
    valid = np.array([validity(entity) for entity in feed.entities], np.int64).reshape(-1, 2)
    first = np.searchsorted(slots, valid[:, 0]).astype(np.int64)
    last = np.maximum(np.searchsorted(slots, valid[:, 1]).astype(np.int64), first)
    return Grid(tuple(entity.name for entity in feed.entities), slots, first, last)
