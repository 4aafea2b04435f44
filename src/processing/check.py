"""The contract's rules for the rows of a warehouse table: which rows break one, and which one.

A null breaks no ``check`` and no ``one_of`` (as in SQL); whether a column may be null is a rule of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from core.contract.model import TIME_UNITS, Column, Partition, Table
from core.warehouse.arrow_types import arrow_type
from core.warehouse.keys import in_partitions
from processing.lines.parsed import rows_where

_HOLDS: Mapping[str, Callable[[pa.ChunkedArray, pa.Scalar], pa.ChunkedArray]] = {
    ">": pc.greater,
    ">=": pc.greater_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    "=": pc.equal,
    "!=": pc.not_equal,
}


def broken_rules(table: Table, rows: pa.Table, *, now: datetime) -> Mapping[int, str]:
    """Row -> the first rule it breaks, as ``column: value breaks rule``.

    ``rows`` are shaped rows; columns that they lack (joined ones, those of the merge) are not checked. ``now`` bounds
    the partitions from above: a row from the future would lie where no query lists it.
    """
    bad: dict[int, str] = {}
    for column in table.columns:
        if column.name not in rows.column_names:
            continue
        values = rows.column(column.name)
        for rule, mask in _broken(table, column, values):
            for row in rows_where(mask):
                bad.setdefault(row, f"{column.name}: {_text(values[row])} breaks {rule}")
    for row, reason in _misplaced(table, rows, now):
        bad.setdefault(row, reason)
    return bad


def _broken(table: Table, column: Column, values: pa.ChunkedArray) -> Iterator[tuple[str, pa.ChunkedArray | pa.Array]]:
    if values.null_count and (column.required or column.name in table.key):
        yield "required", values.is_null()
    if column.check is not None:
        literal = pa.scalar(column.check.literal).cast(arrow_type(column.type))
        holds = _HOLDS[column.check.operator](values, literal)
        if not _all(holds):
            yield f"check {column.check.operator} {column.check.literal}", pc.invert(holds)
    if column.one_of:
        listed = pc.is_in(values.cast(pa.string()), value_set=pa.array(column.one_of, pa.string()))
        if not _all(listed):
            yield f"one_of {', '.join(column.one_of)}", pc.and_(pc.invert(listed), values.is_valid())


def _misplaced(table: Table, rows: pa.Table, now: datetime) -> Iterator[tuple[int, str]]:
    """Rows that no partition of the catalog would show, or that no path can hold."""
    if not table.partition_by or not rows.num_rows:
        return
    placed = in_partitions(table, rows)
    for row in rows_where(pc.invert(placed)):
        values = ", ".join(f"{part.column} {_text(rows.column(part.column)[row])}" for part in table.partition_by)
        yield row, f"{values}: outside the partitions of {table.name} (since {table.since})"
    for part in table.partition_by:
        if part.transform in TIME_UNITS:
            end = _first_beyond(part, now)
            column = rows.column(part.column)
            later = pc.greater_equal(column, pa.scalar(end, pa.timestamp("us")).cast(column.type))
            if pc.any(later).as_py():
                for row in rows_where(later):
                    yield row, f"{part.column}: {_text(column[row])} is more than a {part.transform} in the future"


def _first_beyond(part: Partition, now: datetime) -> datetime:
    """The start of the first partition that is refused: the one after next, for clocks differ."""
    moment = now.replace(tzinfo=None, minute=0, second=0, microsecond=0)
    if part.transform == "hour":
        return moment + timedelta(hours=2)
    moment = moment.replace(hour=0)
    if part.transform == "day":
        return moment + timedelta(days=2)
    if part.transform == "month":
        months = moment.year * 12 + moment.month - 1 + 2
        return moment.replace(year=months // 12, month=months % 12 + 1, day=1)
    return moment.replace(year=moment.year + 2, month=1, day=1)


def _all(mask: pa.ChunkedArray) -> bool:
    """Whether no value is false; null is not."""
    return pc.all(mask, skip_nulls=True, min_count=0).as_py() is not False


def _text(value: pa.Scalar) -> str:
    return "null" if not value.is_valid else str(value.cast(pa.string()).as_py())
