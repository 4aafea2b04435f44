"""Settings of a ``rest`` provider: any JSON API, described by its calls and by the places of the points in its answers.

    provider:
      rest:
        url: https://api.example.org/v2
        headers: {X-Api-Key: "{secret}"}          # the only place a secret may be
        time: iso                                 # or epoch_seconds, epoch_milliseconds; both ways
        span: 7 days                              # the longest history that one call may ask for
        delay: 15 minutes                         # how late it publishes history; none unless said
        calls_per_minute: 30                      # of this provider, where it is not the feed's own rate_limit
        calls_per_second: 10                      # no limit unless said
        live:
          path: /stations/{entity}/now
          query: {units: metric}
          records: current                        # a JMESPath to the record (or a list of one)
          fields: {temperature: air.temp}         # field of the line: JMESPath inside the record
          time: at                                # optional here: the record must be of the slot that it is now
          no_data: "status == 'silent'"           # a JMESPath that is true when the API has nothing
          no_data_status: [404]                   # a body that is no JSON is no such answer
          limited: "code == `429`"                # a JMESPath that is true when a 200 says that we called too often
        history:
          path: /stations/{entity}/observations
          query: {from: "{start}", to: "{end}"}
          end: exclusive                          # or inclusive: {end} is then the last slot itself
          records: data.observations              # rows: a list of records; columns: an object of arrays
          shape: rows
          time: at
          fields: {temperature: air.temp}
          align: exact                            # or floor: a record counts for the slot that it lies within
          keep: last                              # of several within one slot (floor): the first or the last
          complete: "status == 'complete'"        # true of a whole answer: what it lacks is then absent at once
          count: meta.total                       # or the number of records; another one is no whole answer
          next: meta.next_url                     # the next page's URL, of the same host; or: link (the Link header)
          most_pages: 20                          # of one answer; one that has more is not whole

What an answer lacks is absent at once only where the answer says for itself that it is whole: by ``complete``, by
``count`` or by its last page. Otherwise it takes two answers that agree, from two audits. An answer that names
another page which nobody told how to follow, or an error, speaks for the absence of nothing.

JMESPath is what the AWS CLI's ``--query`` speaks; it reads data and runs nothing. It comes with botocore, hence with
every Lambda runtime. ``{entity}``, ``{start}`` and ``{end}`` are the only other placeholders; values are URL-escaped.
A record whose fields are all null is a slot that the API has nothing for. Fields that no column takes are not looked
at.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult

from core.errors import BadContract
from core.time import format_second

TimeForm = Literal["iso", "epoch_seconds", "epoch_milliseconds"]
Align = Literal["exact", "floor"]
LINK = "link"  # of ``next``: the Link header of RFC 8288
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_DIGITS_OF_AN_INSTANT = 20  # beyond every epoch; a number of a billion digits would be written out
_SPAN = re.compile(r"(\d+) (minute|hour|day)s?")
_TOP = {"url", "headers", "time", "span", "delay", "calls_per_minute", "calls_per_second", "live", "history", "secret"}
_CALL = {"path", "query", "records", "shape", "fields", "time", "no_data", "no_data_status", "limited"}
_HISTORY = _CALL | {"end", "align", "keep", "complete", "count", "next", "most_pages"}
_MOST_PAGES = 100


@dataclass(frozen=True, slots=True)
class CallSpec:
    """One of the two calls. ``time`` is None where a live record carries none.

    ``next_page`` is a path to the next page's URL, or ``LINK``; None: an answer has one page.
    """

    path: str
    query: Mapping[str, str]
    records: ParsedResult
    shape: Literal["rows", "columns"]
    fields: Mapping[str, ParsedResult]
    time: ParsedResult | None
    end_inclusive: bool
    no_data: ParsedResult | None
    no_data_status: tuple[int, ...]
    limited: ParsedResult | None = None
    align: Align = "exact"
    keep: Literal["first", "last"] = "last"
    complete: ParsedResult | None = None
    count: ParsedResult | None = None
    next_page: ParsedResult | Literal["link"] | None = None
    most_pages: int = 20


@dataclass(frozen=True, slots=True)
class RestSpec:
    """The settings of a ``rest`` provider, checked. A call that is None is not described."""

    url: str
    headers: Mapping[str, str]
    time: TimeForm
    span: timedelta
    delay: timedelta
    calls_per_minute: int
    calls_per_second: int
    live: CallSpec | None
    history: CallSpec | None

    def write_time(self, instant: datetime) -> str:
        """An instant as this API wants it in a URL."""
        if self.time == "iso":
            return format_second(instant)
        return str(int(instant.timestamp()) * (1000 if self.time == "epoch_milliseconds" else 1))

    def read_time(self, value: object) -> datetime:
        """A record's time, aware. Raises ``ValueError``. ISO texts without an offset are UTC."""
        if self.time == "iso":
            if not isinstance(value, str):
                raise ValueError(f"{value!r} is no ISO 8601 text")
            instant = datetime.fromisoformat(value)
            try:
                return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
            except OverflowError:  # the last evening of the calendar, west of Greenwich
                raise ValueError(f"{value!r} is no instant of UTC's calendar") from None
        if isinstance(value, bool) or not isinstance(value, int | Decimal) or not Decimal(value).is_finite():
            raise ValueError(f"{value!r} is no epoch number")
        if abs(Decimal(value).adjusted()) > _DIGITS_OF_AN_INSTANT:
            raise ValueError(f"{value!r} is no instant")
        scale = 1000 if self.time == "epoch_milliseconds" else 1_000_000
        try:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(value * scale))
        except OverflowError:
            raise ValueError(f"{value!r} is no instant") from None


