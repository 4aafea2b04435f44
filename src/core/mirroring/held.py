"""Parquet objects that snapshots of the mirror name: they outlast whatever else would let them go.

Read from the mirror's own objects alone, by whoever removes objects of partitions. Snapshots expire first
(``mirror.iceberg.table.SNAPSHOTS_KEPT``); the object goes with the next vacuum.
"""

from __future__ import annotations

import json
import threading
from typing import Any

from core.errors import InvalidData, PipelineBug
from core.mirroring.names import STATE_PROPERTY, hint_key, metadata_key, version_of_hint
from core.mirroring.state import MirrorState
from core.ports import ObjectReader

_REMEDY = "Run it again; where it stays so: starmend mirror run"


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
    """The keys of the objects that a table's mirror holds. The hint may lag, so what follows it is looked for too."""
    hint = objects.read(hint_key(table))
    if hint is None:
        return frozenset()
    version = version_of_hint(table, hint.body)
    metadata = _metadata(objects, table, version)
    while (later := _metadata(objects, table, version + 1)) is not None:
        version, metadata = version + 1, later
    key = metadata_key(table, version)
    if metadata is None:
        raise PipelineBug("read mirror", key, "is not there", _REMEDY)
    snapshots = metadata.get("snapshots", [])
    place = metadata.get("properties", {}).get(STATE_PROPERTY, "")
    if not snapshots:
        return frozenset()
    stored = objects.read(place) if place else None
    if stored is None:
        raise PipelineBug("read mirror state", place or key, "is not there", _REMEDY)
    try:
        state = MirrorState.from_json(stored.body, key=place)
    except InvalidData as error:
        raise PipelineBug("read mirror state", place, error.problem, _REMEDY) from error
    return state.held_objects({snapshot["sequence-number"] for snapshot in snapshots})


def _metadata(objects: ObjectReader, table: str, version: int) -> dict[str, Any] | None:
    stored = objects.read(metadata_key(table, version))
    if stored is None:
        return None
    metadata: dict[str, Any] = json.loads(stored.body)
    return metadata
