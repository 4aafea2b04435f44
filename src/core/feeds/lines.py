"""The form of a feed's JSON line: one point as the landing zone keeps it.

    {"symbol":"AAPL","minute":"2026-11-20T14:30:00Z","kind":"live","provenance":"observed",
     "fetched_at":"2026-11-20T14:30:01.250000Z","dataset":"quotes","c":189.5}

Entity, slot, origin, then the provider's fields that the contract names, in the contract's order. Numbers are written
digit by digit as the provider wrote them, so that no float ever touches a price; where the contract says so, rounded
to the digits of their type. One that its type does not hold makes no line: it would be refused at every fetch anew, and
a line that no stream takes would keep the others of its call from being taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Literal

import orjson

from core.contract.model import Feed, Field
from core.errors import InvalidData, MissingColumns
from core.time import format_instant, iso

Kind = Literal["live", "history"]
Provenance = Literal["observed", "repaired"]
Value = str | int | bool | Decimal | datetime | None
LONGEST_LINE = 1_000_000  # bytes; Firehose takes 1,000 KiB a record, Kinesis 1 MiB with its key
DEEPEST = 100  # levels of a JSON value; processing refuses lines of 500
MAX_DIGITS = 60  # beyond every decimal(38, s); also keeps 1e999999999 from being written out
PROVENANCE, FROM_HISTORY = "provenance", "repaired"
ADDED = ("kind", PROVENANCE, "fetched_at", "dataset")
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")
_NUMBER = re.compile(r"-?\d{1,60}(\.\d{1,60})?([eE][+-]?\d{1,3})?")
_NUMERIC = ("int", "bigint", "decimal", "double")
_LARGEST = {"int": 2**31, "bigint": 2**63}
_DIGITS = Context(prec=3 * MAX_DIGITS)


@dataclass(frozen=True, slots=True)
class PointLine:
    """A point before it is written. ``values`` may hold more than the contract names; ``fetched_at`` is aware."""

    entity: str
    slot: int
    kind: Kind
    provenance: Provenance
    fetched_at: datetime
    values: Mapping[str, object]


def encode_line(point: PointLine, *, dataset: str, feed: Feed) -> bytes:
    """The line, newline included.

    Raises ``MissingColumns`` where a field that the contract requires is not there, and ``InvalidData`` where a value
    cannot be of its field's type, or the line would be longer than ``LONGEST_LINE``.
    """
    line: dict[str, object] = {
        feed.entity_column: point.entity,
        feed.time_column: iso(point.slot),
        "kind": point.kind,
        PROVENANCE: point.provenance,
        "fetched_at": format_instant(point.fetched_at),
        "dataset": dataset,
    }
    for field in provider_fields(feed):
        value = point.values.get(field.name)
        if value is not None:
            line[field.name] = _written(field, value, place=f"{dataset}/{point.entity}")
        elif field.required:
            raise MissingColumns("write a point", f"{dataset}/{point.entity}", f"the answer has no {field.name!r}")
    written = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
    if len(written) > LONGEST_LINE:
        problem, remedy = f"its line has {len(written)} bytes", "Take parts of the record, not the whole"
        raise InvalidData("write a point", f"{dataset}/{point.entity}", problem, remedy)
    return written


def provider_fields(feed: Feed) -> tuple[Field, ...]:
    """The fields of the line that come from the provider's answer."""
    own = {feed.entity_column, feed.time_column, *ADDED}
    return tuple(field for field in feed.table.fields if field.name not in own)


def number_text(value: object) -> str:
    """The digits of a number, which a provider may write as text; empty where it is none."""
    if isinstance(value, str):
        return value if _NUMBER.fullmatch(value) else ""
    return str(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else ""


def rounding(number: Decimal) -> Decimal:
    """How far what a number was rounded from may be from it: half a unit of its last digit behind the point."""
    exponent = number.as_tuple().exponent
    return Decimal(5).scaleb(exponent - 1) if isinstance(exponent, int) and exponent <= 0 else Decimal(0)


def _written(field: Field, value: object, *, place: str) -> object:
    kind = field.type.name
    if kind == "json":
        return orjson.Fragment(_json_text(field, value, place, DEEPEST))
    if kind in _NUMERIC:
        return _number(field, value, place)
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind in ("timestamp", "date") and isinstance(value, datetime):
        instant = value.astimezone(UTC)
        return format_instant(instant) if kind == "timestamp" else instant.date().isoformat()
    if kind in ("string", "timestamp", "date") and isinstance(value, str):
        if _HALF_A_PAIR.search(value):  # JSON may name one, and no UTF-8 holds it
            raise _unfit(field, value, place)
        return value
    if kind == "string" and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)
    raise _unfit(field, value, place)


def _json_text(field: Field, value: object, place: str, levels: int) -> str:
    """A value of an answer, a whole record even, as JSON in which each number has the provider's digits."""
    if isinstance(value, Mapping | list) and levels:
        inner = value.items() if isinstance(value, Mapping) else ((None, each) for each in value)
        texts = ((name, _json_text(field, each, place, levels - 1)) for name, each in inner)
        parts = (text if name is None else f"{_json_text(field, name, place, 0)}:{text}" for name, text in texts)
        return f"{{{','.join(parts)}}}" if isinstance(value, Mapping) else f"[{','.join(parts)}]"
    if isinstance(value, Decimal) and value.is_finite():
        return str(value)
    if isinstance(value, str) and not _HALF_A_PAIR.search(value):
        return orjson.dumps(value).decode()
    if value is None or isinstance(value, bool | int):
        return json.dumps(value)
    raise _unfit(field, value, place)


def _number(field: Field, value: object, place: str) -> orjson.Fragment:
    """The number's own digits: orjson passes a fragment through as it is."""
    if isinstance(value, datetime):
        value = int(value.timestamp())
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise _unfit(field, value, place)
    if isinstance(value, int):
        value = Decimal(value)
    if not value.is_finite() or abs(value.adjusted()) > MAX_DIGITS or len(value.as_tuple().digits) > MAX_DIGITS:
        raise _unfit(field, value, place)
    return orjson.Fragment(format(_fitted(field, value, place), "f"))


def _fitted(field: Field, value: Decimal, place: str) -> Decimal:
    """The number with no more digits than its type holds: as it is, or rounded where the contract says so."""
    if field.type.name == "double":
        return value
    scale = field.type.scale if field.type.name == "decimal" else 0
    unit = Decimal(1).scaleb(-scale)
    whole = value.quantize(unit, rounding=ROUND_HALF_EVEN, context=_DIGITS)
    if whole != value and not field.round:
        remedy = "Give the column more digits, or write in the contract: round: half_even"
        raise _unfit(field, value, place, remedy)
    if field.type.name == "decimal":
        largest = field.type.precision - scale
        if whole and whole.adjusted() >= largest:
            raise _unfit(field, value, place, f"It holds {largest} digits before the point: give the column more")
        digits = value.as_tuple().exponent
        return whole if isinstance(digits, int) and -digits > scale else value
    if not -_LARGEST[field.type.name] <= whole < _LARGEST[field.type.name]:
        raise _unfit(field, value, place)
    return whole


def _unfit(field: Field, value: object, place: str, remedy: str = "") -> InvalidData:
    text = str(value)[:60]
    return InvalidData("write a point", place, f"{field.name} = {text!r} is no {field.type}", remedy)
