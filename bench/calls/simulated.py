"""AWS in this process, below botocore's clients: what our adapters ask is answered from memory, and counted.

One call counts once, as AWS charges it; a listing is a call for each page of 1,000 keys. Half a million objects cost a
second and no disk, so that a lake of years can be made for a test. The suites of ``tests/contract`` hold it to what S3
and Parameter Store do.
"""

from __future__ import annotations

import hashlib
import io
import threading
from bisect import bisect_left, bisect_right, insort
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import botocore.session

REGION, PAGE = "us-east-1", 1_000
Answer = dict[str, Any]
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Stored:
    """An object. Many keys may share one, for those that nobody reads."""

    body: bytes
    etag: str
    modified: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)


class Bucket:
    """Objects by key, in order."""

    def __init__(self) -> None:
        self.objects: dict[str, Stored] = {}
        self._keys: list[str] = []
        self._unsorted = False

    def put(self, key: str, stored: Stored) -> None:
        if key not in self.objects and not self._unsorted:
            insort(self._keys, key)
        self.objects[key] = stored

    def fill(self, objects: Mapping[str, Stored]) -> None:
        """Many objects at once; they are sorted when somebody lists."""
        self.objects.update(objects)
        self._unsorted = True

    def remove(self, key: str) -> None:
        if self.objects.pop(key, None) is not None and not self._unsorted:
            del self._keys[bisect_left(self._keys, key)]

    def page(self, prefix: str, after: str) -> tuple[list[str], bool]:
        """The next keys behind ``after``, and whether there are more."""
        if self._unsorted:
            self._keys, self._unsorted = sorted(self.objects), False
        start = max(bisect_left(self._keys, prefix), bisect_right(self._keys, after) if after else 0)
        keys = [key for key in self._keys[start : start + PAGE + 1] if key.startswith(prefix)]
        return keys[:PAGE], len(keys) > PAGE


