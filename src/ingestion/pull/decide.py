"""Decide on a live answer: a line for the stream, or a reason to write none. Pure.

The slot of a quote is the one that the provider's own clock showed (or, where the contract says so, the record's own
time), never the schedule's and never a retry's. A request
that came late gives a quote for the slot that it is now, which is right; the slot that was missed is the auditor's.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.contract.model import Contract, Entity, Feed, TradingCalendar
from core.errors import InvalidData
from core.feeds.calendar import is_expected, slot_of, validity
from core.feeds.lines import PointLine, encode_line
from core.feeds.point_rules import broken_rule
from core.time import format_second
from ingestion.providers.answers import Answer, Broken, Data, Limited, NoData, NotEntitled

Why = Literal[
    "closed",
    "no_data",
    "token_refused",
    "not_entitled",
    "limited",
    "broken",
    "secret_missing",
    "secret_refused",
    "unanswered",
]


@dataclass(frozen=True, slots=True)
class Write:
    """A line for the stream. ``provider_time`` is epoch seconds by the provider's clock."""

    entity: str
    slot: int
    line: bytes
    provider_time: float


@dataclass(frozen=True, slots=True)
class Skip:
    """Nothing to write; ``detail`` is for the log and holds no secret."""

    entity: str
    why: Why
    detail: str


def decide(
    entity: Entity,
    answer: Answer,
    *,
    contract: Contract,
    feed: Feed,
    calendar: TradingCalendar,
    needed: Collection[str],
    fetched_at: datetime,
) -> Write | Skip:
    """A line for the answer, or the reason why there is none.

    ``needed`` are the fields without which a line would hide a gap instead of filling it.
    """
    if not isinstance(answer, Data):
        return _skip(entity.name, answer)
    clock = answer.provider_time
    if clock is None:
        return Skip(entity.name, "broken", "the answer has no Date header, so nobody knows which slot it is of")
    instant = clock.timestamp()
    slot = slot_of((answer.slot_time or clock).timestamp(), feed.every)
    first, last = validity(entity)
    try:
        is_open = is_expected(calendar, slot)
    except InvalidData as error:  # a clock that is years off, or a calendar that has run out
        detail = f"the provider's clock shows {format_second(clock)}, and of that nothing is known: {error.problem}"
        return Skip(entity.name, "broken", f"{detail}. {error.remedy}")
    if not is_open or not first <= slot < last:
        return Skip(entity.name, "closed", f"the provider's clock shows {format_second(clock)}")
    values = answer.points[0].values
    if lacking := [name for name in needed if values.get(name) is None]:
        return Skip(entity.name, "broken", f"the answer lacks {', '.join(lacking)}")
    if broken := broken_rule(contract, feed, "live", values):
        return Skip(entity.name, "broken", broken)
    point = PointLine(entity.name, slot, "live", "observed", fetched_at, values)
    try:
        line = encode_line(point, dataset=contract.dataset, feed=feed)
    except InvalidData as error:
        return Skip(entity.name, "broken", error.problem)
    return Write(entity.name, slot, line, instant)


def _skip(entity: str, answer: NoData | NotEntitled | Limited | Broken) -> Skip:
    evidence = f"{answer.evidence.request} -> {answer.evidence.status} {answer.evidence.answer[:160]}"
    if isinstance(answer, NoData):
        return Skip(entity, "no_data", evidence)
    if isinstance(answer, NotEntitled):
        return Skip(entity, "token_refused" if answer.what == "token" else "not_entitled", evidence)
    if isinstance(answer, Limited):
        return Skip(entity, "limited", evidence)
    return Skip(entity, "broken", f"{answer.reason}; {evidence}")
