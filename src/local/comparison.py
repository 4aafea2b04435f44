"""Comparison of the warehouse with its source: the same measures of every column, taken on both sides by two engines.

A measure is an exact integer or decimal per column: how many are not null, and a sum (of numbers, of text lengths, of
days or milliseconds since 1970, of trues). A row that is lost, doubled, stale or rounded moves at least one of them.
"""

from __future__ import annotations

import calendar
import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.contract.model import (
    CalendarPart,
    Column,
    Contract,
    Contracts,
    Joined,
    LookedUp,
    Table,
    Take,
)
from core.errors import of_kind

Measures = Mapping[str, Decimal | int | None]
_NUMBERS = ("int", "bigint", "decimal")


@dataclass(frozen=True)
class Comparison:
    """One table's measures on both sides."""

    table: str
    source: Measures
    warehouse: Measures

    @property
    def differences(self) -> Sequence[str]:
        """The measures that are not equal."""
        return [name for name in self.source if not _equal(self.source[name], self.warehouse.get(name))]


def _equal(left: Decimal | int | None, right: Decimal | int | None) -> bool:
    return Decimal(left or 0) == Decimal(right or 0)


def measured_columns(table: Table) -> Iterator[Column]:
    """The columns whose value the source determines: not ids derived here, nor what the auditor adds."""
    for column in table.columns:
        added = isinstance(column.rule, Take) and column.rule.field in ("deleted_at", "checked_at")
        if isinstance(column.rule, Take | Joined | LookedUp | CalendarPart) and not added:
            yield column


def warehouse_sql(table: Table) -> str:
    """Athena SQL: one row of measures over the current state."""
    measures = ["count(*) as n_rows"]
    for column in measured_columns(table):
        measures.append(f"count({column.name}) as n_{column.name}")
        measures.append(f"{_athena_sum(column)} as s_{column.name}")
    latest = " where is_latest" if table.history_of else ""
    return f"select {', '.join(measures)} from {table.name}{latest}"


def _athena_sum(column: Column) -> str:
    name, kind = column.name, column.type
    if kind.name in _NUMBERS:
        return f"sum(cast({name} as decimal(38,{kind.scale})))"
    if kind.name == "boolean":
        return f"sum(case when {name} then 1 else 0 end)"
    if kind.name == "date":
        return f"sum(date_diff('day', date '1970-01-01', {name}))"
    if kind.name == "timestamp":
        return f"sum(cast(date_diff('millisecond', timestamp '1970-01-01 00:00:00', {name}) as decimal(38,0)))"
    return f"sum(length({name}))"


def source_sql(contracts: Contracts, contract: Contract, table: Table) -> str:
    """PostgreSQL: the same measures, taken from the source tables themselves."""
    measures = ["count(*) as n_rows"]
    for column in measured_columns(table):
        value = _source_value(contracts, column)
        measures.append(f"count({value}) as n_{column.name}")
        measures.append(f"{_postgres_sum(column, value)} as s_{column.name}")
    joins = [
        f'left join "{join.table}" on "{join.table}"."{contract.source_table(join.table).key[0]}" = base."{join.on}"'
        for join in table.joins
    ]
    return f'select {", ".join(measures)} from "{table.source}" as base {" ".join(joins)}'


def _source_value(contracts: Contracts, column: Column) -> str:
    rule = column.rule
    if isinstance(rule, Joined):
        return f'"{rule.table}"."{rule.field}"'
    if isinstance(rule, LookedUp):
        lookup = contracts.lookup(rule.lookup).columns
        codes = next(iter(lookup.values()))
        pairs = [
            f"when {_quoted(code)} then {_quoted(text)}" for code, text in zip(codes, lookup[rule.column], strict=True)
        ]
        return f'(case base."{rule.by}" {" ".join(pairs)} end)'
    taken = of_kind(rule, Take, "compare", column.name)
    if taken.form == "time":
        return f"to_char(base.\"{taken.field}\", 'HH24:MI:SS.US')"
    return f'base."{taken.field}"::date' if column.type.name == "date" else f'base."{taken.field}"'


def _postgres_sum(column: Column, value: str) -> str:
    kind = column.type.name
    if kind in _NUMBERS:
        return f"sum({value}::numeric)"
    if kind == "boolean":
        return f"sum(case when {value} then 1 else 0 end)"
    if kind == "date":
        return f"sum({value} - date '1970-01-01')"
    if kind == "timestamp":
        return f"sum(floor(extract(epoch from {value}) * 1000 + 0.5))"  # as Athena shows it: half to the later one
    return f"sum(length({value}))"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def calendar_measures(table: Table) -> Measures:
    """The calendar table's measures, from Python's own calendar."""
    first, last = dt.date.fromisoformat(table.since), dt.date.fromisoformat(table.until)
    days = [first + dt.timedelta(days=number) for number in range((last - first).days + 1)]
    parts: Mapping[str, Callable[[dt.date], int]] = {
        "date": lambda day: (day - dt.date(1970, 1, 1)).days,
        "year": lambda day: day.year,
        "month": lambda day: day.month,
        "day": lambda day: day.day,
        "day_of_week": lambda day: day.isoweekday(),
        "day_name": lambda day: len(calendar.day_name[day.weekday()]),
        "month_name": lambda day: len(calendar.month_name[day.month]),
        "quarter": lambda day: (day.month + 2) // 3,
    }
    measures: dict[str, int] = {"n_rows": len(days)}
    for column in table.columns:
        part = of_kind(column.rule, CalendarPart, "compare", column.name).part
        measures[f"n_{column.name}"] = len(days)
        measures[f"s_{column.name}"] = sum(parts[part](day) for day in days)
    return measures
