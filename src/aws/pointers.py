"""Pointers and objects of partitions in the warehouse bucket."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws.objects import S3ObjectStore
from core.ports import PartitionObject, Pointer, Refused, Written
from core.warehouse.pointer import data_prefix, object_key, objects_among, parse_pointer, pointer_body, pointer_key


class S3PartitionStore:
    """``core.ports.PartitionStore`` over S3's conditional writes.

    One request per effect. What S3 calls a conflict (409: another conditional write is in flight), a time-out and a
    lost connection raise ``TransientFailure``: whether the effect took place has to be read back.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._objects = S3ObjectStore(client, bucket)
        self._bucket = bucket

    def read_pointer(self, partition: str) -> Pointer | None:
        key = pointer_key(partition)
        pointer = self._objects.read(key)
        if pointer is None:
            return None
        place, etag = f"s3://{self._bucket}/{key}", pointer.stat.etag
        target = parse_pointer(pointer.body, bucket=self._bucket, place=place, partition=partition, etag=etag)
        return Pointer(target, etag, pointer.stat.modified)

    def list_objects(self, partition: str) -> Sequence[str]:
        return objects_among(partition, self._objects.list(data_prefix(partition)))

    def read_object(self, key: str) -> PartitionObject | None:
        stored = self._objects.read(key)
        return PartitionObject(key, stored.body, stored.stat.modified) if stored else None

    def write_object(self, partition: str, name: str, body: bytes) -> str:
        key = object_key(partition, name)
        self._objects.write(key, body, content_type="application/vnd.apache.parquet")
        return key

    def swap_pointer(self, partition: str, target: str, *, expected: str | None) -> Written | Refused:
        return self._objects.write(
            pointer_key(partition),
            pointer_body(self._bucket, target),
            if_absent=expected is None,
            if_match=expected or "",
            content_type="text/plain",
        )