def read_spec(settings: Mapping[str, Any]) -> RestSpec:
    """Raises ``BadContract`` naming the setting that is wrong and what would be right."""
    _known(settings, _TOP, "")
    form = settings.get("time", "iso")
    if form not in ("iso", "epoch_seconds", "epoch_milliseconds"):
        raise _bad("time", f"{form!r} is no time format", "Use iso, epoch_seconds or epoch_milliseconds")
    headers = _texts(settings.get("headers", {}), "headers")
    for name, value in headers.items():
        _placeholders(value, {"secret"}, f"headers.{name}")
    calls = {name: _call(settings[name], name) if name in settings else None for name in ("live", "history")}
    return RestSpec(
        url=_text(settings, "url", ""),
        headers=headers,
        time=form,
        span=_duration(settings.get("span", "1 day"), "span"),
        delay=_duration(settings.get("delay", "0 minutes"), "delay"),
        calls_per_minute=_count(settings, "calls_per_minute"),
        calls_per_second=_count(settings, "calls_per_second"),
        live=calls["live"],
        history=calls["history"],
    )


def _call(settings: Any, name: str) -> CallSpec:
    if not isinstance(settings, Mapping):
        raise _bad(name, "is no mapping", "Give it path, records and fields")
    _known(settings, _CALL if name == "live" else _HISTORY, f"{name}.")
    allowed = {"entity"} if name == "live" else {"entity", "start", "end"}
    path = _text(settings, "path", f"{name}.")
    _placeholders(path, allowed, f"{name}.path")
    query = _texts(settings.get("query", {}), f"{name}.query")
    for key, value in query.items():
        _placeholders(value, allowed, f"{name}.query.{key}")
    if name == "history" and "time" not in settings:
        raise _bad("history.time", "is missing", "Say where a record's time is")
    if not isinstance(settings.get("fields"), Mapping) or not settings["fields"]:
        raise _bad(f"{name}.fields", "is missing", "Map each field of the line to its place in a record")
    return CallSpec(
        path=path,
        query=query,
        records=_path(settings.get("records", "@"), f"{name}.records"),
        shape=_choice(settings, "shape", ("rows", "columns"), name),
        fields={str(field): _path(path, f"{name}.fields.{field}") for field, path in settings["fields"].items()},
        time=_path(settings["time"], f"{name}.time") if "time" in settings else None,
        end_inclusive=_choice(settings, "end", ("exclusive", "inclusive"), name) == "inclusive",
        no_data=_optional(settings, "no_data", name),
        no_data_status=_statuses(settings.get("no_data_status", []), f"{name}.no_data_status"),
        limited=_optional(settings, "limited", name),
        align=_choice(settings, "align", ("exact", "floor"), name),
        keep=_choice(settings, "keep", ("last", "first"), name),
        complete=_optional(settings, "complete", name),
        count=_optional(settings, "count", name),
        next_page=LINK if settings.get("next") == LINK else _optional(settings, "next", name),
        most_pages=_pages(settings, name),
    )


