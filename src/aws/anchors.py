"""Anchors in a versioned bucket with Object Lock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import ClientError

from aws.failures import MISSING, code_of, reaching
from aws.objects import S3ObjectStore
from core.audit.anchors import anchor_prefix, sequence_of
from core.ports import Refused, Written

AT_ONCE = 16  # anchors that are read at the same time


class S3AnchorStore:
    """``core.ports.AnchorStore`` over S3's versions: a later version or a delete marker hides nothing from it.

    To read all anchors takes a request for each and one for every thousand versions.
    """

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self.bucket = bucket
        self._objects = S3ObjectStore(client, bucket)

    def sequences(self, dataset: str) -> Sequence[int]:
        return sorted(self._first_versions(dataset))

    def read(self, key: str) -> bytes | None:
        versions = list(self._versions_of(key))
        if not versions:
            return None
        return self._read(versions[-1])  # S3 lists the versions of a key from the newest to the oldest

    def read_all(self, dataset: str) -> Iterator[tuple[int, bytes | None]]:
        first = self._first_versions(dataset)
        numbers = sorted(first)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            yield from zip(numbers, pool.map(self._read, (first[number] for number in numbers)), strict=True)

    def _first_versions(self, dataset: str) -> dict[int, Any]:
        """The version that was written first under the key of each anchor."""
        versions = self._versions(anchor_prefix(dataset))
        numbered = ((sequence_of(dataset, version["Key"]), version) for version in versions)
        return {number: version for number, version in numbered if number}

    def _read(self, version: Any) -> bytes | None:
        key = version["Key"]
        with reaching("read anchor", self._place(key)):
            try:
                answer = self._client.get_object(Bucket=self.bucket, Key=key, VersionId=version["VersionId"])
            except ClientError as error:
                if code_of(error) in MISSING:
                    return None
                raise
            with answer["Body"] as stream:
                return bytes(stream.read())

    def add(self, key: str, body: bytes) -> Written | Refused:
        if next(self._versions_of(key), None) is not None:
            return Refused()
        return self._objects.write(key, body, if_absent=True, content_type="application/json")

    def _versions_of(self, key: str) -> Iterator[Any]:
        return (version for version in self._versions(key) if version["Key"] == key)

    def _versions(self, prefix: str) -> Iterator[Any]:
        with reaching("list object versions", self._place(prefix)):
            pages = self._client.get_paginator("list_object_versions").paginate(Bucket=self.bucket, Prefix=prefix)
            for page in pages:
                yield from page.get("Versions", [])

    def _place(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"
