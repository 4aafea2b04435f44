"""The gap that is planted in a canary feed: one point of every day that has any, the same for whoever asks.

The request function leaves it out, the auditor must find and heal it, and so proves every day that it still can.
"""

from __future__ import annotations

import random

from core.calendar import entities_at, expected_between
from core.contract.model import Feed, TradingCalendar

DAY = 86_400
LOOKED_BACK = 10  # days: longer than any exchange stays closed


def planted_gap(dataset: str, feed: Feed, calendar: TradingCalendar, day: int) -> tuple[str, int] | None:
    """Entity and slot of the UTC day that begins at ``day`` (epoch seconds); None where nothing is expected of it.

    Raises ``InvalidData`` where the calendar does not cover the day.
    """
    chance = random.Random(f"canary:{dataset}:{day}")
    slots = expected_between(calendar, every=feed.every, start=day, end=day + DAY)
    if not feed.canary or not slots:
        return None
    slot = chance.choice(slots)
    names = [one.name for one in entities_at(feed, slot)]
    return (chance.choice(names), slot) if names else None


def newest_gap(dataset: str, feed: Feed, calendar: TradingCalendar, *, before: int) -> tuple[str, int] | None:
    """The last gap that was planted before this instant; None where there is none in the last days."""
    today = before // DAY * DAY
    for day in range(today, today - LOOKED_BACK * DAY, -DAY):
        if day < calendar.covers_from or day + DAY > calendar.covers_to:
            continue
        gap = planted_gap(dataset, feed, calendar, day)
        if gap is not None and gap[1] < before:
            return gap
    return None
