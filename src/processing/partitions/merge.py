"""Merges of rows into a partition, each a splice: pure functions on Arrow tables.

A partition's rows are unique by natural key and sorted by it. Which of two rows with one key stays is decided by
``precedence``, so the result does not depend on the order in which rows arrive.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from core.warehouse.order import Bools, Ints, locate
from processing.partitions.batch import Batch, dedupe
from processing.partitions.layout import Layout
from processing.partitions.precedence import ReadColumns, arrays_of, columns_of, compare_rows, with_latest


@dataclass(frozen=True, slots=True)
class Merged:
    """The whole partition after the merge. Not ``changed``: ``table`` is what was there before."""

    table: pa.Table
    changed: bool
    inserted: int
    replaced: int


@dataclass(frozen=True, slots=True)
class Splice:
    """The incoming rows that get in: row ``rows[i]`` replaces stored row ``places[i]``, or is put before it.

    Both are sorted.
    """

    rows: Ints
    places: Ints
    replaces: Bools

    def cut(self, stored: int, size: int) -> Iterator[tuple[int, int, Splice]]:
        """The result in parts of ``size`` rows: the stored rows of each, and its splice, counted from the first."""
        new = np.append(0, np.cumsum(~self.replaces))
        lands = self.places + new[:-1]  # where in the result each row comes to lie
        total = stored + self.inserted
        low = first = 0
        for end in range(size, total + size, size):
            end = min(end, total)
            high = int(np.searchsorted(lands, end))
            stop = end - int(new[high])
            yield first, stop, Splice(self.rows[low:high], self.places[low:high] - first, self.replaces[low:high])
            low, first = high, stop

    @property
    def inserted(self) -> int:
        """How many rows have a new key."""
        return int(len(self.rows) - self.replaces.sum())

    @property
    def replaced(self) -> int:
        """How many stored rows go."""
        return int(self.replaces.sum())


def merge(current: pa.Table | None, incoming: pa.Table, layout: Layout) -> Merged:
    """Merge rows in any order, with any repetitions, into the partition's current rows.

    ``current`` is the result of an earlier merge (None: there is none yet). ``incoming`` has the stored columns but the
    ``latest`` ones. The result has the stored schema, is unique by key and sorted by it.
    """
    rows = dedupe(incoming, layout)
    if current is None:
        return Merged(with_latest(rows, layout), rows.num_rows > 0, rows.num_rows, 0)
    splice = plan_splice(columns_of(current), rows, layout)
    if not len(splice.rows):
        return Merged(current, False, 0, 0)
    return apply_splice(current, rows, splice, layout)


def all_of(batch: Batch) -> Splice:
    """The splice of all rows into an empty partition."""
    every = np.arange(batch.num_rows)
    return Splice(every, np.zeros_like(every), np.zeros(len(every), dtype=bool))


def plan_splice(read: ReadColumns, rows: pa.Table, layout: Layout) -> Splice:
    """Find out which of the rows (from ``dedupe``) change the stored ones, and where.

    ``read`` is asked for the key first, for the versions only where keys meet, and for the content only where versions
    are equal too.
    """
    if not layout.key:
        return _plan_single(read, rows, layout)
    key = read(layout.key)
    places, is_stored = locate(arrays_of(key, layout.key), arrays_of(rows, layout.key))
    wins = ~is_stored
    met = np.flatnonzero(is_stored)
    if len(met):
        wins[met] = compare_rows(columns_of(rows), met, read, places[met], layout) > 0
    chosen = np.flatnonzero(wins)
    return Splice(chosen, places[chosen], is_stored[chosen])


def _plan_single(read: ReadColumns, rows: pa.Table, layout: Layout) -> Splice:
    """The splice for a table whose key lies wholly in the path: it has one row a partition."""
    stored = read(layout.given)
    at = np.zeros(min(stored.num_rows, rows.num_rows), dtype=np.int64)
    wins = compare_rows(columns_of(rows), at, read, at, layout) > 0 if len(at) else np.ones(rows.num_rows, dtype=bool)
    chosen = np.flatnonzero(wins)
    return Splice(chosen, np.zeros(len(chosen), dtype=np.int64), np.full(len(chosen), len(at) > 0))


def apply_splice(current: pa.Table, rows: pa.Table, splice: Splice, layout: Layout) -> Merged:
    """The partition with the chosen rows in it, its latest rows decided anew."""
    table = with_latest(spliced(current, rows, splice, layout), layout)
    return Merged(table, len(splice.rows) > 0, splice.inserted, splice.replaced)


def spliced(current: pa.Table, rows: pa.Table, splice: Splice, layout: Layout) -> pa.Table:
    """The given columns of the rows after the splice."""
    schema = layout.given_schema
    if not len(splice.rows):
        return current.select(layout.given).cast(schema)
    lowest = int(splice.rows[0])
    near = rows.slice(lowest, int(splice.rows[-1]) - lowest + 1)
    both = [pa.concat_arrays([*current[name].chunks, *near[name].chunks]) for name in layout.given]
    stored = current.num_rows
    if splice.places[0] == stored and len(splice.rows) == near.num_rows:  # all of them come after what is there
        return pa.Table.from_arrays(both, schema=schema)
    source = np.arange(stored, dtype=np.int64)
    replaced, new = splice.replaces, stored + splice.rows - lowest
    source[splice.places[replaced]] = new[replaced]
    if not replaced.all():
        source = np.insert(source, splice.places[~replaced], new[~replaced])
    at = pa.array(source)
    return pa.Table.from_arrays([pc.take(column, at, boundscheck=False) for column in both], schema=schema)
