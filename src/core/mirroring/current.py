"""A table's mirror as it is now, read from its own objects by whoever writes none of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.errors import InvalidData, PipelineBug
from core.json import UNREADABLE
from core.mirroring.names import (
    STATE_PROPERTY,
    hint_key,
    metadata_key,
    metadata_prefix,
    version_of_hint,
    version_of_metadata,
)
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
    version, _ = find_version(objects, table)
    if not version:
        return None
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


def find_version(objects: ObjectReader, table: str) -> tuple[int, bool]:
    """A version to begin with, and whether the hint names it; without a hint the last one that is there, 0 for none.

    Whoever writes a mirror and whoever asks what it holds begin here: a lost hint is no lost mirror. Raises
    ``PipelineBug`` where the hint names no version, ``TransientFailure`` where the store does not answer.
    """
    hint = objects.read(hint_key(table))
    if hint is not None:
        return version_of_hint(table, hint.body), True
    return max((version_of_metadata(info.key) or 0 for info in objects.list(metadata_prefix(table))), default=0), False


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
