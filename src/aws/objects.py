"""Objects of one S3 bucket."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from aws.failures import MISSING, ItemRefusal, code_of, raise_final, reaching, status_of
from core.errors import TransientFailure
from core.ports import ObjectInfo, ObjectStat, OpenObject, Refused, StoredObject, Written

CONDITION_FAILED, CONFLICT = 412, 409  # S3: the condition does not hold; another conditional write is in flight
_DELETE_AT_ONCE = 1000  # DeleteObjects' limit


class S3ObjectStore:
    """``core.ports.ObjectStore`` over S3; strongly consistent since December 2020."""

    def __init__(self, client: Any, bucket: str) -> None:
        self._client = client
        self.bucket = bucket

    def read(self, key: str) -> StoredObject | None:
        opened = self.open(key)
        if opened is None:
            return None
        with reaching("read object", self._place(key)), opened.stream as stream:
            return StoredObject(opened.stat, stream.read())

    def open(self, key: str) -> OpenObject | None:
        with reaching("read object", self._place(key)):
            try:
                answer = self._client.get_object(Bucket=self.bucket, Key=key)
            except ClientError as error:
                if code_of(error) in MISSING:
                    return None
                raise
            return OpenObject(_stat(key, answer), answer["Body"])

    def read_end(self, key: str, length: int) -> StoredObject | None:
        with reaching("read object", self._place(key)):
            try:
                answer = self._client.get_object(Bucket=self.bucket, Key=key, Range=f"bytes=-{length}")
            except ClientError as error:
                if code_of(error) in MISSING:
                    return None
                raise
            with answer["Body"] as stream:
                body = stream.read()
            size = int(answer.get("ContentRange", "").rpartition("/")[2] or len(body))
            return StoredObject(_stat(key, {**answer, "ContentLength": size}), body)

    def stat(self, key: str) -> ObjectStat | None:
        with reaching("stat object", self._place(key)):
            try:
                return _stat(key, self._client.head_object(Bucket=self.bucket, Key=key))
            except ClientError as error:
                if code_of(error) in MISSING:
                    return None
                raise

    def list(self, prefix: str, *, after: str = "") -> Iterator[ObjectInfo]:
        start = {"StartAfter": after} if after else {}
        with reaching("list objects", self._place(prefix)):
            for page in self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix, **start
            ):
                for entry in page.get("Contents", []):
                    modified = entry["LastModified"].astimezone(UTC)
                    yield ObjectInfo(entry["Key"], entry["Size"], entry["ETag"].strip('"'), modified)

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
        condition = {"IfNoneMatch": "*"} if if_absent else {"IfMatch": if_match} if if_match else {}
        with reaching("write object", self._place(key)):
            try:
                answer = self._client.put_object(
                    Bucket=self.bucket,
                    Key=key,
                    Body=body,
                    Metadata=dict(metadata or {}),
                    ContentType=content_type,
                    **condition,
                )
            except ClientError as error:
                if condition and status_of(error) == CONDITION_FAILED:
                    return Refused()
                if condition and status_of(error) == CONFLICT:
                    problem = "another conditional write is in flight"
                    raise TransientFailure("write object", self._place(key), problem, "Retry it") from error
                if if_match and code_of(error) in MISSING:
                    return Refused()  # If-Match on a key that is gone
                raise
            return Written(answer["ETag"].strip('"'))

    def delete(self, keys: Iterable[str]) -> None:
        remaining = iter(keys)
        while batch := list(islice(remaining, _DELETE_AT_ONCE)):
            with reaching("delete objects", self._place(batch[0])):
                answer = self._client.delete_objects(
                    Bucket=self.bucket, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True}
                )
            raise_undeleted(self.bucket, answer)

    def _place(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"


def raise_undeleted(bucket: str, answer: Mapping[str, Any]) -> None:
    """Raise where DeleteObjects, which itself succeeded, says that it left objects (``Errors``)."""
    refusals = [
        ItemRefusal(
            index, error.get("Code", ""), error.get("Message", ""), True, f"s3://{bucket}/{error.get('Key', '')}"
        )
        for index, error in enumerate(answer.get("Errors") or ())
    ]
    if refusals:
        place = refusals[0].place
        raise_final("delete objects", place, refusals, grant="s3:DeleteObject")
        problem = f"{len(refusals)} were not deleted: {refusals[0].code}"
        raise TransientFailure("delete objects", place, problem, "Run it again")


def _stat(key: str, answer: Mapping[str, Any]) -> ObjectStat:
    return ObjectStat(
        key=key,
        size=answer["ContentLength"],
        etag=answer["ETag"].strip('"'),
        modified=answer["LastModified"].astimezone(UTC),
        metadata=answer.get("Metadata", {}),
        version_id=answer.get("VersionId", ""),
    )
