"""Lines that fit a contract: of each of its source tables a few, with values that its types, checks and joins take."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.support.lake import NOW

from core.contract.model import (
    Check,
    Column,
    Contract,
    Contracts,
    Feed,
    LookedUp,
    SourceTable,
    Take,
    TakeByKind,
)
from core.contract.types import ColumnType
from core.time import iso


@dataclass(frozen=True)
class _Wish:
    """What the tables want of a field's values beside its type."""

    check: Check | None = None
    values: tuple[str, ...] = ()
    as_type: ColumnType | None = None


def lines_of(contract: Contract, contracts: Contracts, source: SourceTable, *, count: int = 3) -> list[bytes]:
    """Lines of a source table that keep all that the contract says of them, and one that changes the first of them."""
    columns: dict[str, list[Column]] = {}
    looked_up: dict[str, list[str]] = {}
    for table in contract.tables:
        if table.source in (source.name, "entities") and table.kind in ("fact", "dimension"):
            for column in table.columns:
                rule = column.rule
                names = (rule.field,) if isinstance(rule, Take) else ()
                names = (rule.live, rule.history) if isinstance(rule, TakeByKind) else names
                for name in names:
                    columns.setdefault(name, []).append(column)
                if isinstance(rule, LookedUp):
                    first = next(iter(contracts.lookup(rule.lookup).columns.values()))
                    looked_up[rule.by] = list(first)
    feed = contract.source if isinstance(contract.source, Feed) else None
    lines = []
    for number in (*range(count), 0):
        line: dict[str, Any] = {}
        for field in source.fields:
            if field.added:
                continue
            line[field.name] = _value(field.type, number, columns.get(field.name, ()), looked_up.get(field.name))
        if feed is not None:
            line |= {"kind": ("live", "history")[number % 2], "provenance": ("observed", "repaired")[number % 2]}
            line[feed.entity_column] = feed.entities[number % len(feed.entities)].name
            slot = int(NOW.timestamp()) // feed.every - number
            line[feed.time_column] = iso(slot * feed.every)
        if len(lines) == count and source.changed_at:
            line[source.changed_at] = "2026-11-20T14:30:00"
        lines.append(encoded(line))
    return lines


def encoded(line: Mapping[str, Any]) -> bytes:
    """One line; decimals are written digit by digit."""
    parts = (f"{json.dumps(name)}:{_as_json(value)}" for name, value in line.items())
    return f"{{{','.join(parts)}}}\n".encode()


def _as_json(value: Any) -> str:
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(value)


def _value(kind: ColumnType, number: int, columns: Sequence[Column], keys: Sequence[Any] | None) -> Any:
    """A value of the type, the ``number``-th, that satisfies the columns which take it as far as any of it does."""
    targets = {column.type.name for column in columns if isinstance(column.rule, Take) and column.rule.form == "value"}
    as_kept = _as_json if kind.name == "json" else lambda value: value
    pool = [_plain(kind, number + offset, targets) for offset in range(3)]
    for column in columns:
        pool += [_typed(kind, text) for text in column.one_of]
        if column.check:
            pool += _near(kind, column.check.literal)
    keys = None if targets & {"date", "timestamp"} else [_typed(kind, key) for key in keys or ()]
    pool += keys or []
    fitting = [
        value for value in pool if value is not None and all(_satisfies(as_kept(value), column) for column in columns)
    ]
    fitting = [value for value in fitting if not keys or value in keys] or fitting
    return fitting[0] if fitting else pool[0]


def _plain(kind: ColumnType, number: int, targets: set[str]) -> Any:
    texts = "2026-11-02" if targets & {"date", "timestamp"} else f"text {number}"
    return {
        "string": texts,
        "json": {"number": number},
        "int": number + 1,
        "bigint": number + 1,
        "boolean": number % 2 == 0,
        "date": f"2026-11-{number + 2:02d}",
        "timestamp": f"2026-11-20T{number + 10:02d}:00:00",
        "double": number + 0.5,
        "decimal": Decimal(number + 1).scaleb(-min(kind.scale, 1)) if kind.precision else None,
    }[kind.name]


def _typed(kind: ColumnType, text: str) -> Any:
    try:
        if kind.name in ("int", "bigint"):
            return int(text)
        if kind.name == "boolean":
            return {"true": True, "false": False}[text]
        if kind.name == "decimal":
            return Decimal(text)
        if kind.name == "json":
            return json.loads(text, parse_float=Decimal)
        return float(text) if kind.name == "double" else text
    except (ValueError, ArithmeticError, KeyError):
        return None


def _near(kind: ColumnType, literal: str) -> list[Any]:
    value = _typed(kind, literal)
    if isinstance(value, bool):
        return [True, False]
    if isinstance(value, int | float):
        return [value, value + 1, value - 1]
    if isinstance(value, Decimal):
        step = Decimal(1).scaleb(-kind.scale)
        return [value, value + step, value - step]
    if kind.name in ("date", "timestamp"):
        return [literal, "2026-01-02", "2025-12-31"]
    return [literal, f"{literal}a", "", "2026-11-02"]


def _satisfies(value: Any, column: Column) -> bool:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if column.one_of and text not in column.one_of:
        return False
    if column.check is None:
        return True
    literal = column.check.literal
    typed = _typed(column.type, literal) if not isinstance(value, str) else literal
    if typed is None:
        return False
    left: Any = value[:10] if column.type.name in ("date", "timestamp") and isinstance(value, str) else value
    right: Any = typed[:10] if column.type.name in ("date", "timestamp") and isinstance(typed, str) else typed
    holds = {">": left > right, ">=": left >= right, "<": left < right, "<=": left <= right}
    return bool(({"=": left == right, "!=": left != right} | holds)[column.check.operator])
