"""Rules between a described API and the feed that is asked of it: what cannot be kept is told before it is deployed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from core.contract.model import Feed
from core.feeds.calendar import slot_of
from core.feeds.rest.settings import HistoryCall, LiveCall, RestSpec, attributes_of

_DAYS = (datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC))  # the clocks of winter and summer
_UNITS = {
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "month": timedelta(days=31),
    "year": timedelta(days=366),
}


@dataclass(frozen=True, slots=True)
class Unmet:
    """A need of the feed that the settings do not meet; ``place`` lies below ``rest``."""

    place: str
    problem: str
    remedy: str


def unmet_by_live(spec: RestSpec, call: LiveCall, feed: Feed) -> Iterator[Unmet]:
    """The needs of live points."""
    yield from _attributes(call, "live", feed)
    yield from _offset(spec, feed)
    if call.entities_per_call > feed.entities_per_message:
        problem = f"{call.entities_per_call} entities of one call come in messages of {feed.entities_per_message}"
        remedy = f"Write entities_per_message: {call.entities_per_call} (of the source), or ask for fewer at once"
        yield Unmet("live.entities_per_call", problem, remedy)


def unmet_by_history(spec: RestSpec, call: HistoryCall, feed: Feed) -> Iterator[Unmet]:
    """The needs of points that are fetched later."""
    yield from _attributes(call, "history", feed)
    yield from _offset(spec, feed)
    slots = int(_asked(spec, call).total_seconds()) // feed.every
    if call.limit and not call.is_paged and slots > call.limit:
        problem = f"{slots} points of span are more than the {call.limit} of one answer (limit)"
        yield Unmet(
            "span", problem, f"Let span be {_words(call.limit * feed.every)} at most, or say how pages are told"
        )
    if call.period and call.align == "floor" and not all(_begins_a_slot(spec, call, day, feed.every) for day in _DAYS):
        zone = spec.times(call).zone
        problem = f"a {call.period} begins within a point of {_words(feed.every)} by the clocks of {zone}: half of its "
        remedy = "Let every be shorter, or begin with a point (align: exact)"
        yield Unmet("history.period", f"{problem}records are another answer's", remedy)
    if feed.every > spec.span.total_seconds():
        problem = f"holds no point: one comes every {_words(feed.every)}"
        yield Unmet("span", problem, f"Let it be {_words(feed.every)} or more")


def _asked(spec: RestSpec, call: HistoryCall) -> timedelta:
    """The longest time that an answer may be of: a form of time without hours asks for whole days."""
    unit = spec.times(call).in_urls.unit
    if call.period is not None:
        return _UNITS[call.period]
    return spec.span + _UNITS.get(unit, timedelta())


def _begins_a_slot(spec: RestSpec, call: HistoryCall, instant: datetime, every: int) -> bool:
    start = spec.times(call).in_urls.floor(instant, call.period) - spec.offset
    return slot_of(start.timestamp(), every) == start.timestamp()


def _offset(spec: RestSpec, feed: Feed) -> Iterator[Unmet]:
    if spec.offset.total_seconds() >= feed.every:
        yield Unmet("offset", f"is no part of {_words(feed.every)}", "Let it be shorter than every")


def _attributes(call: LiveCall | HistoryCall, role: str, feed: Feed) -> Iterator[Unmet]:
    for name in sorted(attributes_of(call)):
        lacking = [entity.name for entity in feed.entities if name not in entity.attributes]
        if len(lacking) == len(feed.entities):
            problem = f"unknown placeholder {{{name}}}"
            remedy = f"Use {{entity}}, or give each entity the attribute: {lacking[0]}: {{{name}: …}}; "
            yield Unmet(f"{role}.path", problem, remedy + "secrets go into headers or auth alone")
        elif lacking:
            problem = f"{', '.join(lacking[:5])} lack the attribute {name!r}, which the call needs"
            yield Unmet(f"{role}.path", problem, f"Write {lacking[0]}: {{{name}: …}} in entities")


def _words(seconds: int) -> str:
    for unit, size in (("day", 86_400), ("hour", 3600)):
        if seconds % size == 0:
            return f"{seconds // size} {unit}{'s' if seconds > size else ''}"
    return f"{seconds // 60} minutes"
