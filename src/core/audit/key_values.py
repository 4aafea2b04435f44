"""Values of keys in the one form in which source, warehouse and ingest objects name a row to each other.

=============  ==========================================================================
type           form
=============  ==========================================================================
int, bigint    the number
boolean        true or false
string         the text, as the source's line has it
decimal        text with as many places as the type, ``0.00000001`` and never ``1E-8``
double         the shortest text that reads as the same number, ``-Infinity`` or ``NaN``; minus zero is zero
date           ``2026-11-20``
timestamp      ``2026-11-20 14:30:00.000000``, in UTC
=============  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Context, Decimal
from math import isinf
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from core.contract.model import SourceTable
from core.contract.types import ColumnType
from core.landing.ingest_objects import KeyValue
from core.time import parse_instant
from core.zones import utc_of_wall_clock

Key = tuple[KeyValue, ...]
_NOT_FINITE = {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}  # as databases write them
_DAY = len("2026-11-20")
_EXACT = Context(prec=80)  # Python's own has 28 digits, a decimal of the catalog 38


def key_values(values: pa.Array) -> list[KeyValue]:
    """A column of the warehouse in that form."""
    kind = values.type
    whole = pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind)
    listed: list[KeyValue] = (values if whole else key_texts(values)).to_pylist()
    return listed


def key_texts(values: pa.Array) -> pa.Array:
    """The same as texts; a boolean is ``true`` or ``false``."""
    if pa.types.is_floating(values.type):
        return pa.array([None if value is None else _double(value) for value in values.to_pylist()], pa.string())
    texts = values.cast(pa.string())
    if pa.types.is_decimal(values.type):
        # Arrow writes exponents where a number is small: rare among keys, so that a loop over those does no harm.
        exponents = pc.match_substring(texts, "E").fill_null(False)
        if pc.any(exponents).as_py():
            plain = [f"{value:f}" for value in values.filter(exponents).to_pylist()]
            texts = pc.replace_with_mask(texts, exponents, pa.array(plain, pa.string()))
    return texts


def canonical_keys(table: SourceTable, keys: Sequence[Sequence[Any]], *, timezone: str = "UTC") -> list[Key]:
    """Keys of the source's lines, of findings or of whoever asks, in that form.

    ``timezone`` is the clock of times that name none: of lines the source's, of all others UTC. What is no value of its
    column stays as it is: it equals none.
    """
    if not keys:
        return []
    columns = [
        _canonical(table.field(name).type, list(column), timezone)
        for name, column in zip(table.key, zip(*keys, strict=True), strict=True)
    ]
    return list(zip(*columns, strict=True))


def _canonical(kind: ColumnType, column: list[Any], timezone: str) -> list[Any]:
    if kind.name == "timestamp":
        return _instants(column, timezone)
    read = _READERS.get(kind.name)
    if kind.name == "decimal":
        return [_read(lambda value: _decimal(value, kind.scale), value) for value in column]
    return column if read is None else [_read(read, value) for value in column]


def _read(read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return value if value is None else read(value)
    except (ValueError, ArithmeticError, TypeError):
        return value


def _boolean(value: Any) -> bool:
    return bool({"true": True, "false": False, "True": True, "False": False}[str(value)])


def _decimal(value: Any, scale: int) -> str:
    exact = Decimal(str(value))
    rounded = exact.quantize(Decimal(1).scaleb(-scale), context=_EXACT)
    if rounded != exact:
        raise ValueError(f"{value} has more digits")
    return f"{_EXACT.plus(rounded):f}"  # which makes minus zero zero


def _double(value: Any) -> str:
    number = float(value) + 0.0
    if isinf(number) and str(value)[-1:].isdigit():
        raise ValueError(f"{value} is beyond all doubles")
    return _NOT_FINITE.get(repr(number), repr(number))


def _date(value: Any) -> str:
    day, time = str(value)[:_DAY], str(value)[_DAY:]
    if time[:1] not in ("", "T") and not time[1:2].isdigit():
        raise ValueError(f"{value} is no date")
    return date.fromisoformat(day).isoformat()


_READERS: dict[str, Callable[[Any], KeyValue]] = {
    "int": int,
    "bigint": int,
    "boolean": _boolean,
    "double": _double,
    "date": _date,
}


def _instants(column: list[Any], timezone: str) -> list[Any]:
    times = [_read(parse_instant, value) for value in column]
    walls = [at for at in times if isinstance(at, datetime) and at.tzinfo is None]
    in_utc: dict[datetime, datetime | None] = {at: at for at in walls}
    if walls and timezone != "UTC":
        distinct = list(in_utc)
        moved = utc_of_wall_clock(pa.array(distinct, pa.timestamp("us")), timezone)
        first, last = (pa.scalar(at, pa.timestamp("us")) for at in (datetime.min, datetime.max))  # noqa: DTZ901
        years = pc.and_(pc.greater_equal(moved, first), pc.less_equal(moved, last))
        in_utc = dict(zip(distinct, pc.if_else(years, moved, pa.scalar(None, moved.type)).to_pylist(), strict=True))
    return [
        _instant(at, value, in_utc) if isinstance(at, datetime) else at for at, value in zip(times, column, strict=True)
    ]


def _instant(at: datetime, value: Any, in_utc: Mapping[datetime, datetime | None]) -> Any:
    """The form of an instant; the value itself where UTC has no such year."""
    utc = in_utc[at] if at.tzinfo is None else at.astimezone(UTC).replace(tzinfo=None)
    return value if utc is None else utc.isoformat(sep=" ", timespec="microseconds")
