"""Windows: the stretches of time that are audited, certified and shown as one row of ``completeness``. Pure.

A feed's window is an hour, or a day where its points came hourly or rarer: long enough to be worth a certificate, and a
rollup by the hour finds each of its hours in one window. Windows are aligned to the epoch; those in which the calendar
expects nothing do not exist. All instants are epoch seconds.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from itertools import product

import numpy as np

from core.contract.model import Contract, Feed, Partition, Table, TradingCalendar
from core.errors import PipelineBug
from core.feeds.calendar import FOREVER
from core.feeds.grid import Slots, expected_slots
from core.feeds.partitions import TIME_DIGITS, by_bucket, column_of
from core.time import at_epoch, iso
from core.warehouse.keys import first_kept

HOUR, DAY = 3600, 86_400


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """``[start, end)``."""

    start: int
    end: int

    @property
    def name(self) -> str:
        return iso(self.start)

    def overlaps(self, start: int, end: int) -> bool:
        return self.start < end and start < self.end


@dataclass(frozen=True, slots=True)
class Scope:
    """What an audit is asked for: the range ``[start, end)``, or what is due, as of ``now``.

    Of a database of the named ``tables`` alone, where there are any: a range of them, or what is recent. ``beside``:
    also what no time bounds and what lies beside the rows (objects, messages, mirrors, the source's shape).
    """

    now: int
    start: int | None = None
    end: int | None = None
    tables: tuple[str, ...] = ()
    beside: bool = True


def window_seconds(feed: Feed) -> int:
    """The length of the feed's windows."""
    return HOUR if feed.every < HOUR else DAY


def windows_between(feed: Feed, calendar: TradingCalendar, start: int, end: int) -> list[Window]:
    """The windows that overlap ``[start, end)`` and in which the calendar expects something, in order."""
    length = DAY if calendar.cadences else window_seconds(feed)
    first, last = start // length * length, -(-end // length) * length
    if last <= first:
        return []
    bound = min(last, calendar.covers_to)  # the end of what is known may cut the last window; the calendar says when
    slots = expected_slots(calendar, every=feed.every, start=max(first, calendar.covers_from), end=bound)
    lengths = _lengths(feed, calendar, slots)
    begins = slots // lengths * lengths
    windows = dict.fromkeys(zip(begins.tolist(), (begins + lengths).tolist(), strict=True))
    return [window for window in (Window(*bounds) for bounds in windows) if window.overlaps(start, end)]


def _lengths(feed: Feed, calendar: TradingCalendar, slots: Slots) -> Slots | int:
    """The length of each slot's window. A day on which the cadence changes has hours if it had any before or after."""
    length = window_seconds(feed)
    if not calendar.cadences:
        return length
    days = slots // DAY * DAY
    hourly = np.zeros(len(slots), bool)
    since = -FOREVER
    for until, every in (*calendar.cadences, (FOREVER, feed.every)):
        if every < HOUR:
            hourly |= (days + DAY > since) & (days < until)
        since = until
    return np.where(hourly, HOUR, DAY)


def settled_until(feed: Feed, now: int) -> int:
    """Points of slots before this instant are owed by now: the slot is over and the time to settle has passed."""
    return now - feed.settle - feed.every + 1


def due_until(feed: Feed, now: int) -> int:
    """Windows that end by this instant are due: nothing of them can still settle."""
    length = window_seconds(feed)
    return (now - feed.settle) // length * length


def is_owed_sooner(feed: Feed) -> bool:
    """Whether the first points of a window are owed before it is due: what has settled of it is then looked at too."""
    return feed.complete_within < window_seconds(feed) + feed.settle + feed.every


def facts_of(contract: Contract) -> tuple[Table, ...]:
    """The facts that take the feed's points."""
    feed = contract.source
    if not isinstance(feed, Feed):
        return ()
    return tuple(table for table in contract.tables if table.kind == "fact" and table.source == feed.table.name)


def begin_of(contract: Contract) -> int:
    """The start of the first partition of the feed's facts (epoch seconds): of what is earlier nothing is owed."""
    begins = [first_kept(fact) for fact in facts_of(contract)]
    return min((-FOREVER if begin is None else begin for begin in begins), default=-FOREVER)


# ---------------------------------------------------------------- partitions


def partitions_of(
    table: Table, feed: Feed, windows: Iterable[Window], *, fact: Table | None = None
) -> dict[str, list[Window]]:
    """The partition paths of a fact that can hold points of the windows, with those windows, both in order.

    A rollup is partitioned by columns of its ``fact``.
    """
    windows_by_path: dict[str, list[Window]] = {}
    for window in sorted(windows):
        for values in product(*[_values(part, feed, fact or table, window) for part in table.partition_by]):
            names = (f"{part.name}={value}" for part, value in zip(table.partition_by, values, strict=True))
            windows_by_path.setdefault("/".join(names), []).append(window)
    return dict(sorted(windows_by_path.items()))


def _values(part: Partition, feed: Feed, table: Table, window: Window) -> list[str]:
    if part.column == column_of(table, feed.entity_column) and part.transform == "value":
        return [entity.name for entity in feed.entities]
    if part.column == column_of(table, feed.entity_column) and part.transform == "bucket":
        return list(by_bucket(tuple(entity.name for entity in feed.entities), part.buckets))
    if part.column == column_of(table, feed.time_column) and part.transform in TIME_DIGITS:
        return _units(part.transform, window)
    raise PipelineBug(
        "find partitions",
        f"{table.name}.{part.name}",
        "is neither of the entity nor of the time of a point",
        f"Partition by {feed.entity_column} and {feed.time_column}",
    )


def _units(unit: str, window: Window) -> list[str]:
    """The units of time that a window lies in, as they are written in paths."""
    moment, end = at_epoch(window.start), at_epoch(window.end)
    step = timedelta(hours=1)
    units: dict[str, None] = {}
    while moment < end:
        text = moment.strftime("%Y-%m-%d-%H") if unit == "hour" else moment.isoformat()[: TIME_DIGITS[unit]]
        units[text] = None
        moment += step
    return list(units)
