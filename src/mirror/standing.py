"""Standing of a table's mirror: what its last snapshot is of, what changed since, and what of it is certified."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from core.contract.model import Table
from core.mirroring.names import metadata_key
from core.time import at_epoch, format_second
from mirror.certified.tags import TAG, UNTIL
from mirror.changes import pointers_of
from mirror.reading import MirrorServices, read_mirror


@dataclass(frozen=True, slots=True)
class Standing:
    """A table's mirror. ``behind`` partitions have changed since ``mirrored_at``; version 0: there is no mirror."""

    table: str
    version: int = 0
    snapshots: int = 0
    partitions: int = 0
    behind: int = 0
    mirrored_at: str = ""
    certified_until: str = ""
    location: str = ""

    def to_data(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def standing_of(table: Table, services: MirrorServices) -> Standing:
    """How far the mirror is. Raises ``TransientFailure`` where a store does not answer."""
    mirror = read_mirror(table.name, services.objects)
    known = mirror.state.files if mirror.state.folder == table.folder else {}
    pointers = pointers_of(services.objects, table, known, workers=services.workers)
    behind = sum(path not in known or known[path].etag != etag for path, etag in pointers.items())
    snapshot = mirror.metadata.current_snapshot() if mirror.metadata else None
    tagged = mirror.metadata.snapshot_by_name(TAG) if mirror.metadata else None
    return Standing(
        table=table.name,
        version=mirror.version,
        snapshots=len(mirror.metadata.snapshots) if mirror.metadata else 0,
        partitions=len(known),
        behind=behind,
        mirrored_at=format_second(at_epoch(snapshot.timestamp_ms / 1000)) if snapshot else "",
        certified_until=str(tagged.summary[UNTIL] or "") if tagged and tagged.summary else "",
        location=f"{services.root}{metadata_key(table.name, mirror.version)}" if mirror.version else "",
    )
