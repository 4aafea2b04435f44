"""Reasons to refuse rows of a warehouse table: they break a check, or lie where no partition of the catalog is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from core.contract.model import TIME_UNITS, Partition, Table
from core.warehouse.checks import broken_checks
from core.warehouse.keys import OUTSIDE, before_first_partition, in_partitions, microseconds_of
from core.warehouse.order import as_array
from processing.lines.parsed import rows_where, shortened

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001  # instants of rows are UTC without zone


def broken_rules(table: Table, rows: pa.Table, *, now: datetime) -> Mapping[int, str]:
    """The rows that break a rule, each with the first one, as ``column: value breaks rule``.

    ``rows`` are shaped rows; columns that they lack (joined ones, those of the merge) are not checked. ``now`` bounds
    the partitions from above: a row from the future would lie where no query lists it.
    """
    bad: dict[int, str] = {}
    for check in broken_checks(table, rows):
        values = rows.column(check.column)
        for row in rows_where(check.breaks):
            bad.setdefault(row, f"{check.column}: {_text(values[row])} breaks {shortened(check.rule)}")
    for row, reason in _misplaced(table, rows, now):
        bad.setdefault(row, reason)
    return bad


def outside_promise(table: Table, rows: pa.Table) -> Mapping[int, str]:
    """The rows from before the table's first partition: no query would list them, and nothing was promised of them."""
    reason = f"before {table.since}, the first day of {table.name}: {OUTSIDE}"
    return dict.fromkeys(np.flatnonzero(before_first_partition(table, rows)).tolist(), reason)


def _misplaced(table: Table, rows: pa.Table, now: datetime) -> Iterator[tuple[int, str]]:
    """Rows that no partition of the catalog would show, or that no path can hold."""
    if not table.partition_by or not rows.num_rows:
        return
    placed = in_partitions(table, rows)
    for row in np.flatnonzero(~np.asarray(placed)).tolist():
        values = ", ".join(f"{part.column} {_text(rows.column(part.column)[row])}" for part in table.partition_by)
        yield row, f"{values}: outside the partitions of {table.name} (since {table.since})"
    for part in table.partition_by:
        if part.transform in TIME_UNITS:
            end = (_first_beyond(part, now) - _EPOCH) // timedelta(microseconds=1)
            column = as_array(rows.column(part.column))
            for row in np.flatnonzero(microseconds_of(column, null=end - 1) >= end).tolist():
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


def _text(value: pa.Scalar) -> str:
    return "null" if not value.is_valid else shortened(str(value.cast(pa.string()).as_py()))
