"""Snapshots of partitions, and the columns of an object decoded as they are needed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import numpy as np
import pyarrow as pa

from core.ports import PartitionStore
from core.warehouse.footer import Footer
from core.warehouse.order import Ints
from core.warehouse.partition_objects import Opened
from processing.partitions.state import read_current

READ_AT_ONCE = 1_000_000  # cells; below it a second visit to the file costs more than the columns it would save


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A partition at one moment: its version, the object's key and time, its rows and what its footer says."""

    partition: str
    version: int
    key: str
    table: pa.Table
    footer: Footer
    modified: datetime


def read_snapshot(store: PartitionStore, schema: pa.Schema, partition: str) -> Snapshot | None:
    """The current object of a partition (the store's name of it), with the columns of ``schema``; None: no commit yet.

    Raises ``LostCommit`` where the pointer or its object is lost.
    """
    current = read_current(store, partition)
    if current is None:
        return None
    opened, modified = current.opened, current.modified
    if opened is None or modified is None:
        raise current.lost
    return Snapshot(partition, current.version, opened.key, opened.read(schema), opened.footer, modified)


class Columns:
    """An object's columns in the wanted schema, each decoded once, when it is first asked for.

    They are not proven: the digest is computed beside, and ``prove`` must be called before anything is made of them.
    """

    def __init__(self, opened: Opened, schema: pa.Schema) -> None:
        self._opened = opened
        self._schema = schema
        self._have: dict[str, pa.ChunkedArray] = {}
        if opened.footer.rows * len(schema) <= READ_AT_ONCE:
            self.whole()

    @property
    def known(self) -> Collection[str]:
        """The columns that are decoded already."""
        return self._have.keys()

    def read(self, names: Sequence[str], at: Ints | None = None) -> pa.Table:
        """All rows, or those at the given places, which are sorted.

        Where these lie in few row groups, no other is decoded.
        """
        missing = [name for name in names if name not in self._have]
        if missing and at is not None and len(groups := self._groups_of(at)) <= len(self._opened.group_rows) // 2:
            return self._read_groups(names, at, groups)
        if missing:
            rows = self._opened.read(self._schema, missing, proven=False)
            self._have.update(zip(missing, rows.columns, strict=True))
        rows = pa.table({name: self._have[name] for name in names})
        return rows if at is None else rows.take(pa.array(at))

    def _groups_of(self, at: Ints) -> list[int]:
        return list(dict.fromkeys(np.searchsorted(self._ends, at, side="right").tolist()))

    def _read_groups(self, names: Sequence[str], at: Ints, groups: Sequence[int]) -> pa.Table:
        parts = []
        for group in groups:
            first, end = (int(self._ends[group - 1]) if group else 0), int(self._ends[group])
            low, high = np.searchsorted(at, (first, end))
            rows = self._opened.read_group(group, self._schema, names, proven=False)
            parts.append(rows.take(pa.array(at[low:high] - first)))
        return pa.concat_tables(parts)

    @cached_property
    def _ends(self) -> Ints:
        """Where each row group ends."""
        return np.cumsum(self._opened.group_rows)

    def whole(self) -> pa.Table:
        """All rows with all columns."""
        return self.read(self._schema.names)

    def prove(self) -> None:
        """Raises ``PipelineBug`` where the object was altered."""
        self._opened.prove()
