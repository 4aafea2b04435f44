"""A lake whose objects lie in a folder, so that engines open its mirror, and what they read there."""

from __future__ import annotations

import hashlib
import itertools
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.table import StaticTable
from tests.fakes.catalog import MemoryCatalog
from tests.fakes.partitions import MemoryPartitions
from tests.support.contracts import GOOD, TODAY, folder_of
from tests.support.disk_objects import DiskObjects
from tests.support.lake import MemoryLake

from core.authoring.load import load
from core.contract.model import Contracts, Table
from core.mirroring.names import metadata_key
from core.mirroring.state import MirroredFile
from core.ports import ObjectInfo, Refused, StoredObject, Written
from core.warehouse.keys import bucket_of
from mirror.commit import Mirrored, mirror_table
from mirror.reading import MirrorServices, read_mirror


class FolderObjects(DiskObjects):
    """A bucket whose keys are paths. ``before`` and ``after`` are asked about each effect."""

    def __init__(self, folder: Path, clock: Callable[[], datetime]) -> None:
        super().__init__(folder, clock)
        self.counts: dict[str, int] = {}
        self.before: Callable[[str, str], None] = lambda _effect, _key: None
        self.after: Callable[[str, str], None] = lambda _effect, _key: None

    def read(self, key: str) -> StoredObject | None:
        self._count("read", key)
        return super().read(key)

    def read_end(self, key: str, length: int) -> StoredObject | None:
        self._count("read_end", key)
        return super().read_end(key, length)

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        self._count("list", prefix)
        return super().list(prefix, after=after)

    def write(self, key: str, body: bytes, **conditions: Any) -> Written | Refused:
        self._count("write", key)
        written = super().write(key, body, **conditions)
        if isinstance(written, Written):
            self.after("write", key)
        return written

    def delete(self, keys: Iterable[str]) -> None:
        keys = list(keys)
        self._count("delete", keys[0])
        super().delete(keys)
        self.after("delete", keys[0])

    def _count(self, effect: str, key: str) -> None:
        self.before(effect, key)
        with self._lock:
            self.counts[effect] = self.counts.get(effect, 0) + 1

    def _file(self, key: str) -> Path:
        path = self.folder / key
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def write_through(partitions: MemoryPartitions, objects: FolderObjects) -> None:
    """From now on whatever is put into memory is written into the folder before."""
    put = partitions._put

    def put_twice(key: str, body: bytes) -> None:
        objects.write(key, body)
        put(key, body)

    partitions._put = put_twice  # type: ignore[method-assign]


class MirroredLake:
    """A ``MemoryLake`` whose warehouse lies in a folder too and is mirrored there; ``now`` is set by whoever tests."""

    def __init__(self, lake: MemoryLake, folder: Path, *, seed: str = "a") -> None:
        self.lake = lake
        self.now = datetime(2026, 11, 20, 15, 0, tzinfo=UTC)
        self.objects = FolderObjects(folder, lambda: self.now)
        write_through(lake.partitions, self.objects)
        numbers = itertools.count(1)
        self.catalog = MemoryCatalog(table.name for table in lake.services.contracts.tables())
        self.catalog.before = lambda table: self.objects.before("move", table)
        self.catalog.after = lambda table: self.objects.after("move", table)
        self.services = MirrorServices(
            objects=self.objects,
            partitions=lake.partitions,
            root=f"{folder}/",
            now=lambda: self.now,
            unique=lambda: hashlib.md5(f"{seed}{next(numbers)}".encode(), usedforsecurity=False).hexdigest(),
            catalog=self.catalog,
            workers=4,
        )

    def mirror(self, name: str) -> Mirrored:
        """The table as it is, mirrored a minute later."""
        self.now += timedelta(minutes=1)
        outcome = mirror_table(self.table(name), self.services)
        assert isinstance(outcome, Mirrored), outcome
        return outcome

    def table(self, name: str) -> Table:
        return self.lake.services.contracts.table(name)

    def opened(self, name: str) -> StaticTable:
        """The mirror's last version as PyIceberg opens it."""
        version = read_mirror(name, self.objects).version
        return StaticTable.from_metadata(f"{self.objects.folder}/{metadata_key(name, version)}")

    def rows_by_pointers(self, name: str) -> list[tuple[Any, ...]]:
        """The rows by way of the pointers: the columns of the contract, and the numbers of buckets."""
        table = self.table(name)
        rows: list[tuple[Any, ...]] = []
        for path in self.lake.paths(name):
            rows += _rows_of(table, path, self.lake.snapshot(name, path).table)
        return in_order(rows)


