"""Anchors in a versioned bucket with Object Lock."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from botocore.exceptions import ClientError

from aws.failures import MISSING, code_of, reaching
from aws.objects import S3ObjectStore
from core.audit.anchors import anchor_prefix, sequence_of
from core.ports import Refused, Written


class S3AnchorStore:
    """``core.ports.AnchorStore`` over S3's versions: a later version or a delete marker hides nothing from it."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self.bucket = bucket
        self._objects = S3ObjectStore(client, bucket)

    def sequences(self, dataset: str) -> Sequence[int]:
        numbers = {sequence_of(dataset, version["Key"]) for version in self._versions(anchor_prefix(dataset))}
        return sorted(number for number in numbers if number)

    def read(self, key: str) -> bytes | None:
        versions = list(self._versions_of(key))
        if not versions:
            return None
        first = versions[-1]  # S3 lists the versions of a key from the newest to the oldest
        with reaching("read anchor", self._place(key)):
            try:
                answer = self._client.get_object(Bucket=self.bucket, Key=key, VersionId=first["VersionId"])
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
