"""The rule by which a feed's points are expected, instant by instant and without numpy, for the Lambdas.

The grid is aligned to the epoch: the slots of a feed are the multiples of ``every`` seconds (which divides a day, so
midnight UTC is always one), before a change of its cadence those of the ``every`` of that time. A slot is expected when
its start lies in a segment ``[open, close)`` of the calendar and inside the entity's validity
``[valid_from, valid_until)``. All instants here are whole epoch seconds.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

from core.contract.model import Entity, Feed, TradingCalendar
from core.errors import InvalidData
from core.time import epoch, iso

FOREVER = 2**62
# Seconds between the points of calendars that are open on first days (``core.authoring.calendars``), where all of them
# lie as far apart.
STEPS = {"weeks": 7 * 86_400}


def slot_of(instant: float, every: int) -> int:
    """The start of the slot that an instant lies in."""
    return int(instant // every) * every


def is_expected(calendar: TradingCalendar, slot: int) -> bool:
    """Whether points of that slot are expected at all. Raises ``InvalidData`` outside what the calendar covers."""
    require_covered(calendar, slot, slot + 1)
    position = bisect_right(calendar.segments, (slot, FOREVER)) - 1
    return position >= 0 and slot < calendar.segments[position][1]


def require_covered(calendar: TradingCalendar, start: int, end: int) -> None:
    """Raises ``InvalidData`` unless the calendar knows all of ``[start, end)``; a guess would look like a holiday."""
    if start < calendar.covers_from or end > calendar.covers_to:
        raise InvalidData(
            "ask the calendar",
            f"{calendar.name} ({calendar.version})",
            f"[{iso(start)}, {iso(end)}) is outside what it covers, "
            f"[{iso(calendar.covers_from)}, {iso(calendar.covers_to)})",
            "Render the contracts again (starmend contract render) and deploy",
        )


def expected_between(calendar: TradingCalendar, *, every: int, start: int, end: int) -> list[int]:
    """The expected slots that start in ``[start, end)``, sorted.

    For a gap; of longer times ``core.feeds.grid.expected_slots`` gives the same as an array. Raises ``InvalidData``
    where the calendar does not cover the window.
    """
    if end <= start:
        return []
    require_covered(calendar, start, end)
    return [
        slot
        for first, last, step in spans_of_cadence(calendar, every=every, start=start, end=end)
        for slot in range(-(-first // step) * step, last, step)
        if is_expected(calendar, slot)
    ]


def spans_of_cadence(calendar: TradingCalendar, *, every: int, start: int, end: int) -> list[tuple[int, int, int]]:
    """``[start, end)`` cut where the cadence changes, as (start, end, seconds between slots); ``every`` is today's."""
    spans = []
    for until, step in (*calendar.cadences, (FOREVER, every)):
        if start < min(until, end):
            spans.append((start, min(until, end), step))
            start = min(until, end)
    return spans


def validity(entity: Entity) -> tuple[int, int]:
    """The half-open interval in which points of the entity are expected, the last one where there are several."""
    return _bounds(entity.valid_from, entity.valid_until)


def validities(entity: Entity) -> tuple[tuple[int, int], ...]:
    """All half-open intervals in which points of the entity are expected: sorted, apart from one another."""
    return (*(_bounds(*earlier) for earlier in entity.earlier), validity(entity))


def _bounds(since: str, until: str) -> tuple[int, int]:
    return epoch(since) if since else -FOREVER, epoch(until) if until else FOREVER


def entities_at(feed: Feed, slot: int) -> tuple[Entity, ...]:
    """The entities that are valid at the slot's start, in the contract's order."""
    return tuple(entity for entity in feed.entities if any(first <= slot < last for first, last in validities(entity)))


def ranges(slots: Iterable[int], *, every: int) -> list[tuple[int, int]]:
    """Sorted slots as half-open ranges of neighbours, the compact form for messages: an hour is one pair."""
    pairs: list[tuple[int, int]] = []
    for slot in slots:
        if pairs and pairs[-1][1] == slot:
            pairs[-1] = (pairs[-1][0], int(slot) + every)
        else:
            pairs.append((int(slot), int(slot) + every))
    return pairs


def slots_in(pairs: Sequence[tuple[int, int]], *, every: int) -> Iterator[int]:
    """The inverse of ``ranges``."""
    for first, last in pairs:
        yield from range(first, last, every)
