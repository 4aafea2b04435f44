"""Conditions of a read, in the types of the columns: what partitions and rows are held to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from core.errors import Misuse

Where = Mapping[str, Any] | Iterable[tuple[str, str, Any]]
"""``{"symbol": "AAPL", "month": ["2026-10", "2026-11"]}``, or ``[("minute", ">=", "2026-11-20"), ...]``; all hold."""

OPERATORS = ("=", "!=", "<", "<=", ">", ">=", "in", "not in")
_ALIASES = {"==": "=", "<>": "!="}
_FINER = re.compile(r"[.,]\d{6}\d*[1-9]")  # than microseconds: what Python passes over


@dataclass(frozen=True, slots=True)
class Condition:
    """``column <operator> values``; one value but for ``in`` and ``not in``. None as a value is null."""

    column: str
    operator: str
    values: tuple[Any, ...]

    @property
    def allowed(self) -> tuple[Any, ...] | None:
        """The values that it allows alone; None where there are others."""
        return self.values if self.operator in ("=", "in") else None

    def is_beyond_statistics(self, kind: pa.DataType) -> bool:
        """Whether NaN satisfies it: least and greatest value of a row group are told without."""
        return pa.types.is_floating(kind) and self.operator in ("!=", "not in")

    def holds_between(self, low: Any, high: Any) -> bool:
        """Whether it can hold of a value in ``[low, high]``."""
        match self.operator:
            case "=" | "in":
                return any(value is not None and low <= value <= high for value in self.values)
            case "<":
                return bool(low < self.values[0])
            case "<=":
                return bool(low <= self.values[0])
            case ">":
                return bool(high > self.values[0])
            case ">=":
                return bool(high >= self.values[0])
            case _ if low == high:
                return low not in self.values
            case _:
                return True

    def of(self, shown: pc.Expression, kind: pa.DataType) -> pc.Expression:
        """It as an expression over a column; as in SQL, it never holds of a null but where null is asked for."""
        values = [value for value in self.values if value is not None]
        zeros = [-value for value in values if value == 0] if pa.types.is_floating(kind) else []
        known = pa.array([*values, *zeros], kind)  # Arrow looks doubles up by their bits: 0.0 is not -0.0
        asks_null = None in self.values
        if asks_null and not values:  # also of lists and structs, which Arrow looks nothing up in
            return shown.is_null() if self.operator in ("=", "in") else shown.is_valid()
        match self.operator:
            case "=" | "in":
                among = shown.is_valid() & pc.is_in(shown, value_set=known)
                return among | shown.is_null() if asks_null else among
            case "!=" | "not in":
                return shown.is_valid() & ~pc.is_in(shown, value_set=known)
        value = pa.scalar(self.values[0], kind)
        match self.operator:
            case "<":
                return shown < value
            case "<=":
                return shown <= value
            case ">":
                return shown > value
            case _:
                return shown >= value


def conditions_of(where: Where | None, schema: pa.Schema, *, place: str) -> tuple[Condition, ...]:
    """The conditions that were asked for. Raises ``Misuse`` on one that no row of the schema could be held to."""
    given = where.items() if isinstance(where, Mapping) else ()
    triples = [(name, "in" if _is_several(value) else "=", value) for name, value in given]
    triples += [] if where is None or isinstance(where, Mapping) else _triples(where, place)
    return tuple(_condition(*triple, schema, place) for triple in triples)


def _triples(where: Iterable[Any], place: str) -> list[tuple[str, str, Any]]:
    triples: list[Any] = list(where) if isinstance(where, Iterable) and not isinstance(where, str) else [where]
    if not all(_is_triple(each) for each in triples):
        remedy = 'Such as: where={"symbol": "AAPL"}, or: where=[("minute", ">=", "2026-11-20")]'
        raise Misuse("read where", place, f"{where!r} is no list of (column, operator, value)", remedy)
    return [(name, operator, value) for name, operator, value in triples]


def _is_triple(each: Any) -> bool:
    is_row = isinstance(each, Sequence) and not isinstance(each, str) and len(each) == 3
    return is_row and isinstance(each[1], str)


def _condition(name: str, operator: str, value: Any, schema: pa.Schema, place: str) -> Condition:
    operator = " ".join(_ALIASES.get(operator, operator).lower().split())
    if name not in schema.names:
        raise Misuse("read where", place, f"has no column {name!r}", f"Its columns are {', '.join(schema.names)}")
    if operator not in OPERATORS:
        raise Misuse("read where", f"{place}.{name}", f"{operator!r} is no operator", f"Use {', '.join(OPERATORS)}")
    if _is_several(value) != (operator in ("in", "not in")):
        problem = f"{value!r} does not go with {operator!r}"
        raise Misuse("read where", f"{place}.{name}", problem, "Give a list to in and not in, a value to the others")
    kind = schema.field(name).type
    values = tuple(typed(each, kind, f"{place}.{name}") for each in (value if _is_several(value) else [value]))
    if pa.types.is_nested(kind) and any(each is not None for each in values):
        raise Misuse(
            "read where", f"{place}.{name}", f"is a {kind}", "Compare it where the rows are; null alone is known"
        )
    if None in values and operator not in ("=", "!=", "in", "not in"):
        raise Misuse("read where", f"{place}.{name}", f"nothing is {operator} null", "Use = None or != None")
    return Condition(name, operator, values)


def _is_several(value: Any) -> bool:
    return isinstance(value, list | tuple | set | frozenset)


def typed(value: Any, kind: pa.DataType, place: str) -> Any:
    """A value, or its text, in a column's type. Raises ``Misuse`` where it is none of that type, whole."""
    if value is None:
        return None
    try:
        plain = _plain(value, kind)
        return pa.scalar(plain, kind).as_py()
    except (ValueError, TypeError, ArithmeticError, pa.ArrowException) as error:
        raise Misuse("read where", place, f"{value!r} is no {kind}", "Give a value of the column's type") from error


def _plain(value: Any, kind: pa.DataType) -> Any:
    if pa.types.is_timestamp(kind):
        return _instant(value)
    if pa.types.is_date(kind):
        return _day(value)
    if pa.types.is_decimal(kind):
        return Decimal(str(value))
    if pa.types.is_boolean(kind) and isinstance(value, str):
        return {"true": True, "false": False}[value.lower()] if value.lower() in ("true", "false") else _refuse(value)
    if pa.types.is_integer(kind):
        return int(value) if isinstance(value, str) or int(value) == value else _refuse(value)
    if pa.types.is_floating(kind):
        return float(value)
    return value


def _instant(value: Any) -> datetime:
    """UTC without a zone, as the tables have it: an aware instant is converted, a day is its first instant."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    if (
        not isinstance(at, date)
        or getattr(at, "nanosecond", False)
        or (isinstance(value, str) and _FINER.search(value))
    ):
        _refuse(value)
    if not isinstance(at, datetime):
        at = datetime(at.year, at.month, at.day, tzinfo=UTC)
    return at.astimezone(UTC).replace(tzinfo=None) if at.tzinfo else at


def _day(value: Any) -> date:
    """A day; an instant stands for one where it is its first, for ``<`` would leave out the day of another."""
    if isinstance(value, str):
        return date.fromisoformat(value)
    if not isinstance(value, datetime):
        return value if isinstance(value, date) else _refuse(value)
    at = _instant(value)
    return at.date() if at.time() == time() else _refuse(value)


def _refuse(value: Any) -> Any:
    raise ValueError(f"{value!r} does not fit")
