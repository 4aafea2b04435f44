"""The warehouse bucket in memory: a PartitionStore, and the same objects to be listed and deleted."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from tests.fakes.objects import MemoryObjects, keys_below
from tests.fakes.ordered import OrderedKeys

from core.ports import ObjectInfo, ObjectStat, PartitionObject, Pointer, Refused, StoredObject, Written
from core.warehouse.pointer import (
    ROOT,
    data_prefix,
    object_key,
    objects_among,
    parse_pointer,
    pointer_body,
    pointer_key,
)

START = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)


class Ticking:
    """A clock that goes on by ``step`` whenever it is read."""

    def __init__(self, start: datetime = START, step: timedelta = timedelta(seconds=1)) -> None:
        self.now = start
        self.step = step

    def __call__(self) -> datetime:
        self.now += self.step
        return self.now


class MemoryPartitions:
    """``core.ports.PartitionStore``, linearizable. ``history`` holds every target that each pointer ever had."""

    def __init__(self, *, clock: Callable[[], datetime] | None = None, bucket: str = "warehouse-bucket") -> None:
        self.bucket = bucket
        self.clock = clock or Ticking()
        self.objects: dict[str, bytes] = OrderedKeys()
        self.modified: dict[str, datetime] = {}
        self.history: dict[str, list[str]] = {}
        self._etags: dict[str, tuple[bytes, str]] = {}
        self._lock = threading.Lock()

    def read_pointer(self, partition: str) -> Pointer | None:
        key = pointer_key(partition)
        with self._lock:
            body = self.objects.get(key)
            modified = self.modified.get(key, START)
        if body is None:
            return None
        etag = self._etag_of(key, body)
        target = parse_pointer(body, bucket=self.bucket, place=key, partition=partition, etag=etag)
        return Pointer(target, etag, modified)

    def list_objects(self, partition: str) -> Sequence[str]:
        return objects_among(partition, MemoryPartitions.list(self, data_prefix(partition)))

    def read_object(self, key: str) -> PartitionObject | None:
        with self._lock:
            body = self.objects.get(key)
            return PartitionObject(key, body, self.modified[key]) if body is not None else None

    def read(self, key: str) -> StoredObject | None:
        stored = self.read_object(key)
        if stored is None:
            return None
        return StoredObject(
            ObjectStat(key, len(stored.body), self._etag_of(key, stored.body), stored.modified), stored.body
        )

    def write_object(self, partition: str, name: str, body: bytes) -> str:
        key = object_key(partition, name)
        with self._lock:
            self._put(key, body)
        return key

    def swap_pointer(self, partition: str, target: str, *, expected: str | None) -> Written | Refused:
        key = pointer_key(partition)
        with self._lock:
            there = self.objects.get(key)
            if (_etag(there) if there is not None else None) != expected:
                return Refused()
            body = pointer_body(self.bucket, target)
            self._put(key, body)
            self.history.setdefault(partition, []).append(target)
            return Written(_etag(body))

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        with self._lock:
            infos = [
                ObjectInfo(key, len(body := self.objects[key]), self._etag_of(key, body), self.modified[key])
                for key in keys_below(self.objects, prefix, after=after)
            ]
        return iter(infos)

    def delete(self, keys: Iterable[str]) -> None:
        with self._lock:
            for key in keys:
                self.objects.pop(key, None)
                self.modified.pop(key, None)
                self._etags.pop(key, None)

    def _etag_of(self, key: str, body: bytes) -> str:
        """Made once for each body: a lake of months is listed a thousand times."""
        known = self._etags.get(key)
        if known is None or known[0] is not body:
            known = self._etags[key] = body, _etag(body)
        return known[1]

    def _put(self, key: str, body: bytes) -> None:
        self.objects[key] = body
        self.modified[key] = self.clock()


class MemoryWarehouse(MemoryObjects):
    """The rest of the warehouse bucket: the partitions' objects are listed and deleted here too."""

    def __init__(self, partitions: MemoryPartitions) -> None:
        super().__init__()
        self._partitions = partitions

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        others = super().list(prefix, after=after)
        if not prefix.startswith(ROOT):
            return others
        return iter(sorted([*others, *self._partitions.list(prefix, after=after)], key=lambda info: info.key))

    def _found(self, effect: str, key: str) -> tuple[ObjectStat, bytes] | None:
        """Objects of partitions too, as whoever mirrors them reads their ends: it is one bucket."""
        found = super()._found(effect, key)
        stored = self._partitions.read(key) if found is None else None
        return (stored.stat, stored.body) if stored else found

    def delete(self, keys: Iterable[str]) -> None:
        gone = list(keys)
        super().delete(gone)
        self._partitions.delete(gone)


def _etag(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()
