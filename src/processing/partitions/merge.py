"""Merging rows into a partition: pure functions on Arrow tables.

A partition's rows are unique by natural key and sorted by it, so a merge is a splice. Of two rows with one key the
greater version wins (nulls lowest, ranked columns by their rank), and of equal versions the greater row, column by
column. So the result depends on the set of rows that ever arrived, never on their order, batches or repetitions.

A row with ``checked_at`` was seen at the source at that time. So it counts as if it had been written then: it outranks
what was written before, even with a later time of its own (a source that sets a row's clock back), and yields to
whatever was written after.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.errors import MissingColumns
from core.warehouse.canonical_rows import digest_rows
from core.warehouse.footer import mark_of
from core.warehouse.order import Bools, Ints, as_array, compare, locate, sort_rows, starts
from processing.partitions.layout import CHECKED, Layout

# A batch of fewer is compared with what is stored sooner than its digest is made; one of more is more than a partition
# should hold, and its digest would cost every first write of it more than the rare replay without a source's mark.
MARKED_ROWS = range(5_000, 50_001)


class ReadColumns(Protocol):
    """Gives stored columns by name: all rows in stored order, or those at the given (sorted) places."""

    def __call__(self, names: Sequence[str], at: Ints | None = None) -> pa.Table: ...


@dataclass(frozen=True, slots=True)
class Merged:
    """The whole partition after the merge. Not ``changed``: ``table`` is what was there before."""

    table: pa.Table
    changed: bool
    inserted: int
    replaced: int


@dataclass(frozen=True, slots=True)
class Splice:
    """What of the incoming rows gets in: row ``rows[i]`` replaces stored row ``places[i]``, or is put before it.

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
        return int(len(self.rows) - self.replaces.sum())

    @property
    def replaced(self) -> int:
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
    return apply_splice(current, rows, splice, layout)


def columns_of(rows: pa.Table) -> ReadColumns:
    """Columns of a table that is in memory."""

    def read(names: Sequence[str], at: Ints | None = None) -> pa.Table:
        return rows.select(names) if at is None else _take(rows.select(names), at)

    return read


def rows_mark(batch: Batch, layout: Layout) -> str:
    """The mark of a batch of so many rows, by its content and by the rules that let a row win; else empty.

    Once such a batch is merged, what is stored beats or equals every row of it, whatever object brings them again.
    """
    if batch.num_rows not in MARKED_ROWS:
        return ""
    return mark_of(f"{digest_rows(batch.table)} {layout.key} {layout.version} {layout.history_of} {layout.checked}")


def all_of(batch: Batch) -> Splice:
    """The splice of all rows into an empty partition."""
    every = np.arange(batch.num_rows)
    return Splice(every, np.zeros_like(every), np.zeros(len(every), dtype=bool))


@dataclass(frozen=True)
class Batch:
    """Incoming rows, one per key in key order, that lie as they came: ``order`` are their places in ``rows``.

    ``order`` None: all rows, as they lie. Every column is one contiguous array of the stored type.
    """

    rows: pa.Table
    order: Ints | None

    @property
    def num_rows(self) -> int:
        return int(self.rows.num_rows) if self.order is None else len(self.order)

    @cached_property
    def table(self) -> pa.Table:
        """The rows in order: a copy of every column, where they did not come so."""
        return self.rows if self.order is None else _take(self.rows, self.order)

    def slice(self, first: int, size: int) -> Batch:
        if self.order is None:
            return Batch(self.rows.slice(first, size), None)
        return Batch(self.rows, self.order[first : first + size])

    def select(self, names: Sequence[str]) -> Batch:
        return Batch(self.rows.select(names), self.order)


def dedupe(rows: pa.Table, layout: Layout) -> pa.Table:
    """One row per key, the winning one, sorted by key: the given columns, each one contiguous array.

    Raises ``MissingColumns`` where a given column is not there.
    """
    return batch_of(rows, layout).table


def batch_of(rows: pa.Table, layout: Layout) -> Batch:
    """As ``dedupe``, before anything is moved: that copies every column, and may be done piece by piece."""
    if missing := [name for name in layout.given if name not in rows.column_names]:
        raise MissingColumns("merge", layout.table, f"the rows lack {', '.join(missing)}")
    schema = layout.given_schema
    rows = pa.Table.from_arrays([_typed(rows[name], schema.field(name).type) for name in schema.names], schema=schema)
    if not layout.key:
        order, begins = np.arange(rows.num_rows), np.arange(rows.num_rows) == 0
    else:
        order, begins = sort_rows(_arrays(rows, layout.key))
    if not begins.all():
        return Batch(rows, order[_winners(rows, order, begins, layout)])
    return Batch(rows, None if (order[1:] > order[:-1]).all() else order)


