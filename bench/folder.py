"""A bucket in a folder: objects are files, so that one costs memory when it is read, as it does in a function."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from core.ports import ObjectInfo, ObjectStat, OpenObject, PartitionObject, Pointer, Refused, StoredObject, Written
from core.warehouse.pointer import data_prefix, object_key, objects_among, parse_pointer, pointer_body, pointer_key

BUCKET = "bench-folder"
_METADATA = ".metadata"


class FolderBucket:
    """``core.ports.ObjectStore`` and ``PartitionStore`` for one writer. What one process wrote another may read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    # ------------------------------------------------------------ objects

    def read(self, key: str) -> StoredObject | None:
        stat = self.stat(key)
        return StoredObject(stat, (self._folder / key).read_bytes()) if stat else None

    def open(self, key: str) -> OpenObject | None:
        stat = self.stat(key)
        return OpenObject(stat, (self._folder / key).open("rb")) if stat else None

    def stat(self, key: str) -> ObjectStat | None:
        path = self._folder / key
        if not path.is_file():
            return None
        beside = path.with_name(path.name + _METADATA)
        metadata = json.loads(beside.read_text()) if beside.exists() else {}
        return ObjectStat(key, path.stat().st_size, _etag(path), _modified(path), metadata)

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        below = (self._folder / prefix.rpartition("/")[0]).rglob("*")
        paths = {path.relative_to(self._folder).as_posix(): path for path in below if path.is_file()}
        for key in sorted(key for key in paths if key.startswith(prefix) and key > after):
            if not key.endswith(_METADATA):
                yield ObjectInfo(key, paths[key].stat().st_size, _etag(paths[key]), _modified(paths[key]))

    def write(
        self,
        key: str,
        body: bytes,
        *,
        if_absent: bool = False,
        if_match: str = "",  # noqa: ARG002  (there is one writer)
        metadata: Mapping[str, str] | None = None,
        content_type: str = "",  # noqa: ARG002
    ) -> Written | Refused:
        path = self._folder / key
        if if_absent and path.exists():
            return Refused()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        if metadata:
            path.with_name(path.name + _METADATA).write_text(json.dumps(dict(metadata)))
        return Written(_etag(path))

    def delete(self, keys: Iterable[str]) -> None:
        for key in keys:
            (self._folder / key).unlink(missing_ok=True)

    # ------------------------------------------------------------ partitions

    def read_pointer(self, partition: str) -> Pointer | None:
        key = pointer_key(partition)
        path = self._folder / key
        if not path.exists():
            return None
        return Pointer(parse_pointer(path.read_bytes(), bucket=BUCKET, place=key), _etag(path), _modified(path))

    def list_objects(self, partition: str) -> Sequence[str]:
        return objects_among(partition, self.list(data_prefix(partition)))

    def read_object(self, key: str) -> PartitionObject | None:
        path = self._folder / key
        return PartitionObject(key, path.read_bytes(), _modified(path)) if path.exists() else None

    def write_object(self, partition: str, name: str, body: bytes) -> str:
        key = object_key(partition, name)
        self.write(key, body)
        return key

    def swap_pointer(self, partition: str, target: str, *, expected: str | None) -> Written | Refused:  # noqa: ARG002
        return self.write(pointer_key(partition), pointer_body(BUCKET, target))


def _etag(path: Path) -> str:
    stat = path.stat()
    return hashlib.md5(f"{stat.st_size} {stat.st_mtime_ns}".encode(), usedforsecurity=False).hexdigest()


def _modified(path: Path) -> datetime:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC)
