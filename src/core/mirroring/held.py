"""Parquet objects that snapshots of the mirror name: they outlast whatever else would let them go.

Read from the mirror's own objects alone, by whoever removes objects of partitions. Snapshots expire first
(``mirror.iceberg.table.SNAPSHOTS_KEPT``); the object goes with the next vacuum.
"""

from __future__ import annotations

import threading

from core.mirroring.current import read_current
from core.ports import ObjectReader


class HeldObjects:
    """The objects that each table's mirror holds, read once a table."""

    def __init__(self, objects: ObjectReader) -> None:
        self._objects = objects
        self._by_table: dict[str, frozenset[str]] = {}
        self._lock = threading.Lock()

    def of(self, table: str) -> frozenset[str]:
        """The keys that the current snapshot or a live one names; none where the table has no mirror.

        Raises ``PipelineBug`` where the mirror cannot be read: then nothing of the table may go.
        """
        with self._lock:
            if table not in self._by_table:
                self._by_table[table] = held_objects(self._objects, table)
            return self._by_table[table]


def held_objects(objects: ObjectReader, table: str) -> frozenset[str]:
    """The keys of the objects that a table's mirror holds."""
    current = read_current(objects, table)
    return current.state.held_objects(current.sequences) if current else frozenset()
