"""A bucket in a folder, for objects that memory should not hold."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from core.ports import ObjectInfo, ObjectStat, OpenObject, Refused, StoredObject, Written

T = TypeVar("T")


class DiskObjects:
    """``core.ports.ObjectStore``; what is known of the objects is in memory, their bodies are files."""

    def __init__(self, folder: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.folder = folder
        self._clock = clock
        self._stats: dict[str, ObjectStat] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._stats)

    def read(self, key: str) -> StoredObject | None:
        stat = self._stats.get(key)
        return StoredObject(stat, self._file(key).read_bytes()) if stat else None

    def read_end(self, key: str, length: int) -> StoredObject | None:
        stat = self._stats.get(key)
        return StoredObject(stat, self._file(key).read_bytes()[-length:]) if stat else None

    def open(self, key: str) -> OpenObject | None:
        stat = self._stats.get(key)
        return OpenObject(stat, self._file(key).open("rb")) if stat else None

    def stat(self, key: str) -> ObjectStat | None:
        return self._stats.get(key)

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        with self._lock:
            stats = [self._stats[key] for key in sorted(self._stats) if key.startswith(prefix) and key > after]
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
        with self._lock:
            there = self._stats.get(key)
            if (if_absent and there) or (if_match and (there is None or there.etag != if_match)):
                return Refused()
            etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
            stat = ObjectStat(key, len(body), etag, self._clock(), dict(metadata or {}))
            self._file(key).write_bytes(body)
            self._stats[key] = stat if there is None else replace(stat, version_id="again")
            return Written(etag)

    def write_file(self, key: str, fill: Callable[[Path], T]) -> T:
        """An object that ``fill`` writes to a file, piece by piece; what it returned."""
        result = fill(self._file(key))
        size = self._file(key).stat().st_size
        self._stats[key] = ObjectStat(key, size, f"{size}-{key}", self._clock())
        return result

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            if self._stats.pop(key, None):
                self._file(key).unlink()

    def _file(self, key: str) -> Path:
        return self.folder / key.replace("/", "%")
