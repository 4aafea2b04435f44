"""The settings of a ``rest`` provider, read strictly: each misuse is named by its place, with what would be right."""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints
from zoneinfo import ZoneInfoNotFoundError

from core.errors import BadContract
from core.feeds.rest.settings import Call, HistoryCall, LiveCall, Paging, RestSpec, Times, names_in
from core.feeds.rest.templates import NoTemplate, Path, Template
from core.feeds.rest.times import check_form
from core.time import zone_of

_SPAN = re.compile(r"(\d{1,6}) (minute|hour|day)s?")
_OF_HISTORY = frozenset({"start", "end", "count"})


@dataclasses.dataclass(frozen=True)
class _Settings:
    """Settings that are the same where their text is."""

    text: str
    content: Mapping[str, Any] = dataclasses.field(compare=False)


def read_spec(settings: Mapping[str, Any]) -> RestSpec:
    """Raises ``BadContract`` naming the setting that is wrong and what would be right."""
    return _checked(_Settings(repr(settings), settings))


@lru_cache(maxsize=64)  # plans ask for it again for every entity
def _checked(settings: _Settings) -> RestSpec:
    spec: RestSpec = _read(RestSpec, settings.content, "")
    for name, header in spec.headers.items():
        _known(header.names, {"secret"}, f"headers.{name}")
    for role, call in (("live", spec.live), ("history", spec.history)):
        if call is not None:
            _check_call(call, role)
    if spec.auth.query and spec.auth.basic:
        raise _bad("auth", "tells two ways", "Keep one of query and basic")
    return spec


def _check_call(call: Call, role: str) -> None:
    names = names_in(call)
    if "secret" in names:
        raise _bad(f"{role}.path", "the secret is no part of a URL", "Write auth: {query: NAME}, or name it in headers")
    if unknown := sorted(names & _OF_HISTORY) if isinstance(call, LiveCall) else ():
        raise _bad(f"{role}.path", f"unknown placeholder {{{unknown[0]}}}", "A live call has no time: use {entity}")
    if call.path.text and call.path.text[0] not in "/?":
        remedy = f"Write /{call.path.text}: it is added to the URL as it is"
        raise _bad(f"{role}.path", "begins with neither / nor ?", remedy)
    if not call.fields:
        raise _bad(f"{role}.fields", "is missing", "Map each field of the line to its place in a record")
    whole = [name for name, path in call.fields.items() if path.text.strip() == "@"]
    if whole and call.shape == "columns":
        remedy = "Take its parts by their names; whole records are of the other shapes"
        raise _bad(f"{role}.fields.{whole[0]}", "is no record, for arrays stand side by side", remedy)
    if len(call.delimiter) != 1:
        raise _bad(f"{role}.delimiter", f"{call.delimiter!r} is not one character", 'Write ",", ";" or "\\t"')
    if isinstance(call, HistoryCall):
        _check_history(call)
    elif isinstance(call, LiveCall):
        _check_live(call)


def _check_live(call: LiveCall) -> None:
    is_named = call.entity is not None or call.shape == "entities"
    if call.entities_per_call > 1 and not (is_named and "entities" in names_in(call)):
        remedy = "Write {entities} into the path or the query, and entity: the name's place in a record"
        raise _bad("live.entities_per_call", "does not tell whose a record is", remedy)
    if call.slot == "record" and call.time is None and call.shape != "map":
        raise _bad("live.time", "is missing", "Say where a record's time is: its slot goes by it")


def _check_history(call: HistoryCall) -> None:
    if call.time is None and call.shape != "map":
        raise _bad("history.time", "is missing", "Say where a record's time is")
    if call.next is not None and call.pages is not None:
        raise _bad("history.pages", "tells a second way to the next page", "Keep one of next and pages")
    if call.pages is not None and (call.pages.by == "cursor") != (call.pages.cursor is not None):
        raise _bad("history.pages.cursor", "belongs to by: cursor", "Say where a page names the cursor of the next")
    if call.period is not None and "start" not in names_in(call):
        raise _bad("history.period", "is named by nothing", "Write {start} into the path or the query")


# ---------------------------------------------------------------- reading by the types of the settings


def _read(kind: Any, value: Any, place: str) -> Any:
    """A mapping as the settings of a class."""
    if kind is Times and isinstance(value, str):
        value = {"urls": value, "records": value}
    if not isinstance(value, Mapping):
        raise _bad(place or ".", "is no mapping", f"Write some of: {', '.join(_names(kind))}")
    prefix = f"{place}." if place else ""
    if unknown := sorted(set(map(str, value)) - set(_names(kind))):
        raise _bad(prefix + unknown[0], "is no setting", f"Use some of: {', '.join(_names(kind))}")
    hints = _hints(kind)
    read: dict[str, Any] = {}
    for setting in dataclasses.fields(kind):
        name = _key(kind, setting.name)
        if name in value:
            read[setting.name] = _value(hints[setting.name], value[name], prefix + name, setting.metadata)
        elif setting.default is dataclasses.MISSING and setting.default_factory is dataclasses.MISSING:
            raise _bad(prefix + name, "is missing", f"Say it: {setting.metadata['doc']}")
    return kind(**read)


def _key(kind: Any, name: str) -> str:
    """The key of a setting; ``from`` is no name in Python."""
    return "from" if kind is Paging and name == "cursor" else name


