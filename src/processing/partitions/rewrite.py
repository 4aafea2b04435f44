"""Rewriting of large partitions, one row group at a time.

The rows that ``merge.apply_splice`` gives as a whole table, or ``batch.dedupe`` for a partition's first rows, are made
here in pieces: while one is encoded, the next is decoded and spliced on another core, and the result is never in memory
whole. The pieces are cut as the writer cuts row groups, so that the object's bytes are the same either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from core.warehouse.partition_objects import Opened
from processing.partitions.batch import Batch
from processing.partitions.layout import Layout
from processing.partitions.merge import Splice, apply_splice, spliced
from processing.partitions.parquet import ROW_GROUP
from processing.partitions.precedence import with_latest
from processing.partitions.snapshot import Columns
from processing.read_ahead import read_ahead

STREAM_FROM = 2 * ROW_GROUP  # rows; below it there is nothing to do side by side


def splice_object(
    opened: Opened, columns: Columns, rows: pa.Table, splice: Splice, layout: Layout
) -> pa.Table | SplicedPieces:
    """An object's rows after a splice: a table, or pieces of it where they are many.

    ``columns`` are the object's, with those that the splice was planned from already decoded. Nothing is given out
    that was not proven to be what a commit wrote.
    """
    if opened.footer.rows < STREAM_FROM:
        columns.prove()
        return apply_splice(columns.whole(), rows, splice, layout).table
    return SplicedPieces(opened, columns, rows, splice, layout)


def first_rows(batch: Batch, layout: Layout) -> pa.Table | BatchPieces:
    """The rows of a partition that has none yet: a table, or pieces of it where they are many."""
    if batch.num_rows < STREAM_FROM:
        return with_latest(batch.table, layout)
    return BatchPieces(batch, layout)


@dataclass(frozen=True, slots=True)
class BatchPieces:
    """The rows of a partition's first batch, in pieces that are put into order one by one."""

    batch: Batch
    layout: Layout

    @property
    def num_rows(self) -> int:
        return self.batch.num_rows

    @property
    def schema(self) -> pa.Schema:
        return self.layout.schema

    def pieces(self) -> Iterator[pa.Table]:
        """Row groups, in order; each is made while its predecessor is being used."""
        return read_ahead(self._pieces())

    def _pieces(self) -> Iterator[pa.Table]:
        flags = self._flags()
        for first in range(0, self.num_rows, ROW_GROUP):
            piece = self.batch.slice(first, ROW_GROUP).table
            yield _with_flags(piece, flags, first, self.layout).combine_chunks()

    def _flags(self) -> pa.Array | None:
        if not self.layout.latest:
            return None
        narrow = self.layout.deciding
        rows = with_latest(self.batch.select(narrow.given).table, narrow)
        return rows[self.layout.latest[0]].combine_chunks()


@dataclass(frozen=True, slots=True)
class SplicedPieces:
    """The rows of a partition after a splice, in pieces that are made one by one."""

    opened: Opened
    columns: Columns
    rows: pa.Table
    splice: Splice
    layout: Layout

    @property
    def num_rows(self) -> int:
        return self.opened.footer.rows + self.splice.inserted

    @property
    def schema(self) -> pa.Schema:
        return self.layout.schema

    def pieces(self) -> Iterator[pa.Table]:
        """Row groups of the result, in order; each is made while its predecessor is being used."""
        for piece in read_ahead(self._pieces()):
            self.columns.prove()
            yield piece

    def _pieces(self) -> Iterator[pa.Table]:
        flags = self._flags()
        stored = _StoredRows(self.opened, self.columns, self.layout)
        done = 0
        for first, stop, local in self.splice.cut(self.opened.footer.rows, ROW_GROUP):
            piece = spliced(stored.between(first, stop), self.rows, local, self.layout)
            yield _with_flags(piece, flags, done, self.layout).combine_chunks()
            done += piece.num_rows

    def _flags(self) -> pa.Array | None:
        """Which rows are the latest of their history: a group of versions may lie across two row groups."""
        if not self.layout.latest:
            return None
        narrow = self.layout.deciding
        merged = apply_splice(self.columns.read(narrow.given), self.rows.select(narrow.given), self.splice, narrow)
        return merged.table[self.layout.latest[0]].combine_chunks()


class _StoredRows:
    """The stored rows from front to back: columns that are decoded already, and the others a row group at a time."""

    def __init__(self, opened: Opened, columns: Columns, layout: Layout) -> None:
        self._opened = opened
        self._schema = layout.schema
        self._other = [name for name in layout.given if name not in columns.known]
        self._known = columns.read([name for name in layout.given if name in columns.known])
        self._sizes = opened.group_rows
        self._next = 0
        self._first = self._end = 0
        self._held: list[pa.Table] = []

    def between(self, first: int, stop: int) -> pa.Table:
        """The rows from ``first`` to before ``stop``; ``first`` never goes back."""
        known = self._known.slice(first, stop - first)
        if not self._other:
            return known
        while self._end < stop:
            self._held.append(self._opened.read_group(self._next, self._schema, self._other, proven=False))
            self._end += self._sizes[self._next]
            self._next += 1
        while self._held and self._first + self._held[0].num_rows <= first:
            self._first += self._held.pop(0).num_rows
        if not self._held:
            return self._schema.empty_table()
        decoded = pa.concat_tables(self._held).slice(first - self._first, stop - first)
        for name in self._other:
            known = known.append_column(self._schema.field(name), decoded[name])
        return known


def _with_flags(piece: pa.Table, flags: pa.Array | None, first: int, layout: Layout) -> pa.Table:
    if flags is None:
        return piece
    flag = flags.slice(first, piece.num_rows)
    return pa.Table.from_arrays(
        [flag if name in layout.latest else piece[name] for name in layout.schema.names], schema=layout.schema
    )
