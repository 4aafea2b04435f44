"""Partitions that can hold rows of a read: by the conditions on what the paths are made of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import product
from typing import Any

import pyarrow as pa

from core.contract.model import TIME_UNITS, Partition, Table
from core.errors import Misuse
from core.feeds.partitions import unit_bounds
from core.warehouse.arrow_types import arrow_type
from core.warehouse.keys import SAFE_VALUE, bucket_of, values_in
from starmend_reader.where.conditions import Condition

MOST_FOLDERS = 64  # that are listed one by one; beyond it the table's is
_FORMS = {"hour": "%Y-%m-%d-%H", "day": "%Y-%m-%d", "month": "%Y-%m", "year": "%Y"}  # as paths have them
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001
_TICK = timedelta(microseconds=1)


def may_hold(table: Table, path: str, conditions: Sequence[Condition]) -> bool:
    """Whether rows of the partition can satisfy all conditions."""
    values = values_in(path)
    return all(
        _part_may_hold(table, part, values[part.name], condition)
        for part in table.partition_by
        for condition in conditions
        if condition.column in (part.name, part.column)
    )


def check_times(table: Table, conditions: Sequence[Condition]) -> None:
    """Raise ``Misuse`` on a value of a partition key by time that none can have, such as the month ``2026-6``.

    Keys are texts, so that it would be found in no path, and be greater than October. What asks for an order may name
    a longer time: ``month >= 2026``.
    """
    for part in (part for part in table.partition_by if part.transform in TIME_UNITS):
        units = list(_FORMS)[list(_FORMS).index(part.transform) :]
        for condition in conditions:
            wanted = units if condition.operator in ("<", "<=", ">", ">=") else units[:1]
            values = [value for value in condition.values if isinstance(value, str)]
            strange = [value for value in values if not any(_is_of(unit, value) for unit in wanted)]
            if condition.column == part.name and strange:
                example = datetime(2026, 6, 9, 5).strftime(_FORMS[part.transform])  # noqa: DTZ001
                problem = f"{strange[0]!r} is no {part.transform}"
                raise Misuse("read where", f"{table.name}.{part.name}", problem, f"Write it as in {example}")


def _is_of(unit: str, text: str) -> bool:
    try:
        return datetime.strptime(text, _FORMS[unit]).strftime(_FORMS[unit]) == text  # noqa: DTZ007
    except ValueError:
        return False


def time_of(table: Table, path: str) -> tuple[int, int] | None:
    """The time that a partition is of, epoch seconds, half-open; None where its table has none of time."""
    values = values_in(path)
    bounds = [
        unit_bounds(part.transform, values[part.name]) for part in table.partition_by if part.transform in TIME_UNITS
    ]
    return bounds[0] if bounds else None


def folders(table: Table, conditions: Sequence[Condition]) -> list[str]:
    """The folders below the table's (empty: its own) in which all partitions that can hold rows lie."""
    levels: list[list[str]] = []
    for part in table.partition_by:
        values = _values_of(table, part, conditions)
        if values is None or len(values) * len(list(product(*levels))) > MOST_FOLDERS:
            break
        levels.append([f"{part.name}={value}/" for value in values])
    return ["".join(names) for names in product(*levels)]


def _values_of(table: Table, part: Partition, conditions: Sequence[Condition]) -> list[str] | None:
    """The values of a level that conditions leave; None where they leave more than they name."""
    for condition in conditions:
        if condition.allowed is None or condition.column not in (part.name, part.column):
            continue
        known = [value for value in condition.allowed if value is not None]
        if condition.column == part.name or part.transform == "value":
            return sorted({str(value) for value in known if SAFE_VALUE.fullmatch(str(value))})  # no path has others
        if part.transform == "bucket":
            return sorted({str(number) for number in _buckets(table, part, known)})
    return None


def _part_may_hold(table: Table, part: Partition, text: str, condition: Condition) -> bool:
    if condition.column == part.name or part.transform == "value":
        value: Any = int(text) if part.transform == "bucket" else text
        return condition.holds_between(value, value)
    if part.transform in TIME_UNITS:
        first, last = unit_bounds(part.transform, text)
        low, high = _EPOCH + timedelta(seconds=first), _EPOCH + timedelta(seconds=last) - _TICK
        if table.column(part.column).type.name == "date":
            return condition.holds_between(_date(low), _date(high))
        return condition.holds_between(low, high)
    if condition.allowed is None:
        return True
    return int(text) in _buckets(table, part, [value for value in condition.allowed if value is not None])


def _date(at: datetime) -> date:
    return at.date()


def _buckets(table: Table, part: Partition, values: Sequence[Any]) -> set[int]:
    kind = arrow_type(table.column(part.column).type)
    if pa.types.is_floating(kind):  # both zeros: their texts differ
        values = [*values, *(-value for value in values if value == 0)]
    return {int(number) for number in bucket_of(pa.array(values, kind), part.buckets)}
