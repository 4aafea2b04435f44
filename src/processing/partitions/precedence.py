"""Precedence of rows: which of two rows with one key wins, and which version of a history is the latest.

The greater version wins (nulls lowest, ranked columns by their rank), and of equal versions the greater row, column by
column. So what wins depends on the set of rows that ever arrived, never on their order, batches or repetitions.

A row with ``checked_at`` was seen at the source at that time. So it counts as if it had been written then: it outranks
what was written before, even with a later time of its own (a source that sets a row's clock back), and yields to
whatever was written after, even where its own time lies far in the future (``core.warehouse.order.seen_at``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.warehouse.order import Bools, Ints, as_array, compare, seen_at, sort_rows, starts
from processing.partitions.layout import Layout

Signs = npt.NDArray[np.int8]


class ReadColumns(Protocol):
    """Gives columns of rows by name: of all rows in order, or of those at the given places (sorted, if stored)."""

    def __call__(self, names: Sequence[str], at: Ints | None = None) -> pa.Table: ...


def columns_of(rows: pa.Table) -> ReadColumns:
    """Columns of a table that is in memory; ``at`` in any order."""

    def read(names: Sequence[str], at: Ints | None = None) -> pa.Table:
        return rows.select(names) if at is None else rows.select(names).take(pa.array(at))

    return read


def compare_rows(left: ReadColumns, left_at: Ints, right: ReadColumns, right_at: Ints, layout: Layout) -> Signs:
    """-1, 0 or 1 for pairs of rows with one key, given by their places: by version, then by content.

    The content is asked for only where versions are equal.
    """
    sign = np.zeros(len(left_at), dtype=np.int8)
    if layout.version:
        names = [column.name for column in layout.version]
        sign = compare(_versions(left(names, left_at), layout), _versions(right(names, right_at), layout))
    tied = np.flatnonzero(sign == 0)
    if len(tied) and layout.content:
        names = list(layout.content)
        sign[tied] = compare(
            arrays_of(left(names, left_at[tied]), names), arrays_of(right(names, right_at[tied]), names)
        )
    return sign


def _versions(rows: pa.Table, layout: Layout) -> list[pa.Array]:
    """The version columns of rows, led by the later of written and checked where that counts.

    A ranked column comes as its rank, 0 for null and for what is not ranked.
    """
    columns = []
    if layout.checked:
        columns.append(seen_at(as_array(rows[layout.version[0].name]), as_array(rows[layout.checked_by])))
    for column in layout.version:
        values = as_array(rows[column.name])
        if column.rank:
            rank = pc.index_in(values, value_set=pa.array(column.rank, values.type))
            columns.append(pc.add(rank.fill_null(-1), 1))
            if pc.any(pc.and_(rank.is_null(), values.is_valid())).as_py():
                columns.append(values)  # values that the contract does not rank still need an order among themselves
            continue
        columns.append(values)
    return columns


def with_latest(rows: pa.Table, layout: Layout) -> pa.Table:
    """Add the ``latest`` columns: true for the newest version of each history, unless that version is deleted.

    ``rows`` are unique and sorted by key.
    """
    if not layout.latest:
        return rows
    newest = _newest(rows, layout)
    if layout.deleted:
        newest &= np.asarray(as_array(rows[layout.deleted]).is_null())
    flag = pa.array(newest)
    return pa.Table.from_arrays(
        [flag if name in layout.latest else rows[name] for name in layout.schema.names], schema=layout.schema
    )


def _newest(rows: pa.Table, layout: Layout) -> Bools:
    newest = np.zeros(rows.num_rows, dtype=bool)
    if not rows.num_rows:
        return newest
    group, rest = layout.key[: len(layout.history_of)], layout.key[len(layout.history_of) :]
    leading = tuple(column.name for column in layout.version[: len(rest)] if not column.rank)
    in_order = not layout.checked or rows[layout.checked_by].null_count == rows.num_rows
    if set(group) == set(layout.history_of) and rest == leading and in_order:
        # within a history the key's order is the version order, and keys are unique: the last row of each run
        begins = starts(arrays_of(rows, group)) if group else np.arange(rows.num_rows) == 0
        return np.append(begins[1:], True)
    columns = [*arrays_of(rows, layout.history_of), *_versions(rows, layout), *arrays_of(rows, layout.key)]
    order, _ = sort_rows(columns)
    groups = [column.take(pa.array(order)) for column in arrays_of(rows, layout.history_of)]
    begins = starts(groups) if groups else np.arange(rows.num_rows) == 0
    newest[order[np.append(begins[1:], True)]] = True
    return newest


def arrays_of(table: pa.Table, names: Sequence[str]) -> list[pa.Array]:
    """Columns by name, each as one array."""
    return [as_array(table[name]) for name in names]
