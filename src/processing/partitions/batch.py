"""Batches of incoming rows: of all that came with one key, the row that wins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import MissingColumns
from core.warehouse.arrow_types import CONTENT_FIELDS
from core.warehouse.canonical_rows import digest_rows
from core.warehouse.footer import mark_of
from core.warehouse.order import Bools, Ints, as_array, sort_rows
from processing.partitions.layout import Layout
from processing.partitions.precedence import arrays_of, columns_of, compare_rows
from processing.read_ahead import map_ahead

SIDE_BY_SIDE = 50_000  # rows; below it threads are not worth starting
# A batch of fewer is compared with what is stored sooner than its digest is made; one of more is more than a partition
# should hold, and its digest would cost every first write of it more than the rare replay without a source's mark.
MARKED_ROWS = range(5_000, 50_001)


@dataclass(frozen=True)
class Batch:
    """Incoming rows, one per key in key order, that lie as they came: ``order`` are their places in ``rows``.

    ``order`` None: all rows, as they lie. Every column is one contiguous array of the stored type.
    """

    rows: pa.Table
    order: Ints | None

    @property
    def num_rows(self) -> int:
        """How many rows the batch has, not how many ``rows`` hold."""
        return int(self.rows.num_rows) if self.order is None else len(self.order)

    @cached_property
    def table(self) -> pa.Table:
        """The rows in order: a copy of every column, where they did not come so."""
        return self.rows if self.order is None else _taken(self.rows, self.order)

    def slice(self, first: int, size: int) -> Batch:
        """``size`` rows from ``first`` on, in key order; nothing is copied."""
        if self.order is None:
            return Batch(self.rows.slice(first, size), None)
        return Batch(self.rows, self.order[first : first + size])

    def select(self, names: Sequence[str]) -> Batch:
        """The same rows with these columns alone."""
        return Batch(self.rows.select(names), self.order)


def _taken(rows: pa.Table, order: Ints) -> pa.Table:
    """The rows at these places; of many rows two columns at a time."""
    if len(order) < SIDE_BY_SIDE:
        return rows.take(pa.array(order))
    take = partial(pc.take, indices=pa.array(order), boundscheck=False)
    return pa.Table.from_arrays([*map_ahead(take, rows.columns, workers=2)], schema=rows.schema)


def dedupe(rows: pa.Table, layout: Layout) -> pa.Table:
    """One row per key, the winning one, sorted by key: the given columns, each one contiguous array.

    Raises ``MissingColumns`` where a given column is not there.
    """
    return batch_of(rows, layout).table


def batch_of(rows: pa.Table, layout: Layout) -> Batch:
    """The rows that ``dedupe`` gives, not put into order yet: that copies every column, and can be done in pieces."""
    present = set(rows.column_names)
    for kept in CONTENT_FIELDS:  # rows that no source hashed
        if kept.name in layout.given and kept.name not in present:
            rows = rows.append_column(kept, pa.nulls(rows.num_rows, kept.type))
            present.add(kept.name)
    if missing := [name for name in layout.given if name not in present]:
        raise MissingColumns("merge", layout.table, f"the rows lack {', '.join(missing)}")
    schema = layout.given_schema
    rows = pa.Table.from_arrays([_typed(rows[name], schema.field(name).type) for name in schema.names], schema=schema)
    if not layout.key:
        order, begins = np.arange(rows.num_rows), np.arange(rows.num_rows) == 0
    else:
        order, begins = sort_rows(arrays_of(rows, layout.key))
    if not begins.all():
        return Batch(rows, order[_winners(rows, order, begins, layout)])
    return Batch(rows, None if (order[1:] > order[:-1]).all() else order)


def rows_mark(batch: Batch, layout: Layout) -> str:
    """The mark of a batch of so many rows, by its content and by the rules that let a row win; else empty.

    Once such a batch is merged, what is stored beats or equals every row of it, whatever object brings them again.
    """
    if batch.num_rows not in MARKED_ROWS:
        return ""
    return mark_of(f"{digest_rows(batch.table)} {layout.key} {layout.version} {layout.history_of} {layout.checked}")


def _typed(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    values = as_array(column)
    return values if values.type.equals(kind) else values.cast(kind)


def _winners(rows: pa.Table, order: Ints, begins: Bools, layout: Layout) -> Bools:
    """Which places of ``order`` hold the winning row of a run of equal keys (they lie side by side; ``begins``).

    By a tournament among those that are not alone: every round halves each run.
    """
    read = columns_of(rows)
    wins = np.ones(len(order), dtype=bool)
    run = np.cumsum(begins)
    alive = np.flatnonzero(~(begins & np.append(begins[1:], True)))
    while True:
        of, every = run[alive], np.arange(len(alive))
        first = np.append(True, of[1:] != of[:-1])[: len(of)]
        place = every - np.maximum.accumulate(np.where(first, every, 0))  # within its run
        left = np.flatnonzero((place[:-1] % 2 == 0) & ~first[1:])
        if not len(left):
            return wins
        sign = compare_rows(read, order[alive[left]], read, order[alive[left + 1]], layout)
        loser = np.where(sign < 0, left, left + 1)
        wins[alive[loser]] = False
        alive = np.delete(alive, loser)
