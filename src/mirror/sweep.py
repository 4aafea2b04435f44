"""Objects in a mirror's folder that nothing names: what runs wrote that were killed before their commit. Pure.

Those of a day or younger stay, for the run that wrote one may still be on the way to its commit.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from core.mirroring.names import hint_key, version_of_metadata
from core.ports import ObjectInfo
from mirror.iceberg.table import METADATA_KEPT
from mirror.reading import Mirror

YOUNG = timedelta(days=1)  # no run takes so long


def unnamed_objects(
    table: str, mirror: Mirror, listing: Iterable[ObjectInfo], *, root: str, now: datetime
) -> tuple[str, ...]:
    """The keys of a listing of the mirror's folder that neither its metadata nor its state names."""
    if mirror.metadata is None or not mirror.state_key:
        return ()
    named = {hint_key(table), mirror.state_key}
    named |= {manifest.key for manifest in mirror.state.manifests}
    named |= {held.key for held in mirror.state.superseded}
    named |= {snapshot.manifest_list.removeprefix(root) for snapshot in mirror.metadata.snapshots}
    return tuple(
        info.key
        for info in listing
        if info.key not in named and now - info.modified > YOUNG and not _is_recent(info.key, mirror.version)
    )


def _is_recent(key: str, current: int) -> bool:
    version = version_of_metadata(key)
    return version is not None and version >= current - METADATA_KEPT
