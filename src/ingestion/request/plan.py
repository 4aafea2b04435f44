"""Plan the requests for the points that are due when the schedule fires. Pure."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from core.audit.canary import DAY, planted_gap
from core.contract.model import Feed, TradingCalendar
from core.feeds.calendar import entities_at, is_expected, slot_of
from core.feeds.providers import asks_live
from ingestion.request.message import PointsDue

SCHEDULED_EVERY = 60  # seconds: EventBridge's finest


@dataclass(frozen=True, slots=True)
class RequestPlan:
    """Messages to send for a slot. ``expected`` counts all points of the slot, with an entity left out on purpose."""

    slot: int
    expected: int
    messages: tuple[PointsDue, ...]
    left_out: str = ""


def plan_requests(
    dataset: str, feed: Feed, calendar: TradingCalendar, *, time: int, drop_seed: str = ""
) -> RequestPlan:
    """The messages for the slot that ``time`` (epoch seconds) lies in; none while the calendar is closed.

    A feed of history alone has none: the auditor asks for its points when they are published.

    The schedule fires every minute: a feed of a longer cadence is asked for in the first minute of its slot alone.
    ``drop_seed`` is the fault switch of game days: with it, one entity is left out of every slot. A canary
    feed lacks one point of every day.
    Raises ``InvalidData`` outside what the calendar covers.
    """
    slot = slot_of(time, feed.every)
    is_due = slot_of(time, SCHEDULED_EVERY) == slot and is_expected(calendar, slot)
    if not is_due or not asks_live(feed):
        return RequestPlan(slot, 0, ())
    names = [entity.name for entity in entities_at(feed, slot)]
    left_out = dropped_entity(names, seed=drop_seed, slot=slot) if drop_seed and names else ""
    gap = planted_gap(dataset, feed, calendar, slot_of(slot, DAY)) if feed.canary else None
    if gap is not None and gap[1] == slot:
        left_out = gap[0]
    due = [name for name in names if name != left_out]
    size = feed.entities_per_message
    chunks = (tuple(due[first : first + size]) for first in range(0, len(due), size))
    messages = tuple(PointsDue(dataset, slot, chunk) for chunk in chunks)
    return RequestPlan(slot, len(names), messages, left_out)


def dropped_entity(names: Sequence[str], *, seed: str, slot: int) -> str:
    """The entity that the fault switch leaves out: the same for the same seed and slot, on every machine."""
    return random.Random(f"{seed}:{slot}").choice(names)
