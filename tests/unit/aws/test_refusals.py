"""403 is refused, never absent: over every reading call of the adapters, in each form in which AWS refuses."""

from __future__ import annotations

import inspect
import random
from collections.abc import Callable, Mapping
from io import BytesIO
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from tests.support.simulated_aws import ClientOf, client_of
from tests.support.tables import COUNTS, counts

from auditor.services import Limits
from auditor.warehouse.partitions import read_partition
from auditor.warehouse.unreferenced import FOUND_AFTER, find_unreferenced
from aws.buckets import count_versions, erase
from aws.dead_letters import SqsDeadLetters
from aws.objects import S3ObjectStore
from aws.parameters import SsmParameterStore
from aws.pointers import S3PartitionStore
from aws.secrets import AwsSecretStore
from aws.versions import S3DeletedObjects
from core.contract.model import Contract, Contracts
from core.errors import NotGranted
from core.json import canonical_json
from processing.partitions.commit import CommitContext, SourceRef, commit_rows
from processing.partitions.state import last_sound, read_current

__all__ = ["client_of"]
BUCKET, PARTITION = "held", COUNTS.name
QUEUE = "https://sqs.us-east-1.amazonaws.com/123456789012/dead"
NAME = "/starmend/test/sales/staff/timestamp"
WHO = "User: arn:aws:sts::123456789012:assumed-role/starmend-test-process/1 is not authorized to perform: "

# Each reading method, and the action that its error has to name.
READS: Mapping[str, tuple[str, Callable[[ClientOf], Any]]] = {
    "S3ObjectStore.read": ("s3:GetObject", lambda of: S3ObjectStore(of("s3"), BUCKET).read("a")),
    "S3ObjectStore.open": ("s3:GetObject", lambda of: S3ObjectStore(of("s3"), BUCKET).open("a")),
    "S3ObjectStore.read_end": ("s3:GetObject", lambda of: S3ObjectStore(of("s3"), BUCKET).read_end("a", 4)),
    "S3ObjectStore.stat": ("s3:GetObject", lambda of: S3ObjectStore(of("s3"), BUCKET).stat("a")),
    "S3ObjectStore.list": ("s3:ListBucket", lambda of: list(S3ObjectStore(of("s3"), BUCKET).list("a"))),
    "S3PartitionStore.read_pointer": (
        "s3:GetObject", lambda of: S3PartitionStore(of("s3"), BUCKET).read_pointer(PARTITION),
    ),
    "S3PartitionStore.list_objects": (
        "s3:ListBucket", lambda of: S3PartitionStore(of("s3"), BUCKET).list_objects(PARTITION),
    ),
    "S3PartitionStore.read_object": ("s3:GetObject", lambda of: S3PartitionStore(of("s3"), BUCKET).read_object("a")),
    "SsmParameterStore.get": ("ssm:GetParameter", lambda of: SsmParameterStore(of("ssm")).get(NAME)),
    "SsmParameterStore.get_many": ("ssm:GetParameters", lambda of: SsmParameterStore(of("ssm")).get_many([NAME])),
    "AwsSecretStore.read": (
        "secretsmanager:GetSecretValue", lambda of: AwsSecretStore(of("secretsmanager")).read("sales-db"),
    ),
    "SqsDeadLetters.peek": ("sqs:ReceiveMessage", lambda of: SqsDeadLetters(of("sqs"), QUEUE, QUEUE).peek()),
    "SqsDeadLetters.redrive": ("sqs:ReceiveMessage", lambda of: SqsDeadLetters(of("sqs"), QUEUE, QUEUE).redrive(["a"])),
    "S3DeletedObjects.revive": (
        "s3:ListBucketVersions", lambda of: S3DeletedObjects(of("s3"), BUCKET).revive("a"),
    ),
    "count_versions": ("s3:ListBucketVersions", lambda of: count_versions(Listable(of("s3")), BUCKET)),
    "erase": ("s3:ListBucketVersions", lambda of: erase(of("s3"), BUCKET, "a")),
}  # fmt: skip
WRITES = {"write", "delete", "write_object", "swap_pointer", "put"}


