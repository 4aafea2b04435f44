"""Settings of a ``rest`` provider, each with its meaning: the calls of an API, and the points in its answers.

    provider:
      rest:
        url: https://api.example.org/v2
        headers: {X-Api-Key: "{secret}"}
        live: {path: "/stations/{entity}/now", records: current, fields: {temperature: air.temp}}
        history:
          path: /stations/{entity}/observations
          query: {from: "{start}", to: "{end}"}
          records: data.observations
          time: at
          fields: {temperature: air.temp}

What an answer lacks is absent at once only where the answer says for itself that it is whole: by ``complete``, by
``count`` or by its last page. Otherwise it takes two answers that agree, from two audits. An answer that names
another page which nobody told how to follow, or an error, speaks for the absence of nothing.

JMESPath is what the AWS CLI's ``--query`` speaks; it reads data and runs nothing. It comes with botocore, hence with
every Lambda runtime. A record whose fields are all null is a slot that the API has nothing for. Fields that no column
takes are not looked at.

Each class is a mapping of the contract and each field a key of it; ``doc_of`` gives a field's meaning.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from core.feeds.rest.templates import OF_CALLS, Path, Template
from core.feeds.rest.times import TimeForm

Align = Literal["exact", "floor"]
Period = Literal["day", "month", "year"]
LINK = "link"  # of ``next``: the Link header of RFC 8288


def option(doc: str, default: Any = dataclasses.MISSING, *, least: int = 0, most: int | None = None) -> Any:
    """A field with its meaning; ``least`` and ``most`` bound a number."""
    metadata = {"doc": doc, "least": least, "most": most}
    if default == {}:
        return field(default_factory=dict, metadata=metadata)
    return field(default=default, metadata=metadata)


def doc_of(of_field: dataclasses.Field[Any]) -> str:
    """The meaning of a setting, in words for whoever writes a contract."""
    return str(of_field.metadata["doc"])


@dataclass(frozen=True, kw_only=True)
class Times:
    """The forms of instants, separately for URLs and records. A bare form means both.

    Forms: `iso`, `iso_local` (no offset), `date`, `epoch_seconds`, `epoch_milliseconds`, `epoch_microseconds`,
    `epoch_nanoseconds`, or a pattern of strftime such as `"%Y-%m-%d %H:%M:%S"`.
    """

    urls: str = option("form of `{start}` and `{end}`", "iso")
    records: str = option("form of the times in records", "iso")
    zone: str = option("IANA zone of texts without an offset; an hour that its clocks repeat cannot be read", "UTC")

    @property
    def in_urls(self) -> TimeForm:
        return TimeForm(self.urls, self.zone)

    @property
    def in_records(self) -> TimeForm:
        return TimeForm(self.records, self.zone)


@dataclass(frozen=True, kw_only=True)
class Auth:
    """The way that the secret travels, where it is not in `headers`."""

    query: str = option("name of the query parameter that holds the secret; it appears in no log and no evidence", "")
    basic: bool = option("HTTP basic authentication; the secret is `user:password`", False)


@dataclass(frozen=True, kw_only=True)
class Paging:
    """Pages that are asked for by a parameter, until a page is empty, `count` is reached or there is no cursor."""

    by: Literal["cursor", "page", "offset"] = option(
        "`cursor`: the value of `from` in the page before; `page`: a number; `offset`: the records so far"
    )
    parameter: str = option("name of the query parameter")
    cursor: Path | None = option("JMESPath to the next page's cursor (with `by: cursor`)", None)
    first: int | None = option("number of the first page (1 unless told) or offset (0 unless told)", None, most=1)


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of the API: what is asked, where its records are, and what its answers mean."""

    path: Template = option(
        "path below `url`. Placeholders, also in `query`, `body` and in the quotes of every JMESPath: `{entity}`, "
        "`{entities}`, any attribute that all entities have, and for history `{start}`, `{end}`, `{count}`; escaped"
    )
    query: Mapping[str, Template] = option("query parameters, values in quotes", {})
    body: Mapping[str, Any] | None = option("JSON body; the call is then a POST", None)
    times: Times | None = option("forms of time of this call, where they are not the provider's `time`", None)
    format: Literal["json", "csv", "ndjson"] = option(
        "form of the body; a CSV is a list of records by the names in its first line, empty cells are null", "json"
    )
    delimiter: str = option("what parts the cells of a CSV", ",")
    records: Path = option("JMESPath to the records", Path("@"))
    shape: Literal["rows", "columns", "map", "entities"] = option(
        "`rows`: a list of records (or one record), each an object or an array; `columns`: an object of arrays; `map`: "
        "an object whose names are the times of its records; `entities`: one whose names are entities",
        "rows",
    )
    fields: Mapping[str, Path] = option("each field of the line, and JMESPath to it inside a record")
    time: Path | None = option("JMESPath to a record's time; history needs it, unless the shape is `map`", None)
    entity: Path | None = option("JMESPath to the entity's name in a record; records of others are left out", None)
    nulls: tuple[Any, ...] = option(
        'values that mean that there is nothing, such as `["", ".", "M", -9999]`; `"NaN"` is JSON\'s bare NaN, too', ()
    )
    no_data: Path | None = option("JMESPath that is true of a body that says that there is nothing", None)
    limited: Path | None = option("JMESPath that is true of a body that says that we called too often", None)
    refused: Path | None = option("JMESPath that is true of a body that refuses: this is not of the plan", None)
    broken: Path | None = option("JMESPath that is true of a body that is not to be believed", None)
    no_data_status: tuple[int, ...] = option("statuses that say that there is nothing; a page of HTML does not", ())
    limited_status: tuple[int, ...] = option("statuses that say that we called too often, beside 429 and 418", ())
    refused_status: tuple[int, ...] = option("statuses that refuse, beside 401 and 403", ())


