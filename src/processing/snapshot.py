"""A partition as it is at one moment, and the columns of an object read as they are needed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa

from core.ports import PartitionStore
from processing.attempt import read_current
from processing.footer import Footer
from processing.parquet import Opened

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
    """The current object of a partition (the store's name of it), with the columns of ``schema``."""
    current = read_current(store, partition)
    if current is None or current.modified is None:
        return None
    opened = current.object
    return Snapshot(
        partition, current.version, current.pointer.target, opened.read(schema), opened.footer, current.modified
    )


class Columns:
    """An object's columns in the wanted schema, each decoded once, when it is first asked for."""

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

    def read(self, names: Sequence[str]) -> pa.Table:
        missing = [name for name in names if name not in self._have]
        if missing:
            rows = self._opened.read(self._schema, missing)
            self._have.update(zip(missing, rows.columns, strict=True))
        return pa.table({name: self._have[name] for name in names})

    def whole(self) -> pa.Table:
        return self.read(self._schema.names)
