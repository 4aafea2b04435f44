"""Lag of a mirror: partitions whose pointers lead elsewhere than its last snapshot, and since when.

A pointer says when it was moved last, and one that is moved every minute is always young. So the age of a lag is that
of the first commit that the mirror does not have: the object with the next number after the mirrored one. Writers that
lost a race or died have left objects of that number too, earlier than the winner's, so the latest of them counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from core.contract.model import Table
from core.mirroring.current import CurrentMirror
from core.mirroring.state import MirroredFile
from core.ports import ObjectInfo, ObjectReader
from core.warehouse.pointer import POINTER_NAME, ROOT, data_prefix, objects_among, partition_of, version_of

LOOKED_INTO = 50  # partitions whose pointers are young, and whose objects are listed to tell since when they are behind
RUNS = 3  # that a schedule may miss before a mirror is late


@dataclass(frozen=True, slots=True)
class Lag:
    """``partitions`` of a table are behind; the first commit that the mirror lacks was made at ``since``."""

    partitions: int
    since: datetime


@dataclass(frozen=True, slots=True)
class MirrorPromise:
    """A run ``every`` so many seconds, and a mirror that is never behind for longer than ``within``; 0: as data may."""

    every: int
    within: int = 0

    def most_lag(self, complete_within: int) -> int:
        """The seconds that a mirror may be behind, where the contract completes its data within so many."""
        return max(self.within or complete_within, RUNS * self.every)


def list_pointers(objects: ObjectReader, table: Table, *, after: str = "", until: str = "") -> dict[str, ObjectInfo]:
    """The pointer of each partition by path; of keys behind ``after`` and up to ``until``, where these are given.

    Raises ``TransientFailure``.
    """
    folder = f"{ROOT}{table.folder}/"
    pointers = {}
    for info in objects.list(folder, after=after):
        if until and info.key > until:
            break
        if info.key.endswith(f"/{POINTER_NAME}"):
            pointers[info.key.removeprefix(folder).removesuffix(POINTER_NAME).strip("/")] = info
        if info.key == until:
            break  # before the listing asks for its next page
    return pointers


def mirrored_files(mirror: CurrentMirror | None, table: Table) -> dict[str, MirroredFile]:
    """The files of the last snapshot by partition; none where it is of another generation of the table."""
    return mirror.state.files if mirror and mirror.state.folder == table.folder else {}


def lag_of(objects: ObjectReader, table: Table, known: Mapping[str, MirroredFile], *, late: datetime) -> Lag | None:
    """How far the ``known`` files are behind the pointers; None where they are not.

    Who has been behind since ``late`` or before is late, however much before: then nothing more is looked into. Raises
    ``TransientFailure`` where the store does not answer.
    """
    pointers = list_pointers(objects, table)
    behind = {path: info for path, info in pointers.items() if path not in known or known[path].etag != info.etag}
    if not behind:
        return None
    since = min(info.modified for info in behind.values())
    if since > late:  # each was moved lately: maybe not for the first time
        oldest_first = sorted(behind, key=lambda path: behind[path].modified)[:LOOKED_INTO]
        since = min([since, *(_first_missed(objects, table, path, known.get(path), since) for path in oldest_first)])
    return Lag(len(behind), since)


def _first_missed(
    objects: ObjectReader, table: Table, path: str, mirrored: MirroredFile | None, otherwise: datetime
) -> datetime:
    """When the first commit after the mirrored one was made, as far as its object is still there."""
    partition = partition_of(table.folder, path)
    listing = list(objects.list(data_prefix(partition), after=mirrored.key if mirrored else ""))
    after = version_of(mirrored.key) if mirrored else 0
    return _time_of_next(partition, listing, after) or otherwise


def _time_of_next(partition: str, listing: Iterable[ObjectInfo], after: int) -> datetime | None:
    times = {info.key: info.modified for info in listing}
    later = [key for key in objects_among(partition, listing) if version_of(key) > after]
    following = min(map(version_of, later), default=0)
    return max((times[key] for key in later if version_of(key) == following), default=None)
