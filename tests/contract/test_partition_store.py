"""What every PartitionStore promises: the one in memory, and the one over S3."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws
from moto.core.botocore_stubber import BotocoreStubber
from tests.fakes.partitions import MemoryPartitions

from aws.pointers import S3PartitionStore
from core.errors import BrokenPointer, PipelineBug
from core.ports import PartitionStore, Refused, Written
from core.warehouse.pointer import object_name, pointer_body, pointer_key

BUCKET = "warehouse-bucket"
PARTITION = "fact_quote/symbol=AAPL/month=2026-11"


class StoreUnderTest:
    """A store, and a way to put a pointer that no commit wrote."""

    def __init__(self, store: PartitionStore, put_pointer: object) -> None:
        self.store = store
        self.put_pointer = put_pointer


@pytest.fixture(params=["memory", "s3"])
def tested(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[StoreUnderTest]:
    if request.param == "memory":
        memory = MemoryPartitions(bucket=BUCKET)
        yield StoreUnderTest(memory, memory.objects.__setitem__)
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    one_request, answer = threading.Lock(), BotocoreStubber.__call__

    def atomic(stubber: BotocoreStubber, *arguments: Any, **named: Any) -> Any:
        """The imitation looks whether an object is there, then writes; S3 does both as one."""
        with one_request:
            return answer(stubber, *arguments, **named)

    monkeypatch.setattr(BotocoreStubber, "__call__", atomic)
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield StoreUnderTest(
            S3PartitionStore(client, BUCKET), lambda key, body: client.put_object(Bucket=BUCKET, Key=key, Body=body)
        )


@pytest.fixture
def store(tested: StoreUnderTest) -> PartitionStore:
    return tested.store


def put(store: PartitionStore, version: int, body: bytes = b"rows") -> str:
    return store.write_object(PARTITION, object_name(version, uuid.uuid4().hex), body)


def test_a_partition_without_a_commit_has_no_pointer(store: PartitionStore) -> None:
    assert store.read_pointer(PARTITION) is None


def test_an_object_that_is_not_there_is_none(store: PartitionStore) -> None:
    assert store.read_object("warehouse/_data/nothing.parquet") is None


def test_an_object_is_read_as_it_was_written_with_the_time_of_writing(store: PartitionStore) -> None:
    key = put(store, 1, b"PAR1 bytes")
    stored = store.read_object(key)
    assert stored is not None
    assert (stored.key, stored.body) == (key, b"PAR1 bytes")
    assert stored.modified.utcoffset() == timedelta(0)
    assert stored.modified.astimezone(UTC) == stored.modified


def test_objects_lie_in_the_partition_s_data_folder(store: PartitionStore) -> None:
    name = object_name(42, "0" * 32)
    assert store.write_object(PARTITION, name, b"x") == f"warehouse/_data/{PARTITION}/v000000000042-{'0' * 32}.parquet"


def test_writing_the_same_object_again_is_harmless(store: PartitionStore) -> None:
    name = object_name(1, uuid.uuid4().hex)
    assert store.write_object(PARTITION, name, b"x") == store.write_object(PARTITION, name, b"x")


def test_the_first_swap_makes_the_pointer_and_a_second_first_one_is_refused(store: PartitionStore) -> None:
    first, second = put(store, 1), put(store, 1)
    written = store.swap_pointer(PARTITION, first, expected=None)
    assert isinstance(written, Written)
    assert isinstance(store.swap_pointer(PARTITION, second, expected=None), Refused)
    pointer = store.read_pointer(PARTITION)
    assert pointer is not None
    assert (pointer.target, pointer.etag) == (first, written.etag)


def test_a_swap_succeeds_only_from_the_pointer_that_was_read(store: PartitionStore) -> None:
    first, second, third = (put(store, number) for number in (1, 2, 3))
    old = store.swap_pointer(PARTITION, first, expected=None)
    assert isinstance(old, Written)
    new = store.swap_pointer(PARTITION, second, expected=old.etag)
    assert isinstance(new, Written)
    assert isinstance(store.swap_pointer(PARTITION, third, expected=old.etag), Refused)
    assert isinstance(store.swap_pointer(PARTITION, third, expected=new.etag), Written)
    pointer = store.read_pointer(PARTITION)
    assert pointer is not None
    assert pointer.target == third


def test_a_swap_from_a_pointer_that_is_not_there_is_refused(store: PartitionStore) -> None:
    assert isinstance(store.swap_pointer(PARTITION, put(store, 1), expected="0" * 32), Refused)
    assert store.read_pointer(PARTITION) is None


def test_partitions_have_pointers_of_their_own(store: PartitionStore) -> None:
    key = put(store, 1)
    store.swap_pointer(PARTITION, key, expected=None)
    assert store.read_pointer("fact_quote/symbol=AAPL/month=2026-12") is None
    assert store.read_pointer("fact_quote") is None


def test_of_many_racing_swaps_one_wins(store: PartitionStore) -> None:
    keys = [put(store, 1) for _ in range(16)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda key: store.swap_pointer(PARTITION, key, expected=None), keys))
    winners = [key for key, answer in zip(keys, answers, strict=True) if isinstance(answer, Written)]
    pointer = store.read_pointer(PARTITION)
    assert pointer is not None
    assert winners == [pointer.target]


def test_the_objects_of_a_partition_are_listed_and_no_other_s(store: PartitionStore) -> None:
    assert list(store.list_objects(PARTITION)) == []
    keys = [put(store, number) for number in (2, 1, 3)]
    store.write_object("fact_quote/symbol=AAPL/month=2026-12", object_name(1, "0" * 32), b"another's")
    assert list(store.list_objects(PARTITION)) == sorted(keys)
    assert list(store.list_objects("fact_quote/symbol=AAPL")) == []


def test_a_pointer_to_another_partition_s_object_is_broken_and_can_be_replaced(tested: StoreUnderTest) -> None:
    other = tested.store.write_object("fact_quote/symbol=ZM/month=2026-11", object_name(1, "0" * 32), b"another's")
    tested.put_pointer(pointer_key(PARTITION), pointer_body(BUCKET, other))
    with pytest.raises(BrokenPointer, match="starmend rebuild fact_quote --partition symbol=AAPL") as caught:
        tested.store.read_pointer(PARTITION)
    own = put(tested.store, 2)
    assert isinstance(tested.store.swap_pointer(PARTITION, own, expected=caught.value.etag), Written)


@pytest.mark.parametrize("body", [b"", b"s3://another-bucket/x\n", b"\xff\xfe", f"s3://{BUCKET}/a\ns3://b".encode()])
def test_a_pointer_that_no_commit_wrote_is_a_bug_that_names_the_place(tested: StoreUnderTest, body: bytes) -> None:
    tested.put_pointer(pointer_key(PARTITION), body)
    with pytest.raises(PipelineBug, match=r"symlink\.txt"):
        tested.store.read_pointer(PARTITION)
