"""The written contract: the shape of its YAML file, checked by pydantic.

Here is only which keys there are and what they may hold. The rules between the parts are in ``core.authoring.rules``;
defaults and references are filled in by ``core.authoring.resolve``.
"""

from __future__ import annotations

import datetime as dt
import re
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from core.contract.types import PLAIN_TYPES, ColumnType, parse_type

NAME = r"^[a-z][a-z0-9_]{0,62}$"
SAFE_VALUE = r"[A-Za-z0-9._-]+"
LONGEST_DURATION = 3660 * 86_400
_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86400}


def _duration(value: Any) -> int:
    match = re.fullmatch(r"(\d+) (second|minute|hour|day)s?", str(value).strip())
    if not match:
        raise ValueError(f"{value!r} is no duration; write it like '5 minutes' (seconds, minutes, hours or days)")
    seconds = int(match[1][:12]) * _SECONDS[match[2]]
    if seconds > LONGEST_DURATION:
        raise ValueError(f"{value!r} is longer than ten years; write less")
    return seconds


def _cadence(value: Any) -> int:
    seconds = _duration(value)
    if seconds < 60 or seconds % 60:
        raise ValueError(f"{value!r} is no whole number of minutes; schedules know nothing finer")
    return seconds


def _rate(value: Any) -> int:
    match = re.fullmatch(r"(\d+) / minute", str(value).strip())
    if not match:
        raise ValueError(f"{value!r} is no rate; write it like '60 / minute'")
    return int(match[1])


def _share(value: Any) -> str:
    match = re.fullmatch(r"(\d{1,2}(\.\d{1,6})?|100) ?%", str(value).strip())
    if not match:
        raise ValueError(f"{value!r} is no share; write it like '0.5 %'")
    return format(Decimal(match[1]) / 100, "f")


def _type(value: Any) -> ColumnType:
    return parse_type(str(value))


def _names(value: Any) -> Any:
    names = [value] if isinstance(value, str) else value
    for place, name in enumerate(names if isinstance(names, list) else []):
        if isinstance(name, str) and name.count("(") != name.count(")"):
            both = ", ".join(map(str, names[place : place + 2]))
            raise ValueError(f'{name!r} is cut at a comma, as YAML cuts a list; write it in quotes: "{both}"')
    return names


def _moment(value: Any) -> Any:
    """A number would be read as seconds since 1970."""
    if value is not None and not isinstance(value, str | dt.date):
        raise ValueError(f"{value!r} is no date; write it like 2026-11-20")
    return value


def _written(pattern: str, example: str) -> WithJsonSchema:
    """The form in which a value is written, for the JSON schema: what is read of it has another."""
    return WithJsonSchema({"type": "string", "pattern": rf"^\s*{pattern}\s*$", "examples": [example]})


TYPE_PATTERN = rf"({'|'.join(PLAIN_TYPES)}|decimal\(([1-9]|[12]\d|3[0-8]),\s*\d\d?\))"
Name = Annotated[str, StringConstraints(pattern=NAME)]
Text = Annotated[str, StringConstraints(min_length=1)]
SecretName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9/_.-]{1,200}$")]
Duration = Annotated[int, BeforeValidator(_duration), _written(r"\d+ (second|minute|hour|day)s?", "5 minutes")]
Cadence = Annotated[int, BeforeValidator(_cadence), _written(r"\d+ (second|minute|hour|day)s?", "5 minutes")]
Rate = Annotated[int, BeforeValidator(_rate), _written(r"\d+ / minute", "60 / minute")]
Share = Annotated[str, BeforeValidator(_share), _written(r"(\d{1,2}(\.\d{1,6})?|100) ?%", "0.5 %")]
Type = Annotated[ColumnType, BeforeValidator(_type), _written(TYPE_PATTERN, "decimal(18,6)")]
Day = Annotated[dt.date, BeforeValidator(_moment), _written(r"\d{4}-\d\d-\d\d([T ].*)?", "2026-11-20")]
Moment = Annotated[
    dt.datetime | dt.date | None,
    BeforeValidator(_moment),
    WithJsonSchema({"type": ["string", "null"], "pattern": r"^\d{4}-\d\d-\d\d", "examples": ["2026-11-20"]}),
]
Names = Annotated[
    list[str],
    BeforeValidator(_names),
    Field(min_length=1),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
]


