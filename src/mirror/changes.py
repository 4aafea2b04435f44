"""Pointers that changed since the last snapshot, and what the objects that they name now say of themselves.

A listing gives the ETag of every pointer, and a pointer never has the same content twice: so what did not change is
told by one request for a thousand partitions. A partition that cannot be read keeps the file that it had, and its
neighbours go on.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from core.contract.model import Table
from core.errors import InvalidData, LostCommit, PipelineBug
from core.mirroring.lag import list_pointers
from core.mirroring.state import MirroredFile
from core.ports import ObjectStore, PartitionStore, TailReader
from core.warehouse.pointer import partition_of, pointer_key, remedy_of
from mirror.iceberg.footers import ObjectFooter, read_footer
from mirror.iceberg.partitions import partition_values

PAGE = 1_000  # keys in an answer of ListObjectsV2


class LakeStore(ObjectStore, TailReader, Protocol):
    """The warehouse bucket: whole objects, and the ends of Parquet objects."""


@dataclass(frozen=True, slots=True)
class ReadPartition:
    """A partition whose pointer changed: the object that it names now, and that object's footer."""

    path: str
    etag: str
    key: str
    footer: ObjectFooter


@dataclass(frozen=True, slots=True)
class Changes:
    """Partitions that changed, and ``problems``: partition to what is wrong with it."""

    read: tuple[ReadPartition, ...]
    problems: Mapping[str, str]


def pointers_of(objects: ObjectStore, table: Table, known: Iterable[str], *, workers: int) -> dict[str, str]:
    """The ETag of each partition's pointer by path. Raises ``TransientFailure``.

    S3 lists a thousand keys a request, each of which names the next one's beginning. The ``known`` paths say before
    where pages will begin, so that they are asked for side by side, and no more of them unless partitions came.
    """
    keys = sorted(pointer_key(partition_of(table.folder, path)) for path in known)
    ends = keys[PAGE - 1 : -1 : PAGE]

    def listed(after: str, until: str) -> dict[str, str]:
        return {path: info.etag for path, info in list_pointers(objects, table, after=after, until=until).items()}

    with ThreadPoolExecutor(max_workers=workers) as pool:
        pages = list(pool.map(listed, ["", *ends], [*ends, ""]))
    return {path: etag for page in pages for path, etag in page.items()}


def read_changes(
    table: Table, known: Mapping[str, MirroredFile], *, objects: LakeStore, partitions: PartitionStore, workers: int
) -> Changes:
    """Read the partitions whose pointers are not those of the ``known`` files, several at a time.

    Raises ``TransientFailure`` where a store does not answer.
    """
    listed = pointers_of(objects, table, known, workers=workers)
    stale = [path for path, etag in listed.items() if path not in known or known[path].etag != etag]
    problems = {path: "its pointer is gone" for path in known if path not in listed}

    def read(path: str) -> ReadPartition | str:
        return _read(table, path, objects=objects, partitions=partitions)

    with ThreadPoolExecutor(max_workers=workers) as pool:
        results: Sequence[ReadPartition | str] = list(pool.map(read, stale))
    problems |= {path: result for path, result in zip(stale, results, strict=True) if isinstance(result, str)}
    return Changes(tuple(result for result in results if isinstance(result, ReadPartition)), problems)


def _read(table: Table, path: str, *, objects: LakeStore, partitions: PartitionStore) -> ReadPartition | str:
    """The partition, or what is wrong with it."""
    name = partition_of(table.folder, path)
    try:
        partition_values(table, path)
        pointer = partitions.read_pointer(name)
        if pointer is None:
            raise LostCommit("mirror partition", name, "its pointer went while it was read", remedy_of(name))
        footer = read_footer(objects, pointer.target)
        if footer is None:
            raise LostCommit("mirror partition", name, f"{pointer.target} is missing", remedy_of(name))
    except (InvalidData, PipelineBug) as error:
        return error.problem
    return ReadPartition(path, pointer.etag, pointer.target, footer)