class SimulatedAws:
    """An account with buckets, parameters and queues that are made on first use; ``calls`` counts by service and call.

    ``clock`` dates what is written; ``answers`` says what services that hold nothing here are to answer, by operation.
    ``wait`` is called with each operation and what it is asked for, before it takes place: a network may be slow.
    """

    def __init__(self, clock: Clock = lambda: datetime.now(UTC), **answers: Callable[[Answer], Answer]) -> None:
        self.clock = clock
        self.buckets: dict[str, Bucket] = {}
        self.parameters: dict[str, str] = {}
        self.calls: Counter[tuple[str, str]] = Counter()
        self.wait: Callable[[str, Answer], None] = lambda _operation, _asked: None
        self._answers = answers
        self._lock = threading.RLock()

    def client(self, service: str) -> Any:
        """A client of botocore's own, whose every call ends here."""
        session = botocore.session.get_session()
        client = session.create_client(
            service, region_name=REGION, aws_access_key_id="simulated", aws_secret_access_key="simulated"
        )
        client.meta.events.register("before-parameter-build", _keep_parameters)
        client.meta.events.register("before-call", self._answer)
        return client

    def bucket(self, name: str) -> Bucket:
        return self.buckets.setdefault(name, Bucket())

    def stored(self, body: bytes, metadata: Mapping[str, str] | None = None) -> Stored:
        """An object as it would be if it were written now."""
        etag = hashlib.md5(body, usedforsecurity=False).hexdigest()
        return Stored(body, etag, self.clock().replace(microsecond=0), dict(metadata or {}))

    def _answer(self, model: Any, context: Answer, **_: Any) -> tuple[Any, Answer]:
        service, name = model.service_model.service_name, model.name
        self.wait(name, context["parameters"])
        with self._lock:
            self.calls[service, name] += 1
            answer = self._answers.get(name) or getattr(self, f"_{service}_{name}")
            try:
                status, parsed = 200, answer(context["parameters"])
            except _RefusedCall as refusal:
                status, parsed = refusal.status, {"Error": {"Code": refusal.code, "Message": refusal.code}}
        parsed["ResponseMetadata"] = {"HTTPStatusCode": status, "HTTPHeaders": {}, "RetryAttempts": 0}
        return SimpleNamespace(status_code=status, headers={}), parsed

    # ------------------------------------------------------------ S3

    def _s3_CreateBucket(self, asked: Answer) -> Answer:  # noqa: N802 - S3's name, as those below
        self.bucket(asked["Bucket"])
        return {}

    def _s3_GetObject(self, asked: Answer) -> Answer:  # noqa: N802
        stored = self._found(asked, "NoSuchKey")
        if "Range" not in asked:
            return {**_attributes(stored), "Body": io.BytesIO(stored.body)}
        size = len(stored.body)
        end = stored.body[-int(asked["Range"].removeprefix("bytes=-")) :]
        told = {"ContentLength": len(end), "ContentRange": f"bytes {size - len(end)}-{size - 1}/{size}"}
        return {**_attributes(stored), **told, "Body": io.BytesIO(end)}

    def _s3_HeadObject(self, asked: Answer) -> Answer:  # noqa: N802
        return _attributes(self._found(asked, "404"))

    def _found(self, asked: Answer, code: str) -> Stored:
        stored = self.bucket(asked["Bucket"]).objects.get(asked["Key"])
        if stored is None:
            raise _RefusedCall(404, code)
        return stored

    def _s3_PutObject(self, asked: Answer) -> Answer:  # noqa: N802
        bucket, key = self.bucket(asked["Bucket"]), asked["Key"]
        there = bucket.objects.get(key)
        if asked.get("IfMatch") and there is None:
            raise _RefusedCall(404, "NoSuchKey")
        if (asked.get("IfNoneMatch") and there) or (there and asked.get("IfMatch", there.etag) != there.etag):
            raise _RefusedCall(412, "PreconditionFailed")
        body = asked["Body"]
        stored = self.stored(body if isinstance(body, bytes) else body.read(), asked.get("Metadata"))
        bucket.put(key, stored)
        return {"ETag": f'"{stored.etag}"'}

    def _s3_DeleteObjects(self, asked: Answer) -> Answer:  # noqa: N802
        for each in asked["Delete"]["Objects"]:
            self.bucket(asked["Bucket"]).remove(each["Key"])
        return {}

    def _s3_ListObjectsV2(self, asked: Answer) -> Answer:  # noqa: N802
        bucket = self.bucket(asked["Bucket"])
        after = asked.get("ContinuationToken") or asked.get("StartAfter", "")
        keys, more = bucket.page(asked.get("Prefix", ""), after)
        contents = [{"Key": key, **_listed(bucket.objects[key])} for key in keys]
        answer = {"Contents": contents, "KeyCount": len(keys), "IsTruncated": more}
        return {**answer, "NextContinuationToken": keys[-1]} if more else answer

    def _s3_ListObjectVersions(self, asked: Answer) -> Answer:  # noqa: N802
        """Of a bucket that nobody overwrites: a version of each object."""
        bucket = self.bucket(asked["Bucket"])
        keys, more = bucket.page(asked.get("Prefix", ""), asked.get("KeyMarker", ""))
        versions = [{"Key": key, "VersionId": "1", **_listed(bucket.objects[key])} for key in keys]
        answer = {"Versions": versions, "IsTruncated": more}
        return {**answer, "NextKeyMarker": keys[-1], "NextVersionIdMarker": "1"} if more else answer

    # ------------------------------------------------------------ Parameter Store, SQS

    def _ssm_GetParameter(self, asked: Answer) -> Answer:  # noqa: N802
        if asked["Name"] not in self.parameters:
            raise _RefusedCall(400, "ParameterNotFound")
        return {"Parameter": self._parameter(asked["Name"])}

    def _ssm_GetParameters(self, asked: Answer) -> Answer:  # noqa: N802
        return {"Parameters": [self._parameter(name) for name in asked["Names"] if name in self.parameters]}

    def _ssm_PutParameter(self, asked: Answer) -> Answer:  # noqa: N802
        self.parameters[asked["Name"]] = asked["Value"]
        return {}

    def _parameter(self, name: str) -> Answer:
        return {"Name": name, "Value": self.parameters[name]}

    def _sqs_ReceiveMessage(self, _asked: Answer) -> Answer:  # noqa: N802 - nothing waits
        return {}

    def _sqs_SendMessageBatch(self, asked: Answer) -> Answer:  # noqa: N802
        return {"Successful": [{"Id": each["Id"]} for each in asked["Entries"]]}


class _RefusedCall(Exception):
    def __init__(self, status: int, code: str) -> None:
        super().__init__(code)
        self.status, self.code = status, code


def _keep_parameters(params: Answer, context: Answer, **_: Any) -> None:
    context["parameters"] = params


def _attributes(stored: Stored) -> Answer:
    return {
        "ContentLength": len(stored.body),
        "ETag": f'"{stored.etag}"',
        "LastModified": stored.modified,
        "Metadata": dict(stored.metadata),
    }


def _listed(stored: Stored) -> Answer:
    return {"Size": len(stored.body), "ETag": f'"{stored.etag}"', "LastModified": stored.modified}


def counted(aws: SimulatedAws, work: Callable[[], object]) -> Counter[tuple[str, str]]:
    """The calls that the work makes."""
    before = aws.calls.copy()
    work()
    return aws.calls - before