class Listable:
    """A client to which the bucket itself is open, for the question whether it is there comes first."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def head_bucket(self, **_: Any) -> None:
        return None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


class Raw(BytesIO):
    """A body as urllib3 gives it."""

    def stream(self, **_: Any) -> Any:
        yield self.read()


def refusal(request: AWSPreparedRequest, action: str, form: str) -> AWSResponse:
    """The answer of AWS: S3's is XML and to HEAD has no body at all; the others' is JSON and names the action."""
    if ".s3." in request.url or request.url.startswith(f"https://{BUCKET}."):
        said = f"{WHO}{action} because no identity-based policy allows it" if form == "named" else "Access Denied"
        body = f"<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>{said}</Message></Error>".encode()
        body = b"" if request.method == "HEAD" else body
        return AWSResponse(request.url, 403, {"content-type": "application/xml"}, Raw(body))
    said = f"{WHO}{action} on resource: {NAME} because no identity-based policy allows it"
    kind = "AccessDenied" if ".sqs." in request.url or "sqs." in request.url else "AccessDeniedException"
    body = canonical_json({"__type": f"com.amazonaws#{kind}", "message": said})
    return AWSResponse(request.url, 403 if "sqs" in request.url else 400, {}, Raw(body))


def refuse(client: Any, action: str, *, form: str = "bare", after: int = 0) -> None:
    """Have every request refused but for the first ``after``; an earlier refusal of the client ends."""
    admit(client)
    answered = iter(range(after))

    def answer(request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
        return None if next(answered, None) is not None else refusal(request, action, form)

    client.meta.events.register_first("before-send", answer, unique_id="refusal")


def admit(client: Any) -> None:
    client.meta.events.unregister("before-send", unique_id="refusal")


@pytest.mark.parametrize("form", ["named", "bare"])
@pytest.mark.parametrize("call", READS)
def test_a_refused_read_is_an_error_that_names_the_grant(client_of: ClientOf, call: str, form: str) -> None:
    action, read = READS[call]
    for service in ("s3", "ssm", "sqs", "secretsmanager"):
        refuse(client_of(service), action, form=form)
    with pytest.raises(NotGranted) as refused:
        read(client_of)
    assert action in refused.value.remedy
    assert refused.value.place


def test_every_reading_method_of_the_stores_is_among_them() -> None:
    stores = (S3ObjectStore, S3PartitionStore, SsmParameterStore, AwsSecretStore, SqsDeadLetters, S3DeletedObjects)
    methods = {
        f"{store.__name__}.{name}"
        for store in stores
        for name, _ in inspect.getmembers(store, inspect.isfunction)
        if not name.startswith("_") and name not in WRITES
    }
    assert methods - READS.keys() == set()


def committed(client: Any, versions: int = 2) -> S3PartitionStore:
    """A partition in a simulated bucket with so many versions."""
    client.create_bucket(Bucket=BUCKET)
    store = S3PartitionStore(client, BUCKET)
    for number in range(versions):
        context = CommitContext("c", random=random.Random(number), sleep=lambda _: None)
        commit_rows(store, COUNTS, "", counts([number]), sources=[SourceRef(f"o{number}", "e")], context=context)
    return store


@pytest.mark.parametrize("after", [0, 1])
def test_a_partition_whose_pointer_or_object_is_refused_is_neither_new_nor_lost(
    client_of: ClientOf, after: int
) -> None:
    """Neither processing nor the auditor takes it for vacant: nothing would be merged, and it would be made again."""
    store = committed(client_of("s3"))
    for read in (
        lambda: read_current(store, PARTITION),
        lambda: read_partition(store, COUNTS, ""),
        lambda: last_sound(store, PARTITION),
    ):
        refuse(client_of("s3"), "s3:GetObject", after=after)
        with pytest.raises(NotGranted, match="s3:"):
            read()


@pytest.mark.parametrize("after", [1, 2, 3])
def test_the_sweep_for_old_objects_does_not_pass_over_what_it_may_not_read(client_of: ClientOf, after: int) -> None:
    client = client_of("s3")
    store = committed(client, versions=3)
    modified = max(info.modified for info in S3ObjectStore(client, BUCKET).list(""))
    services: Any = SimpleNamespace(
        contracts=Contracts((Contract("test", None, (COUNTS,)),)),
        records=S3ObjectStore(client, BUCKET),
        partitions=store,
        limits=Limits(workers=1),
        now=lambda: modified + 2 * FOUND_AFTER,
    )

    def sweep() -> Any:
        [contract] = services.contracts.contracts
        return find_unreferenced(services, contract, "run", audited=(PARTITION,), scheduled=False, attempt=0)

    refuse(client, "s3:GetObject", after=after)
    with pytest.raises(NotGranted):
        sweep()
    admit(client)
    assert sum(finding.objects for finding in sweep().findings) == 2