@dataclass(frozen=True, kw_only=True)
class LiveCall(Call):
    """The call for the point as it is now."""

    slot: Literal["clock", "record"] = option(
        "`clock`: the point is of the slot that the provider's clock shows; `record`: of that of its own `time`",
        "clock",
    )
    entities_per_call: int = option(
        "entities of one call: `{entities}` in its URL, `entity` in its records", 1, least=1, most=500
    )
    separator: str = option("what stands between the names in `{entities}`", ",")


@dataclass(frozen=True, kw_only=True)
class HistoryCall(Call):
    """The call for the points of a time."""

    start: Literal["inclusive", "exclusive"] = option(
        "`exclusive`: `{start}` is the slot before the first", "inclusive"
    )
    end: Literal["exclusive", "inclusive"] = option("`inclusive`: `{end}` is the last slot itself", "exclusive")
    period: Period | None = option("an answer holds the whole day, month or year of `{start}`; one call for each", None)
    align: Align = option(
        "`exact`: records begin with a slot; `floor`: a record counts for the slot it lies in", "exact"
    )
    keep: Literal["last", "first"] = option("of several records within one slot (`floor`), the one that counts", "last")
    complete: Path | None = option(
        "JMESPath that is true of a whole answer; what it lacks is then absent at once", None
    )
    count: Path | None = option(
        "JMESPath to the number of all records; an answer with another number is not whole", None
    )
    limit: int = option(
        "the most records of one answer: one that has as many speaks only for the time between its records, and "
        "`span` asks for no more (unless pages are told). `{count}` is at most this",
        0,
    )
    next: Path | Literal["link"] | None = option(
        "JMESPath to the next page's URL, of the same host, or `link`: the Link header", None
    )
    pages: Paging | None = option("pages that are asked for by a parameter", None)
    most_pages: int = option("pages of one answer; one that has more is not whole", 20, least=1, most=100)

    @property
    def end_inclusive(self) -> bool:
        """Whether ``{end}`` is the last slot itself."""
        return self.end == "inclusive"

    @property
    def is_paged(self) -> bool:
        """Whether the contract says how to get to the next page."""
        return self.next is not None or self.pages is not None

    @property
    def placeholders(self) -> frozenset[str]:
        """The placeholders of its URL."""
        return names_in(self)


@dataclass(frozen=True, kw_only=True)
class RestSpec:
    """An API. A call that is not described is not made: a feed of history alone has no `live`."""

    url: str = option("base URL, https")
    headers: Mapping[str, Template] = option("headers of each call; `{secret}` is the secret's value", {})
    auth: Auth = option("`{query: apikey}` or `{basic: true}`, where the secret is not in `headers`", Auth())
    secret: str = option("name of the secret, where it is not the feed's", "")
    time: Times = option("forms of time in URLs and records; a bare form means both", Times())
    offset: timedelta = option(
        "how long after its slot's start a point is observed (51 minutes: the record of 14:51 is the point of 14:00)",
        timedelta(),
    )
    span: timedelta = option("the longest history that one call may ask for", timedelta(days=1))
    delay: timedelta = option("how late it publishes history: what is younger is waited for", timedelta())
    calls_per_minute: int = option("of this provider, where it is not the feed's own `rate_limit`", 0)
    calls_per_second: int = option("no limit unless told", 0)
    live: LiveCall | None = option("the call for the point as it is now", None)
    history: HistoryCall | None = option("the call for the points of a time", None)

    @property
    def needs_secret(self) -> bool:
        """Whether the secret travels with its calls."""
        in_headers = any("secret" in header.names for header in self.headers.values())
        return in_headers or bool(self.auth.query) or self.auth.basic

    @property
    def attributes(self) -> frozenset[str]:
        """The attributes that its calls need of every entity."""
        calls = [call for call in (self.live, self.history) if call is not None]
        return frozenset(name for call in calls for name in attributes_of(call))

    def times(self, call: Call) -> Times:
        """The forms of time of a call."""
        return call.times or self.time

    def write_time(self, instant: datetime) -> str:
        """An instant as this API wants it in a URL."""
        return self.time.in_urls.write(instant)

    def read_time(self, value: object) -> datetime:
        """A record's time, aware. Raises ``ValueError``."""
        return self.time.in_records.read(value)


def templates_in(value: object) -> list[Template]:
    """The templates of a body, at any depth."""
    if isinstance(value, Template):
        return [value]
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return [template for part in parts for template in templates_in(part)]


def names_in(call: Call) -> frozenset[str]:
    """The placeholders of a call's URL and body."""
    return frozenset(
        name for part in (call.path, call.query, call.body) for of in templates_in(part) for name in of.names
    )


def names_entity(call: Call) -> bool:
    """Whether its URL or body asks for entities by name: an answer of others alone is then no answer to it."""
    return not names_in(call).isdisjoint(("entity", "entities"))


def attributes_of(call: Call) -> frozenset[str]:
    """The attributes of an entity that a call needs, in its URL, its body and its paths."""
    values = [getattr(call, of_field.name) for of_field in dataclasses.fields(call)]
    paths = [value for value in values if isinstance(value, Path)] + list(call.fields.values())
    return (names_in(call) | {name for path in paths for name in path.names}) - OF_CALLS
