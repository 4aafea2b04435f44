"""The points that a feed owes: entities x slots of a window, as numpy arrays and bitmaps.

Built on ``core.feeds.calendar``'s rule. Memory: slots cost 8 bytes each, entities 16; a bitmap costs one byte a point
and is made only when asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from core.contract.model import Feed, TradingCalendar
from core.feeds.calendar import require_covered, spans_of_cadence, validities, validity

Slots = npt.NDArray[np.int64]
Bitmap = npt.NDArray[np.bool_]


def expected_slots(calendar: TradingCalendar, *, every: int, start: int, end: int) -> Slots:
    """The expected slots that start in ``[start, end)``: sorted, unique, epoch seconds.

    Raises ``InvalidData`` where the calendar does not cover the window.
    """
    parts = [np.arange(*run, dtype=np.int64) for run in _runs(calendar, every=every, start=start, end=end)]
    return np.concatenate(parts) if parts else np.empty(0, np.int64)


def expects_slots(calendar: TradingCalendar, *, every: int, start: int, end: int) -> bool:
    """Whether any slot is expected in ``[start, end)``, without making them: a year of minutes is half a million."""
    return any(True for _ in _runs(calendar, every=every, start=start, end=end))


def _runs(calendar: TradingCalendar, *, every: int, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The runs of slots while the calendar is open: the first, the end, the seconds from each to the next."""
    if end <= start:
        return
    require_covered(calendar, start, end)
    for since, until, step in spans_of_cadence(calendar, every=every, start=start, end=end):
        for opens, closes in calendar.segments:
            if opens < until and closes > since:
                first, last = _at_or_after(max(opens, since), step), min(closes, until)
                if first < last:
                    yield first, last, step


def steps_of(calendar: TradingCalendar, slots: Slots, *, every: int) -> Slots:
    """The seconds that each slot lasts by the cadence of its time; ``every`` is today's."""
    untils = np.array([until for until, _ in calendar.cadences], np.int64)
    seconds = np.array([*(seconds for _, seconds in calendar.cadences), every], np.int64)
    return np.asarray(seconds[np.searchsorted(untils, slots, side="right")])


def _at_or_after(instant: int, every: int) -> int:
    return -(-instant // every) * every


@dataclass(frozen=True, slots=True)
class Grid:
    """Entity ``i`` owes the slots ``slots[first[i]:last[i]]``; ``entities`` keep the contract's order.

    ``earlier`` are more of them, as (entity, first, last), of entities that were taken out and came back. ``steps`` are
    the seconds that each slot lasts.
    """

    entities: tuple[str, ...]
    slots: Slots
    first: Slots
    last: Slots
    steps: Slots
    earlier: tuple[tuple[int, int, int], ...] = ()

    @classmethod
    def of(cls, feed: Feed, calendar: TradingCalendar, slots: Slots) -> Grid:
        """The grid of sorted slots that the calendar expects."""
        valid = np.array([validity(entity) for entity in feed.entities], np.int64).reshape(-1, 2)
        first = np.searchsorted(slots, valid[:, 0]).astype(np.int64)
        last = np.maximum(np.searchsorted(slots, valid[:, 1]).astype(np.int64), first)
        earlier = tuple(
            (row, int(begin), int(end))
            for row, entity in enumerate(feed.entities)
            for span in validities(entity)[:-1]
            if (begin := np.searchsorted(slots, span[0])) < (end := np.searchsorted(slots, span[1]))
        )
        names = tuple(entity.name for entity in feed.entities)
        return cls(names, slots, first, last, steps_of(calendar, slots, every=feed.every), earlier)

    @property
    def expected(self) -> int:
        """The number of points that are owed."""
        return self.expected_in(0, len(self.slots))

    def expected_in(self, start: int, stop: int) -> int:
        """The number of points that are owed of the slots at the places ``[start, stop)``."""
        owed = np.minimum(self.last, stop) - np.maximum(self.first, start)
        more = sum(max(0, min(last, stop) - max(first, start)) for _, first, last in self.earlier)
        return int(np.maximum(owed, 0).sum()) + more

    def bitmap(self, entities: slice = slice(None)) -> Bitmap:
        """``[entity, slot]`` is true where a point is owed; a slice of the entities bounds the memory."""
        column = np.arange(len(self.slots), dtype=np.int64)
        owed = (column >= self.first[entities, None]) & (column < self.last[entities, None])
        rows = range(len(self.entities))[entities]
        for row, first, last in self.earlier:
            if row in rows:
                owed[rows.index(row), first:last] = True
        return np.asarray(owed)

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
        return np.asarray(self.slots[self.bitmap(slice(row, row + 1))[0]])


def feed_grid(feed: Feed, calendar: TradingCalendar, *, start: int, end: int) -> Grid:
    """The points that a feed owes for the slots that start in ``[start, end)`` (epoch seconds)."""
    return Grid.of(feed, calendar, expected_slots(calendar, every=feed.every, start=start, end=end))