def without_memory(services: MirrorServices, folder: Path, *keys: str) -> MirrorServices:
    """A copy of a lake without what lies at these keys, in which all tags are about to go by their age."""
    later = services.now() + timedelta(days=8)
    assert isinstance(services.objects, FolderObjects)
    copied = FolderObjects(shutil.copytree(services.root, folder), lambda: later)
    copied._stats = dict(services.objects._stats)
    copied.delete(keys)
    return replace(services, objects=copied, now=lambda: later, catalog=None)


def in_order(rows: Iterable[Iterable[Any]]) -> list[tuple[Any, ...]]:
    """Rows sorted by what they look like: order is no promise."""
    return sorted((tuple(row) for row in rows), key=repr)


def rows_of(table: pa.Table) -> list[tuple[Any, ...]]:
    """The rows of an Arrow table, in order."""
    return in_order(zip(*[column.to_pylist() for column in table.columns], strict=True)) if table.num_columns else []


class Shop(MirroredLake):
    """The lake of ``tests.support.contracts.GOOD``, or of another contract of its source."""

    def __init__(self, folder: Path, contract: Mapping[str, Any] = GOOD, *, seed: str = "a") -> None:
        super().__init__(MemoryLake(self._loaded(folder, contract)), folder / "lake", seed=seed)
        self._folder = folder
        self.sales = self._batches = 0

    def _loaded(self, folder: Path, contract: Mapping[str, Any]) -> Contracts:
        written = folder / "contracts"
        written.mkdir(parents=True, exist_ok=True)
        return load(folder_of(written, dict(contract)), today=TODAY)

    def deployed(self, contract: Mapping[str, Any]) -> None:
        """Processing and the mirror go on with another contract."""
        self.lake.deployed(self._loaded(self._folder, contract))

    def sell(self, count: int, *, created: str, table: str = "sale", **more: Any) -> None:
        """So many new sales of a time, processed."""
        self._batches += 1
        lines = []
        for _ in range(count):
            self.sales += 1
            sale = {
                f"{table}_id": self.sales,
                "person_id": self.sales % 7,
                "created_at": created,
                "changed_at": created,
            }
            sale |= {"changed_at": created, "price": self.sales + 0.25, "note": f"Sale {self.sales}"}
            lines.append(sale | more)
        assert self.lake.process(self.lake.put_table("shop", table, self._batches, lines)) == {}


def rows_of_objects(lake: MirroredLake, name: str, files: Iterable[MirroredFile]) -> list[tuple[Any, ...]]:
    """The rows of these objects, read by Arrow: the columns of the contract, and the numbers of buckets."""
    table = lake.table(name)
    rows: list[tuple[Any, ...]] = []
    for file in files:
        stored = pq.read_table(lake.objects.folder / file.key, partitioning=None)
        rows += _rows_of(table, file.partition, stored)
    return in_order(rows)


def _rows_of(table: Table, path: str, stored: pa.Table) -> Iterable[tuple[Any, ...]]:
    values = dict(folder.split("=") for folder in path.split("/")) if path else {}
    columns = []
    for column in table.columns:
        in_path = [part for part in table.partition_by if part.column == column.name and part.transform == "value"]
        if in_path:
            text = values[in_path[0].name]
            columns.append([int(text) if column.type.name in ("int", "bigint") else text] * stored.num_rows)
        elif column.name in stored.column_names:
            columns.append(stored.column(column.name).to_pylist())
        else:
            columns.append([None] * stored.num_rows)
    for part in table.partition_by:
        if part.transform == "bucket":
            columns.append(bucket_of(stored.column(part.column), part.buckets).tolist())
    return zip(*columns, strict=True)
