"""Which days and hours of an exchange the scenarios take, by its calendar: what they need is there on any day.

``now`` is an argument everywhere, so that tests/unit/local/test_sessions.py can ask as if it were another day.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from core.audit.canary import DAY, newest_gap
from core.contract.model import Feed, TradingCalendar
from core.feeds.calendar import expected_between
from core.feeds.grid import feed_grid
from local.trading import last_session_hour

Hour = Callable[[int], dt.datetime]

HOURS = 6  # full hours of a session of XNYS; a half day has three
SETTLED = dt.timedelta(hours=1)  # points of a session that has only just closed are not owed yet
STEADY = 120  # seconds in which no other gap of a canary falls due


def session_hour(calendar: TradingCalendar, number: int, *, now: dt.datetime) -> dt.datetime:
    """The start of an hour (from 0) of the newest session that is long over and has all ``HOURS``; or their end."""
    assert 0 <= number <= HOURS
    return last_session_hour(calendar, now=now - SETTLED, hours=HOURS) + dt.timedelta(hours=number)


def session_days(feed: Feed, calendar: TradingCalendar, *, owing: int, before: dt.datetime) -> list[dt.datetime]:
    """The newest days (UTC) before that of ``before`` which together owe more than so many points, in order."""
    day = before.replace(hour=0, minute=0, second=0, microsecond=0)
    days: list[dt.datetime] = []
    owed = 0
    while owed <= owing:
        day -= dt.timedelta(days=1)
        start = int(day.timestamp())
        if points := feed_grid(feed, calendar, start=start, end=start + DAY).expected:
            days.insert(0, day)
            owed += points
    return days


@dataclass(frozen=True)
class PlantedGap:
    """The point of a canary that nobody asked for, and those that were asked for on its day; epoch seconds."""

    entity: str
    slot: int
    observed: tuple[int, ...]


def judged_gap(dataset: str, feed: Feed, calendar: TradingCalendar, *, now: dt.datetime) -> PlantedGap | None:
    """The gap by which the canary is judged now; None while another one is about to be."""
    due = int(now.timestamp()) - feed.complete_within
    gap = newest_gap(dataset, feed, calendar, before=due)
    if gap is None or gap != newest_gap(dataset, feed, calendar, before=due + STEADY):
        return None
    entity, slot = gap
    day = slot // DAY * DAY
    slots = expected_between(calendar, every=feed.every, start=day, end=day + DAY)
    return PlantedGap(entity, slot, tuple(at for at in slots if at != slot and at < now.timestamp()))
