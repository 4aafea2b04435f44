"""Calls of an API as the contract tells them: their URLs, and the time that their answers are of. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from core.errors import BadContract
from core.feeds.rest.settings import Call, HistoryCall, LiveCall, RestSpec, names_in
from core.feeds.rest.templates import Template

EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
Attributes = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Ask:
    """One call. Its answer may have records of ``[start, end)`` and is no answer to it where it has others.

    ``values`` are those of the placeholders.
    """

    path: str
    query: Mapping[str, str]
    body: Any
    values: Mapping[str, str]
    start: datetime = EARLIEST
    end: datetime = LATEST


def live_call(spec: RestSpec) -> LiveCall:
    """Raises ``BadContract`` where it is not described."""
    if spec.live is None:
        raise BadContract("ask a rest provider", "rest.live", "is not described", "Describe the live call")
    return spec.live


def history_call(spec: RestSpec) -> HistoryCall:
    """Raises ``BadContract`` where it is not described."""
    if spec.history is None:
        raise BadContract("ask a rest provider", "rest.history", "is not described", "Describe the history call")
    return spec.history


def ask_live(call: LiveCall, entities: Sequence[str], attributes: Attributes) -> Ask:
    """The call for the points of some entities as they are now."""
    names = call.separator.join(entities)
    return _filled(call, {**attributes, "entity": entities[0], "entities": names})


def ask_history(
    spec: RestSpec,
    call: HistoryCall,
    entity: str,
    attributes: Attributes,
    *,
    start: datetime,
    end: datetime,
    every: int,
) -> Ask:
    """The call for the slots that start in ``[start, end)``.

    What a form of time cannot tell is asked for beside: whole days where it has no hours, and the hour that a clock
    shows twice from its first time to its second.
    """
    form = spec.times(call).in_urls
    first = start + spec.offset
    if call.start == "exclusive":  # of the whole unit that its text names
        first = min(first - timedelta(seconds=every), form.floor(first) - timedelta(seconds=1))
    first = form.told_before(first)
    # Where a slot's records lie anywhere in it, its start is not its last one.
    step = timedelta(seconds=every if call.align == "exact" else 1)
    last = form.told_after(end - step + spec.offset)
    if call.end_inclusive:
        until, asked_end = last, max(form.after(last), end + spec.offset)
    else:
        until = asked_end = _up(form, form.told_after(end + spec.offset))
    names = names_in(call)
    slots = math.ceil((asked_end - form.floor(first)).total_seconds() / every) + 1
    values = {
        **attributes,
        "entity": entity,
        "entities": entity,
        "start": form.write(first),
        "end": form.write(until),
        "count": str(min(slots, call.limit) if call.limit else slots),
    }
    asked_start = form.floor(first) if "start" in names else EARLIEST
    if call.period:
        asked_start, asked_end = form.floor(first, call.period), form.after(first, call.period)
    elif "end" not in names:
        asked_end = LATEST
    return _filled(call, values, asked_start, asked_end)


def periods(spec: RestSpec, call: HistoryCall, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime]]:
    """``[start, end)`` cut into the parts that one call each is for."""
    if call.period is None:
        yield start, end
        return
    form = spec.times(call).in_urls
    while start < end:
        until = min(end, form.after(start + spec.offset, call.period) - spec.offset)
        yield start, until
        start = until


def _up(form: Any, instant: datetime) -> datetime:
    """The instant where the form tells it, else the start of the next unit."""
    return instant if form.floor(instant) == instant else form.after(instant)


def _filled(call: Call, values: Mapping[str, str], start: datetime = EARLIEST, end: datetime = LATEST) -> Ask:
    path = call.path.fill(values, lambda text: quote(text, safe=""))
    query = {name: template.fill(values) for name, template in call.query.items()}
    body = None if call.body is None else _body(call.body, values)
    return Ask(path, query, body, values, start, end)


def _body(part: Any, values: Mapping[str, str]) -> Any:
    if isinstance(part, Template):
        return part.fill(values)
    if isinstance(part, Mapping):
        return {name: _body(inner, values) for name, inner in part.items()}
    return [_body(inner, values) for inner in part] if isinstance(part, list) else part
