"""The calls of a provider's history that missing points need: near gaps share one. Pure.

A call costs the provider's rate, points in between cost some bytes, so gaps are joined as far as the provider's span
and ``MOST_SLOTS`` allow; what a call covers beside its gaps is not taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from core.audit.history import Ranges
from core.contract.model import Feed, TradingCalendar
from core.feeds.calendar import spans_of_cadence
from core.feeds.grid import Slots, expected_slots
from core.feeds.providers import history_span

ROOM = 3  # slots on each side that a call leaves free for known values, which its answer is held against
MOST_SLOTS = 5_000  # of one call: a long answer is cut by some providers, and some of them do not say so


@dataclass(frozen=True, slots=True)
class HistoryCallPlan:
    """One call for ``[start, end)`` that brings the ``wanted`` ranges: so many points, ``every`` seconds apart."""

    start: int
    end: int
    entity: str
    points: int
    wanted: Ranges
    every: int


@dataclass(slots=True)
class CallPlanner:
    """``plan_calls`` for many entities: for the same ranges the calls are the same, and an outage is everybody's."""

    feed: Feed
    calendar: TradingCalendar
    _by_ranges: dict[Ranges, list[HistoryCallPlan]] = field(default_factory=dict)

    def __call__(self, entity: str, ranges: Ranges) -> list[HistoryCallPlan]:
        """The calls of ``plan_calls``."""
        if ranges not in self._by_ranges:
            self._by_ranges[ranges] = plan_calls("", ranges, self.feed, self.calendar)
        return [replace(call, entity=entity) for call in self._by_ranges[ranges]]


def plan_calls(entity: str, ranges: Ranges, feed: Feed, calendar: TradingCalendar) -> list[HistoryCallPlan]:
    """The calls for an entity's missing ranges, in order of time. Slots that nobody owes are asked for by none."""
    if not ranges:
        return []
    ordered = sorted(ranges)
    first, last = ordered[0][0], max(end for _, end in ordered)
    calls: list[HistoryCallPlan] = []
    for since, until, every in spans_of_cadence(calendar, every=feed.every, start=first, end=last):
        owed = expected_slots(calendar, every=feed.every, start=since, end=until)
        calls += _calls(entity, _missing(owed, ordered), owed, feed, every)
    return calls


def _missing(owed: Slots, ranges: list[tuple[int, int]]) -> Slots:
    bounds = np.array(ranges, np.int64)
    change = np.zeros(len(owed) + 1, np.int64)
    np.add.at(change, np.searchsorted(owed, bounds[:, 0]), 1)
    np.add.at(change, np.searchsorted(owed, bounds[:, 1]), -1)
    return owed[np.cumsum(change[:-1]) > 0]


def _calls(entity: str, missing: Slots, owed: Slots, feed: Feed, every: int) -> Iterator[HistoryCallPlan]:
    span = int(history_span(feed.history).total_seconds())
    span = max(every, span - 2 * ROOM * every if span > 8 * ROOM * every else span)
    places = np.searchsorted(owed, missing)
    first = 0
    while first < len(missing):
        until = min(
            int(np.searchsorted(missing, missing[first] + span - every, side="right")),
            int(np.searchsorted(places, places[first] + MOST_SLOTS)),
        )
        part = missing[first : max(until, first + 1)]
        first += len(part)
        wanted = _ranges(part, owed, every)
        yield HistoryCallPlan(int(part[0]), int(part[-1]) + every, entity, len(part), wanted, every)


def _ranges(part: Slots, owed: Slots, every: int) -> Ranges:
    """The slots as ranges: neighbours are those between which nothing is owed."""
    places = np.searchsorted(owed, part)
    cuts = np.flatnonzero(np.diff(places) > 1) + 1
    starts, ends = np.append(part[:1], part[cuts]), np.append(part[cuts - 1], part[-1:])
    return tuple(zip(starts.tolist(), (ends + every).tolist(), strict=True))