class Shape(BaseModel):
    """A mapping of the contract: unknown keys are refused, so that a misspelt promise is not an ignored one."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class FieldShape(Shape):
    """``string``, ``string?`` (may be null), or a mapping with a comment."""

    type: Type
    nullable: bool = False
    comment: str = ""
    since: Moment = None
    was: Names | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"type": value.rstrip("?"), "nullable": value.endswith("?")}
        if isinstance(value, dict) and str(value.get("type", "")).endswith("?"):
            return {**value, "type": str(value["type"]).rstrip("?"), "nullable": True}
        return value


class SourceTableShape(Shape):
    """A table of a database: key, columns, and the columns that tell when a row was made and changed.

    ``changed_at: none`` with ``compare: keys`` is a table without such columns.
    """

    key: Names
    created_at: str = ""
    changed_at: str = ""
    columns: dict[Text, FieldShape]
    rows_per_object: int = Field(100_000, ge=1, le=1_000_000)
    relation: str = ""
    compare: Literal["time", "keys"] = "time"


class DatabaseShape(Shape):
    """A source of kind ``database``."""

    kind: Literal["database"]
    engine: Literal["postgresql"]
    secret: SecretName
    timezone: str = "UTC"
    every: Cadence
    settle: Duration = 600
    complete_within: Duration = 1800
    margin: Duration = 5
    lookback: Duration = 0
    sweep: Duration = 604_800
    canary: bool = False
    tables: dict[Name, SourceTableShape]


class EntityShape(Shape):
    """``valid_from`` and ``valid_until`` bound when points of it are expected (a renamed or delisted ticker).

    Any other key is an attribute: a column of the entities' dimension, or a placeholder of a ``rest`` provider.
    """

    valid_from: Moment = None
    valid_until: Moment = None
    attributes: dict[str, str] = {}

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        own = {key: part for key, part in value.items() if key in cls.model_fields}
        others = {key: part for key, part in value.items() if key not in own}
        if not others or not isinstance(own.get("attributes", {}), dict):
            return value
        return {**own, "attributes": {**own.get("attributes", {}), **others}}


def _entities(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: {} if entity is None else entity for name, entity in value.items()}
    if not isinstance(value, list):
        return value
    for place, name in enumerate(value):
        if not isinstance(name, str):
            raise PydanticCustomError("changed_entity", "an entity is no text", {"place": place, "value": name})
        if name in value[:place]:
            raise ValueError(f"{name!r} is listed twice; keep one of the two")
    return {name: {} for name in value}


class ProviderShape(Shape):
    """A provider that ``ingestion.providers`` knows, and its settings; a bare name has none."""

    kind: Literal["finnhub", "rest", "none"]
    settings: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"kind": value}
        if isinstance(value, dict) and "kind" not in value and len(value) == 1:
            kind, settings = next(iter(value.items()))
            return {"kind": kind, "settings": settings}
        return value


class SampleShape(Shape):
    """So many observed points of each window are compared with the provider's history."""

    points: int = Field(ge=1, le=100)
    tolerance: Share


class FeedShape(Shape):
    """A source of kind ``feed``; ``point`` names the columns of entity and time."""

    kind: Literal["feed"]
    provider: ProviderShape
    history: ProviderShape
    secret: SecretName | Literal[""] = ""
    every: Cadence
    calendar: str
    point: Annotated[list[str], Field(min_length=2, max_length=2)]
    entities: Annotated[dict[Text, EntityShape], BeforeValidator(_entities), Field(min_length=1)]
    settle: Duration
    complete_within: Duration
    rate_limit: Rate
    sample: SampleShape | None = None
    canary: bool = False
    stream: bool = True
    entities_per_message: int = Field(1, ge=1, le=100)


class ByKindShape(Shape):
    """Two fields of the provider: of a live answer, and of history."""

    live: str
    history: str


class LookupShape(Shape):
    """``table`` is a file ``lookups/<table>.csv``; ``by`` the source field that is looked up in its first column."""

    table: Name
    by: str
    column: str


class ReferenceShape(Shape):
    """``on`` is a dimension's key, ``dim_x.id``; ``missing`` says what a value is that it does not have."""

    on: str
    missing: Literal["alarm", "allow", "unknown"] = "alarm"


class ColumnShape(Shape):
    """A column of a warehouse table; a bare text is its type."""

    type: Type
    source: str | ByKindShape | None = Field(None, alias="from")
    form: Literal["date", "time"] | None = Field(None, alias="as")
    surrogate: Names | None = None
    lookup: LookupShape | None = None
    aggregate: str | None = None
    references: str | ReferenceShape = ""
    check: str | None = None
    one_of: Annotated[list[str], Field(min_length=1)] | None = None
    rank: Annotated[list[str], Field(min_length=1)] | None = None
    immutable: bool = False
    required: bool = False
    round: Literal["half_even"] | None = None
    comment: str = ""
    unit: str = ""
    was: Names | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"type": value} if isinstance(value, str) else value


class FactShape(Shape):
    """A table of kind ``fact``."""

    kind: Literal["fact"]
    source: str = Field("", alias="from")
    grain: str
    key: Names
    version: Names
    history_of: Names | None = None
    partition_by: Names
    since: Day
    columns: dict[Name, ColumnShape]


class DimensionShape(Shape):
    """A table of kind ``dimension``."""

    kind: Literal["dimension"]
    source: str = Field(alias="from")
    description: str = ""
    join: dict[str, str] = {}
    key: Names
    columns: dict[Name, ColumnShape]


class CalendarShape(Shape):
    """A table of kind ``calendar``: one row a day."""

    kind: Literal["calendar"]
    since: Day = Field(alias="from")
    until: Day = Field(alias="to")


class RollupShape(Shape):
    """A table of kind ``rollup``: aggregates of a fact, grouped ``by`` some of its columns."""

    kind: Literal["rollup"]
    source: str = Field(alias="from")
    grain: str = ""
    by: Names
    partition_by: Names | None = None
    columns: dict[Name, ColumnShape]


WarehouseShape = Annotated[FactShape | DimensionShape | CalendarShape | RollupShape, Field(discriminator="kind")]
SourceShape = Annotated[DatabaseShape | FeedShape, Field(discriminator="kind")]


class QuarantineShape(Shape):
    """An object is halted where its rejected lines pass both: a bad release must not throw everything away."""

    share: float = Field(0.5, gt=0, le=1)
    minimum: int = Field(100, ge=1)


class ContractShape(Shape):
    """One file of ``contracts/``."""

    dataset: Name
    source: SourceShape | None = None
    quarantine: QuarantineShape = QuarantineShape()  # type: ignore[call-arg]
    warehouse: dict[Name, WarehouseShape]