def _names(kind: Any) -> list[str]:
    return sorted(_key(kind, setting.name) for setting in dataclasses.fields(kind))


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _value(kind: Any, value: Any, place: str, bounds: Mapping[str, Any]) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        options = [option for option in get_args(kind) if option is not type(None)]
        words = [word for option in options if get_origin(option) is Literal for word in get_args(option)]
        if value in words:
            return value
        return _value(next(option for option in options if len(options) == 1 or option is Path), value, place, bounds)
    if origin is Literal:
        if value not in get_args(kind):
            remedy = f"Use {' or '.join(map(str, get_args(kind)))}"
            raise _bad(place, f"{value!r} is no {place.rpartition('.')[2]}", remedy)
        return value
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(get_args(kind)[1], value, place)
    if origin is tuple:
        return _statuses(value, place) if get_args(kind)[0] is int else _markers(value, place)
    if dataclasses.is_dataclass(kind) and kind not in (Path, Template):
        return _checked_times(_read(kind, value, place), place) if kind is Times else _read(kind, value, place)
    return _READERS[kind](value, place, bounds)


def _mapping(kind: Any, value: Any, place: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _bad(place, "is no mapping of names to texts", 'Quote the values: {limit: "100"}')
    if kind is Any:
        return {str(name): _body(part) for name, part in value.items()}
    if kind is Template and not all(isinstance(text, str) for text in value.values()):
        raise _bad(place, "is no mapping of names to texts", 'Quote the values: {limit: "100"}')
    return {str(name): _READERS[kind](text, f"{place}.{name}", {}) for name, text in value.items()}


def _body(part: Any) -> Any:
    if isinstance(part, str):
        return Template(part)
    if isinstance(part, Mapping):
        return {str(name): _body(inner) for name, inner in part.items()}
    return [_body(inner) for inner in part] if isinstance(part, list | tuple) else part


def _checked_times(times: Times, place: str) -> Times:
    for name in ("urls", "records"):
        if problem := check_form(getattr(times, name)):
            remedy = "Use iso, iso_local, date, epoch_seconds (milli-, micro-, nano-), or a pattern like %Y%m%d%H"
            raise _bad(place, problem, remedy)
    try:
        zone_of(times.zone)
    except ZoneInfoNotFoundError:
        raise _bad(f"{place}.zone", f"{times.zone!r} is no time zone", "Use an IANA name such as UTC") from None
    return times


def _duration(text: Any, place: str, _: Mapping[str, Any]) -> timedelta:
    match = _SPAN.fullmatch(str(text))
    if not match:
        raise _bad(place, f"{text!r} is no duration", "Write it like '7 days' (minutes, hours or days)")
    return timedelta(**{f"{match[2]}s": int(match[1])})


def _text(value: Any, place: str, _: Mapping[str, Any]) -> str:
    if not isinstance(value, str) or not value:
        raise _bad(place, "is no text", "Give it as text")
    return value


def _template(value: Any, place: str, _: Mapping[str, Any]) -> Template:
    return Template(_text(value, place, {}))


def _path(text: Any, place: str, _: Mapping[str, Any]) -> Path:
    try:
        return Path(str(text))
    except NoTemplate as error:
        raise _bad(place, str(error), "Write it like data.observations") from None


def _number(value: Any, place: str, bounds: Mapping[str, Any]) -> int:
    least, most = bounds.get("least", 0), bounds.get("most")
    if not isinstance(value, int) or isinstance(value, bool) or value < least or (most is not None and value > most):
        remedy = f"Write {least} to {most}" if most is not None else f"Write a whole number, {least} or more"
        raise _bad(place, f"{value!r} is no such number", remedy)
    return value


def _switch(value: Any, place: str, _: Mapping[str, Any]) -> bool:
    if not isinstance(value, bool):
        raise _bad(place, f"{value!r} is neither true nor false", "Write true, or leave it out")
    return value


def _statuses(value: Any, place: str) -> tuple[int, ...]:
    below = 500 if place.endswith("no_data_status") else 600  # a server that failed does not know what there is
    if not isinstance(value, list | tuple) or not all(
        isinstance(status, int) and 200 <= status < below for status in value
    ):
        raise _bad(place, f"{value!r} is no list of statuses", "Write it like [404]")
    return tuple(value)


def _markers(value: Any, place: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple) or any(isinstance(marker, list | Mapping) for marker in value):
        raise _bad(place, f"{value!r} is no list of values", 'Write it like ["", "M", -9999]')
    return tuple(Decimal(str(marker)) if isinstance(marker, int | float) else marker for marker in value)


_READERS: dict[Any, Callable[[Any, str, Mapping[str, Any]], Any]] = {
    str: _text,
    int: _number,
    bool: _switch,
    timedelta: _duration,
    Template: _template,
    Path: _path,
}


def _known(names: frozenset[str], allowed: set[str], place: str) -> None:
    if unknown := sorted(names - allowed):
        remedy = f"Use {', '.join('{' + known + '}' for known in sorted(allowed))}"
        raise _bad(place, f"unknown placeholder {{{unknown[0]}}}", remedy)


def _bad(place: str, problem: str, remedy: str) -> BadContract:
    return BadContract("read the rest provider", f"rest.{place}", problem, remedy)
