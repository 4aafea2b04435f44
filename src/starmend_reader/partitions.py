"""Partitions of a table through their pointers: the objects that a read is made of, as of now or of an instant."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import TypeVar

import pyarrow.parquet as pq

from core.contract.model import Table
from core.errors import LostCommit
from core.ports import ObjectInfo
from core.warehouse.footer import NAME, Footer
from core.warehouse.pointer import (
    DATA_ROOT,
    POINTER_NAME,
    ROOT,
    data_prefix,
    lost_pointer,
    parse_object,
    parse_pointer,
    partition_of,
    pointer_key,
    remedy_of,
)
from starmend_reader.history import object_at
from starmend_reader.storage import Storage
from starmend_reader.where.conditions import Condition
from starmend_reader.where.pruning import folders, may_hold

WORKERS = 16  # small objects at once: each is a round trip
DERIVED = timedelta(hours=1)  # within which an audit makes a derived table that is not as its inputs are
Listed = Callable[[str], bool]  # whether the catalog lists a partition, by its path
IsProven = Callable[[str, ObjectInfo], bool]  # whether the first object of a path was committed, as far as is known
_T = TypeVar("_T")
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True)
class Part:
    """A partition and the key of its object."""

    path: str
    key: str


@dataclass(frozen=True, slots=True)
class Past:
    """A partition with its past: the objects that are kept of it, by when they were written, and the current one."""

    storage: Storage
    name: str
    path: str
    current: str
    written: Mapping[str, datetime]

    def at(self, at: datetime) -> str:
        """The object that was current at an instant; empty where there was none yet. Raises ``NotKept``."""
        return object_at(self.name, self.current, self.written, at, lambda key: read_footer(self.storage, key))


def current_parts(
    storage: Storage,
    table: Table,
    conditions: Sequence[Condition],
    listed: Listed = lambda _: True,
    is_proven: IsProven = lambda *_: False,
) -> list[Part]:
    """The partitions that can hold rows of the conditions, as their pointers have them, in order of their paths.

    Those that are not ``listed`` are as good as not there. Raises ``LostCommit`` where a pointer names no object of its
    partition, and where one is gone, as later versions or ``is_proven`` say: every sum would lack its rows unseen.
    """
    stored = _stored_paths(storage, table, conditions, listed)  # first: what is committed meanwhile is no loss
    paths = _paths(storage, table, conditions, listed)
    for path in sorted(stored - {*paths}):
        _refuse_lost(
            storage, table, path, tuple(storage.list(data_prefix(partition_of(table.folder, path)))), is_proven
        )
    return in_parallel(lambda path: Part(path, _target(storage, table, path)), paths)


def past_partitions(
    storage: Storage,
    table: Table,
    conditions: Sequence[Condition],
    listed: Listed = lambda _: True,
    is_proven: IsProven = lambda *_: False,
) -> list[Past]:
    """The partitions that can hold rows of the conditions, with their past, in order of their paths.

    Those that are not ``listed`` are as good as not there. Raises ``LostCommit`` where one has lost its pointer.
    """
    stored = dict(_objects(storage, table, conditions, listed))
    pointed = _paths(storage, table, conditions, listed)
    for path in sorted(stored.keys() - {*pointed}):
        _refuse_lost(storage, table, path, stored[path], is_proven)

    def past(path: str) -> Past:
        name = partition_of(table.folder, path)
        written = {info.key: info.modified for info in stored.get(path, ())}
        current = _target(storage, table, path)
        if current not in written:  # committed since they were listed
            stat = storage.stat(current)
            if stat is None:
                raise LostCommit("read partition", name, f"{current} is missing", remedy_of(name))
            written[current] = stat.modified
        return Past(storage, name, path, current, written)

    return in_parallel(past, pointed)


def read_footer(storage: Storage, key: str) -> Footer:
    """The footer of an object. Raises ``LostCommit`` where it is gone by now, ``PipelineBug`` where it has none."""
    try:
        with storage.reaching("read footer", key):
            metadata = pq.read_metadata(storage.path(key), filesystem=storage.filesystem)
    except FileNotFoundError as error:
        raise LostCommit("read footer", storage.place(key), "is missing", "Read again") from error
    return Footer.from_json((metadata.metadata or {}).get(NAME, b""), place=storage.place(key))


def in_parallel(work: Callable[[_T], _R], items: Iterable[_T]) -> list[_R]:
    """The results, in order."""
    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(work, items))


def _paths(storage: Storage, table: Table, conditions: Sequence[Condition], listed: Listed) -> list[str]:
    root = f"{ROOT}{table.folder}/"
    paths = [
        info.key.removeprefix(root).removesuffix(POINTER_NAME).rstrip("/")
        for folder in folders(table, conditions)
        for info in storage.list(f"{root}{folder}")
        if info.key.endswith(f"/{POINTER_NAME}")
    ]
    return sorted(path for path in paths if listed(path) and may_hold(table, path, conditions))


def _stored_paths(storage: Storage, table: Table, conditions: Sequence[Condition], listed: Listed) -> set[str]:
    """The paths of the partitions that can hold rows and have, or had, objects; these are not listed."""
    root = f"{DATA_ROOT}{table.folder}/"
    inner = folders(table, conditions)
    for part in table.partition_by[inner[0].count("/") if inner else 0 :]:
        below = in_parallel(lambda folder: storage.folders(f"{root}{folder}"), inner)
        names = (key.removeprefix(root) for keys in below for key in keys)
        inner = [name for name in names if name.split("/")[-2].startswith(f"{part.name}=")]
    paths = {folder.rstrip("/") for folder in inner}
    return {path for path in paths if listed(path) and may_hold(table, path, conditions)}


def _refuse_lost(storage: Storage, table: Table, path: str, objects: Sequence[ObjectInfo], is_proven: IsProven) -> None:
    """Raise ``LostCommit`` where a partition had a pointer, which is not there.

    An object numbered 1 is written before the first pointer is: it alone may be of a commit that is under way, or that
    was cut off and will be made again.
    """
    name = partition_of(table.folder, path)
    commits = [info for info in objects if parse_object(info.key)]
    lost = lost_pointer(name, [info.key for info in commits])
    if lost is None and commits and is_proven(path, min(commits, key=lambda info: info.modified)):
        lost = LostCommit("read pointer", name, "its pointer is gone, and a first commit was made", remedy_of(name))
    if lost and storage.stat(pointer_key(name)) is None:
        raise lost


def _objects(
    storage: Storage, table: Table, conditions: Sequence[Condition], listed: Listed
) -> Iterator[tuple[str, tuple[ObjectInfo, ...]]]:
    """The objects of each partition that can hold rows, by its path."""
    root = f"{DATA_ROOT}{table.folder}/"
    for folder in folders(table, conditions):
        objects = [info for info in storage.list(f"{root}{folder}") if parse_object(info.key)]
        for path, infos in groupby(objects, key=lambda info: info.key.removeprefix(root).rpartition("/")[0]):
            if listed(path) and may_hold(table, path, conditions):
                yield path, tuple(infos)


def _target(storage: Storage, table: Table, path: str) -> str:
    name = partition_of(table.folder, path)
    key = pointer_key(name)
    stored = storage.read(key)
    if stored is None:
        raise LostCommit("read pointer", storage.place(key), "was removed while it was read", remedy_of(name))
    return parse_pointer(stored.body, bucket=storage.bucket, place=storage.place(key), partition=name)