def _choice(settings: Mapping[str, Any], key: str, allowed: tuple[str, ...], call: str) -> Any:
    """One of the allowed words, the first of them where none is said."""
    value = settings.get(key, allowed[0])
    if value not in allowed:
        raise _bad(f"{call}.{key}", f"{value!r} is no {key}", f"Use {' or '.join(allowed)}")
    return value


def _optional(settings: Mapping[str, Any], key: str, call: str) -> ParsedResult | None:
    return _path(settings[key], f"{call}.{key}") if key in settings else None


def _pages(settings: Mapping[str, Any], call: str) -> int:
    value = settings.get("most_pages", 20)
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= _MOST_PAGES:
        raise _bad(f"{call}.most_pages", f"{value!r} is no number of pages", f"Write 1 to {_MOST_PAGES}")
    return value


def _duration(text: object, place: str) -> timedelta:
    match = _SPAN.fullmatch(str(text))
    if not match:
        raise _bad(place, f"{text!r} is no duration", "Write it like '7 days' (minutes, hours or days)")
    return timedelta(**{f"{match[2]}s": int(match[1])})


def _texts(value: Any, place: str) -> dict[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(text, str) for text in value.values()):
        raise _bad(place, "is no mapping of names to texts", 'Quote the values: {limit: "100"}')
    return {str(name): text for name, text in value.items()}


def _statuses(value: Any, place: str) -> tuple[int, ...]:
    if not isinstance(value, list | tuple) or not all(
        isinstance(status, int) and 200 <= status < 500 for status in value
    ):
        raise _bad(place, f"{value!r} is no list of statuses", "Write it like [404]")
    return tuple(value)


def _count(settings: Mapping[str, Any], name: str) -> int:
    value = settings.get(name, 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _bad(name, f"{value!r} is no number of calls", "Write a whole number")
    return value


def _path(text: object, place: str) -> ParsedResult:
    try:
        return jmespath.compile(str(text))
    except JMESPathError as error:
        problem = " ".join(str(error).split())
        raise _bad(place, f"{text!r} is no JMESPath ({problem})", "Write it like data.observations") from None


def _placeholders(text: str, allowed: set[str], place: str) -> None:
    for name in _PLACEHOLDER.findall(text):
        if name not in allowed:
            remedy = f"Use {', '.join('{' + known + '}' for known in sorted(allowed))}; secrets go into headers alone"
            raise _bad(place, f"unknown placeholder {{{name}}}", remedy)


def _known(settings: Mapping[str, Any], names: set[str], prefix: str) -> None:
    if unknown := sorted(set(map(str, settings)) - names):
        raise _bad(prefix + unknown[0], "is no setting", f"Use some of: {', '.join(sorted(names))}")


def _text(settings: Mapping[str, Any], name: str, prefix: str) -> str:
    value = settings.get(name)
    if not isinstance(value, str) or not value:
        raise _bad(prefix + name, "is missing", "Give it as text")
    return value


def _bad(place: str, problem: str, remedy: str) -> BadContract:
    return BadContract("read the rest provider", f"rest.{place}", problem, remedy)
