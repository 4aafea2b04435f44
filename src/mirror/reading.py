"""A table's mirror as it is: the version that is current, its metadata and its state."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from pyiceberg.table.metadata import TableMetadataV2

from core.errors import InvalidData, PipelineBug
from core.mirroring.catalog import MirrorCatalog
from core.mirroring.current import find_version
from core.mirroring.names import STATE_PROPERTY, metadata_key
from core.mirroring.state import MirrorState
from core.ports import ObjectReader, PartitionStore
from mirror.changes import LakeStore


@dataclass(frozen=True, slots=True)
class MirrorServices:
    """What the mirror works with. ``root`` is what makes a location of a key, ``s3://<bucket>/``.

    ``unique`` gives 32 hex digits that were never used before. ``catalog`` is told of each version, where
    there is one.
    """

    objects: LakeStore
    partitions: PartitionStore
    root: str
    now: Callable[[], datetime]
    unique: Callable[[], str]
    catalog: MirrorCatalog | None = None
    workers: int = 16


@dataclass(frozen=True, slots=True)
class Mirror:
    """A table's mirror as of a version; version 0: there is none yet. An empty ``state_key``: its state is lost.

    ``is_hinted`` false: the hint is lost, and the version was looked for among the objects.
    """

    version: int
    metadata: TableMetadataV2 | None
    state: MirrorState
    state_key: str = ""
    is_hinted: bool = True


def read_mirror(table: str, objects: ObjectReader, *, least: int = 0) -> Mirror:
    """The mirror as the hint names it, or a version that is known to be there; without a hint the last that is there.

    For one that began again from 1 would come upon the versions of before. Raises ``PipelineBug`` where the metadata
    cannot be read.
    """
    version, is_hinted = (least, True) if least else find_version(objects, table)
    if not version:
        return Mirror(0, None, MirrorState())
    key = metadata_key(table, version)
    stored = objects.read(key)
    if stored is None:
        raise PipelineBug(
            "read mirror",
            key,
            "is not there",
            f"Begin again: delete the folder it lies in, then starmend mirror run {table}",
        )
    try:
        metadata = TableMetadataV2.model_validate_json(stored.body)
    except ValueError as error:
        raise PipelineBug("read mirror", key, f"is no table's metadata: {error}") from error
    place = metadata.properties.get(STATE_PROPERTY, "")
    return Mirror(version, metadata, *_read_state(place, objects), is_hinted)


def _read_state(key: str, objects: ObjectReader) -> tuple[MirrorState, str]:
    """The state, and its key; where it cannot be read, one that knows of no partition, and no key."""
    stored = objects.read(key) if key else None
    if stored is None:
        return MirrorState(), ""
    try:
        return MirrorState.from_json(stored.body, key=key), key
    except InvalidData:
        return MirrorState(), ""
