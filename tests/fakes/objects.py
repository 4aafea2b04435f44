"""A bucket in memory."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from tests.fakes.ordered import OrderedKeys

from core.ports import ObjectInfo, ObjectStat, OpenObject, Refused, StoredObject, Written

T = TypeVar("T")
START = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)


def keys_below(objects: dict[str, T], prefix: str, *, after: str = "") -> list[str]:
    """The keys with a prefix, in order, from ``after`` (exclusive) on: a lake of months is listed a thousand times."""
    if isinstance(objects, OrderedKeys):
        return list(objects.below(prefix, after=after))
    return sorted(key for key in objects if key.startswith(prefix) and key > after)


class MemoryObjects:
    """``core.ports.ObjectStore``, linearizable and versioned. Each write is a second later than the one before."""

    def __init__(self, *, clock: Callable[[], datetime] | None = None) -> None:
        self._objects: dict[str, tuple[ObjectStat, bytes]] = OrderedKeys()
        self._lock = threading.Lock()
        self._writes = 0
        self._clock = clock
        self.fail: Callable[[str, str], Exception | None] = lambda _effect, _key: None

    def read(self, key: str) -> StoredObject | None:
        stored = self._found("read", key)
        return StoredObject(*stored) if stored else None

    def open(self, key: str) -> OpenObject | None:
        stored = self._found("open", key)
        return OpenObject(stored[0], io.BytesIO(stored[1])) if stored else None

    def read_end(self, key: str, length: int) -> StoredObject | None:
        stored = self._found("read_end", key)
        return StoredObject(stored[0], stored[1][-length:]) if stored else None

    def stat(self, key: str) -> ObjectStat | None:
        stored = self._found("stat", key)
        return stored[0] if stored else None

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        with self._lock:
            stats = [self._objects[key][0] for key in keys_below(self._objects, prefix, after=after)]
        return iter([ObjectInfo(stat.key, stat.size, stat.etag, stat.modified) for stat in stats])

    def write(
        self,
        key: str,
        body: bytes,
        *,
        if_absent: bool = False,
        if_match: str = "",
        metadata: Mapping[str, str] | None = None,
        content_type: str = "application/octet-stream",
    ) -> Written | Refused:
        self._maybe_fail("write", key)
        with self._lock:
            there = self._objects.get(key)
            if (if_absent and there) or (if_match and (there is None or there[0].etag != if_match)):
                return Refused()
            self._writes += 1
            modified = self._clock() if self._clock else START + timedelta(seconds=self._writes)
            etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
            stat = ObjectStat(key, len(body), etag, modified, dict(metadata or {}), f"version-{self._writes}")
            self._objects[key] = stat, body
            return Written(etag)

    def delete(self, keys: Iterable[str]) -> None:
        with self._lock:
            for key in keys:
                self._objects.pop(key, None)

    def put_back(self, version: StoredObject) -> None:
        """Let a version that was written before be the object again, with its own id and time."""
        with self._lock:
            self._objects[version.stat.key] = version.stat, version.body

    def _found(self, effect: str, key: str) -> tuple[ObjectStat, bytes] | None:
        self._maybe_fail(effect, key)
        with self._lock:
            return self._objects.get(key)

    def _maybe_fail(self, effect: str, key: str) -> None:
        if error := self.fail(effect, key):
            raise error
