"""A table's mirror as it is now, read from its own objects by whoever writes none of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import InvalidData, PipelineBug
from core.json import UNREADABLE
from core.mirroring.names import STATE_PROPERTY, hint_key, metadata_key, version_of_hint
from core.mirroring.state import MirrorState
from core.ports import ObjectReader

_REMEDY = "Run it again; where it stays so: starmend mirror run"


@dataclass(frozen=True, slots=True)
class CurrentMirror:
    """The last version of a mirror: its state, and the sequence numbers of the snapshots that can be read."""

    version: int
    state: MirrorState
    sequences: frozenset[int]


def read_current(objects: ObjectReader, table: str) -> CurrentMirror | None:
    """The mirror of a table, None where it has no snapshot. The hint may lag, so what follows it is looked for too.

    Raises ``PipelineBug`` where the mirror cannot be read, ``TransientFailure`` where the store does not answer.
    """
    hint = objects.read(hint_key(table))
    if hint is None:
        return None
    version = version_of_hint(table, hint.body)
    metadata = _metadata(objects, table, version)
    while (later := _metadata(objects, table, version + 1)) is not None:
        version, metadata = version + 1, later
    key = metadata_key(table, version)
    if metadata is None:
        raise PipelineBug("read mirror", key, "is not there", _REMEDY)
    snapshots = metadata.get("snapshots", [])
    if not snapshots:
        return None
    state = _state(objects, metadata.get("properties", {}).get(STATE_PROPERTY, ""), key)
    return CurrentMirror(version, state, frozenset(snapshot["sequence-number"] for snapshot in snapshots))


def _state(objects: ObjectReader, place: str, metadata: str) -> MirrorState:
    stored = objects.read(place) if place else None
    if stored is None:
        raise PipelineBug("read mirror state", place or metadata, "is not there", _REMEDY)
    try:
        return MirrorState.from_json(stored.body, key=place)
    except InvalidData as error:
        raise PipelineBug("read mirror state", place, error.problem, _REMEDY) from error


def _metadata(objects: ObjectReader, table: str, version: int) -> Mapping[str, Any] | None:
    stored = objects.read(metadata_key(table, version))
    if stored is None:
        return None
    try:
        metadata: dict[str, Any] = json.loads(stored.body)
    except UNREADABLE as error:
        raise PipelineBug("read mirror", metadata_key(table, version), f"is no JSON: {error}", _REMEDY) from error
    return metadata
