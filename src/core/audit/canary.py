"""Canaries: the gap that is planted in one every day, for the auditor to find and heal, which proves that it works.

In a feed it is a point, the same for every caller, which the request function leaves out. In the shadow of a database's
table it is a row, which processing takes out again; ``PlantedRow``, stored below ``audit/``, names it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from core.contract.model import Feed, TradingCalendar
from core.feeds.calendar import entities_at, expected_between
from core.json import UNREADABLE, canonical_json
from core.ports import ObjectReader
from core.typed import typed

DAY = 86_400
LOOKED_BACK = 10  # days: longer than any exchange stays closed


def planted_gap(dataset: str, feed: Feed, calendar: TradingCalendar, day: int) -> tuple[str, int] | None:
    """Entity and slot of the UTC day that begins at ``day`` (epoch seconds); None where nothing is expected of it.

    Raises ``InvalidData`` where the calendar does not cover the day.
    """
    generator = random.Random(f"canary:{dataset}:{day}")
    slots = expected_between(calendar, every=feed.every, start=day, end=day + DAY)
    if not feed.canary or not slots:
        return None
    slot = generator.choice(slots)
    names = [entity.name for entity in entities_at(feed, slot)]
    return (generator.choice(names), slot) if names else None


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


# ---------------------------------------------------------------- databases


@dataclass(frozen=True, slots=True)
class PlantedRow:
    """The row that was taken out of a partition of a canary's fact, on a UTC day (ISO 8601).

    ``key`` holds the key's columns as texts. ``checked_at`` is that column's value before (empty: never fetched again);
    a row that comes back through a repair has another. ``planted_at`` is in epoch seconds.
    """

    day: str
    table: str
    partition: str
    key: Mapping[str, str]
    checked_at: str
    planted_at: int

    def to_json(self) -> bytes:
        """The canonical bytes."""
        return canonical_json(asdict(self))

    @classmethod
    def from_json(cls, body: bytes) -> PlantedRow:
        """Read what ``to_json`` wrote. Raises one of ``UNREADABLE`` where it is something else."""
        return typed(cls(**json.loads(body)))


def read_planted(store: ObjectReader, dataset: str) -> PlantedRow | None:
    """The newest row that was taken out of a canary; None where nobody knows, so that the next day takes another."""
    stored = store.read(planted_key(dataset))
    try:
        return PlantedRow.from_json(stored.body) if stored else None
    except UNREADABLE:
        return None


def planted_key(dataset: str) -> str:
    """The key of a canary's ``PlantedRow`` in the warehouse bucket."""
    return f"audit/canary/{dataset}.json"