def _typed(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    values = as_array(column)
    return values if values.type.equals(kind) else values.cast(kind)


def _winners(rows: pa.Table, order: Ints, begins: Bools, layout: Layout) -> Bools:
    """Which places of ``order`` hold the winning row of a run of equal keys (they lie side by side; ``begins``).

    By a tournament among those that are not alone: every round halves each run.
    """
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
        sign = _contest(rows, order[alive[left]], rows, order[alive[left + 1]], layout)
        loser = np.where(sign < 0, left, left + 1)
        wins[alive[loser]] = False
        alive = np.delete(alive, loser)


def _contest(left: pa.Table, left_at: Ints, right: pa.Table, right_at: Ints, layout: Layout) -> npt.NDArray[np.int8]:
    """-1, 0 or 1 for rows of one key: by version, then by content."""
    sign = compare(_versions(left, left_at, layout), _versions(right, right_at, layout))
    if not layout.version:
        sign = np.zeros(len(left_at), dtype=np.int8)
    tied = np.flatnonzero(sign == 0)
    if len(tied) and layout.content:
        sign[tied] = compare(
            _arrays(_take(left.select(layout.content), left_at[tied]), layout.content),
            _arrays(_take(right.select(layout.content), right_at[tied]), layout.content),
        )
    return sign


def _versions(rows: pa.Table, at: Ints, layout: Layout) -> list[pa.Array]:
    """The version columns of some rows, led by the later of written and checked where that counts.

    A ranked column comes as its rank, 0 for null and for what is not ranked.
    """
    taken = _take(rows.select([column.name for column in layout.version]), at)
    result = []
    if layout.checked:
        result.append(pc.max_element_wise(as_array(taken[layout.version[0].name]), as_array(taken[CHECKED])))
    for column in layout.version:
        values = as_array(taken[column.name])
        if column.rank:
            place = pc.index_in(values, value_set=pa.array(column.rank, values.type))
            result.append(pc.add(place.fill_null(-1), 1))
            if pc.any(pc.and_(place.is_null(), values.is_valid())).as_py():
                result.append(values)  # values that the contract does not rank still need an order among themselves
            continue
        result.append(values)
    return result


def plan_splice(read: ReadColumns, rows: pa.Table, layout: Layout) -> Splice:
    """Which of the rows (from ``dedupe``) change the stored ones, and where.

    ``read`` is asked for the key first, for the versions only where keys meet, and for the content only where versions
    are equal too.
    """
    if not layout.key:
        return _plan_single(read, rows, layout)
    key = read(layout.key)
    places, found = locate(_arrays(key, layout.key), _arrays(rows, layout.key))
    wins = ~found
    met = np.flatnonzero(found)
    if len(met):
        wins[met] = _beats(read, places[met], rows, met, layout)
    chosen = np.flatnonzero(wins)
    return Splice(chosen, places[chosen], found[chosen])


def _plan_single(read: ReadColumns, rows: pa.Table, layout: Layout) -> Splice:
    """A table whose key lies wholly in the path has one row a partition."""
    stored = read(layout.given)
    at = np.zeros(min(stored.num_rows, rows.num_rows), dtype=np.int64)
    wins = _beats(read, at, rows, at, layout) if len(at) else np.ones(rows.num_rows, dtype=bool)
    chosen = np.flatnonzero(wins)
    return Splice(chosen, np.zeros(len(chosen), dtype=np.int64), np.full(len(chosen), len(at) > 0))


def _beats(read: ReadColumns, stored_at: Ints, rows: pa.Table, at: Ints, layout: Layout) -> Bools:
    names = [column.name for column in layout.version]
    sign = np.zeros(len(at), dtype=np.int8)
    if names:
        every = np.arange(len(at))
        sign = compare(_versions(rows, at, layout), _versions(read(names, stored_at), every, layout))
    tied = np.flatnonzero(sign == 0)
    if len(tied) and layout.content:
        stored = read(layout.content, stored_at[tied])
        mine = _take(rows.select(layout.content), at[tied])
        sign[tied] = compare(_arrays(mine, layout.content), _arrays(stored, layout.content))
    return sign > 0


def apply_splice(current: pa.Table, rows: pa.Table, splice: Splice, layout: Layout) -> Merged:
    """The partition with the chosen rows in it."""
    if not len(splice.rows):
        return Merged(current, False, 0, 0)
    table = with_latest(spliced(current, rows, splice, layout), layout)
    return Merged(table, True, splice.inserted, splice.replaced)


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
    last = np.zeros(rows.num_rows, dtype=bool)
    if not rows.num_rows:
        return last
    group, rest = layout.key[: len(layout.history_of)], layout.key[len(layout.history_of) :]
    leading = tuple(column.name for column in layout.version[: len(rest)] if not column.rank)
    in_order = not layout.checked or rows[CHECKED].null_count == rows.num_rows
    if set(group) == set(layout.history_of) and rest == leading and in_order:
        # within a history the key's order is the version order, and keys are unique: the last row of each run
        begins = starts(_arrays(rows, group)) if group else np.arange(rows.num_rows) == 0
        return np.append(begins[1:], True)
    every = np.arange(rows.num_rows)
    columns = [*_arrays(rows, layout.history_of), *_versions(rows, every, layout), *_arrays(rows, layout.key)]
    order, _ = sort_rows(columns)
    groups = [column.take(pa.array(order)) for column in _arrays(rows, layout.history_of)]
    begins = starts(groups) if groups else every == 0
    last[order[np.append(begins[1:], True)]] = True
    return last


def _arrays(table: pa.Table, names: Sequence[str]) -> list[pa.Array]:
    return [as_array(table[name]) for name in names]


def _take(table: pa.Table, at: Ints) -> pa.Table:
    return table.take(pa.array(at))
