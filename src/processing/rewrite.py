"""A merge into a large partition, one row group at a time.

What ``merge.apply_splice`` makes of whole tables is made here in pieces: while one is encoded, the next is decoded and
spliced on another core, and the partition is never in memory whole. The pieces are cut as the writer cuts row groups,
so that the object's bytes are the same either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from core.partition_object import Opened
from processing.merge import Layout, Splice, apply_splice, spliced
from processing.parquet import ROW_GROUP
from processing.snapshot import Columns

STREAM_FROM = 2 * ROW_GROUP  # rows; below it there is nothing to do side by side


def splice_object(
    opened: Opened, columns: Columns, rows: pa.Table, splice: Splice, layout: Layout
) -> pa.Table | Spliced:
    """An object's rows after a splice: a table, or what makes it piece by piece where that is worth it.

    ``columns`` are the object's, with those that the splice was planned from already decoded.
    """
    if opened.footer.rows < STREAM_FROM:
        return apply_splice(columns.whole(), rows, splice, layout).table
    return Spliced(opened, columns, rows, splice, layout)


@dataclass(frozen=True, slots=True)
class Spliced:
    """The rows of a partition after a splice, not made yet."""

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
        with ThreadPoolExecutor(1) as beside:
            source = self._cut()
            coming = beside.submit(next, source, None)
            while (piece := coming.result()) is not None:
                coming = beside.submit(next, source, None)
                yield piece

    def _cut(self) -> Iterator[pa.Table]:
        """The spliced row groups, cut anew to ``ROW_GROUP`` rows."""
        waiting: list[pa.Table] = []
        count = 0
        for group in self._spliced_groups():
            waiting.append(group)
            count += group.num_rows
            while count >= ROW_GROUP:
                rest = pa.concat_tables(waiting)
                yield rest.slice(0, ROW_GROUP).combine_chunks()
                waiting, count = [rest.slice(ROW_GROUP)], count - ROW_GROUP
        if count:
            yield pa.concat_tables(waiting).combine_chunks()

    def _spliced_groups(self) -> Iterator[pa.Table]:
        flags = self._flags()
        known = [name for name in self.layout.given if name in self.columns.known]
        other = [name for name in self.layout.given if name not in self.columns.known]
        held = self.columns.read(known)
        first = done = 0
        sizes = self.opened.group_rows
        for number, size in enumerate(sizes):
            stored = held.slice(first, size)
            if other:
                decoded = self.opened.read_group(number, self.layout.schema, other)
                for name, column in zip(other, decoded.columns, strict=True):
                    stored = stored.append_column(name, column)
            local = self.splice.within(first, first + size, last=number == len(sizes) - 1)
            group = spliced(stored, self.rows, local, self.layout)
            yield _with_flags(group, flags, done, self.layout)
            first += size
            done += group.num_rows

    def _flags(self) -> pa.Array | None:
        """Which rows are the latest of their history: a group of versions may lie across two row groups."""
        if not self.layout.latest:
            return None
        narrow = self.layout.deciding
        merged = apply_splice(self.columns.read(narrow.given), self.rows.select(narrow.given), self.splice, narrow)
        return merged.table[self.layout.latest[0]].combine_chunks()


def _with_flags(group: pa.Table, flags: pa.Array | None, first: int, layout: Layout) -> pa.Table:
    if flags is None:
        return group
    mine = flags.slice(first, group.num_rows)
    return pa.Table.from_arrays(
        [mine if name in layout.latest else group[name] for name in layout.schema.names], schema=layout.schema
    )
