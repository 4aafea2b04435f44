"""What every ObjectStore promises: the one in memory, and the one over S3 (of moto, and of the benchmark)."""

from __future__ import annotations

from datetime import UTC
from typing import cast

import pytest
from bench.calls.simulated import SimulatedAws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends
from tests.fakes.objects import MemoryObjects
from tests.support.simulated_aws import ClientOf

from aws.objects import S3ObjectStore
from core.errors import PipelineBug
from core.ports import ObjectStore, Refused, TailReader, Written

BUCKET = "ingest-bucket"


@pytest.fixture(params=["memory", "s3", "simulated"])
def store(request: pytest.FixtureRequest) -> ObjectStore:
    if request.param == "memory":
        return MemoryObjects()
    if request.param == "simulated":
        return S3ObjectStore(SimulatedAws().client("s3"), BUCKET)
    client = request.getfixturevalue("client_of")("s3")
    client.create_bucket(Bucket=BUCKET)
    return S3ObjectStore(client, BUCKET)


def test_what_is_not_there_is_no_error(store: ObjectStore) -> None:
    assert store.read("a") is None
    assert store.open("a") is None
    assert store.stat("a") is None
    assert list(store.list("")) == []


def test_an_object_is_read_as_it_was_written(store: ObjectStore) -> None:
    written = store.write("a/b", b"rows\x00\xff", metadata={"starmend-rows": "2"})
    assert isinstance(written, Written)
    stored = store.read("a/b")
    assert stored is not None
    assert stored.body == b"rows\x00\xff"
    assert (stored.stat.key, stored.stat.size, stored.stat.etag) == ("a/b", 6, written.etag)
    assert dict(stored.stat.metadata) == {"starmend-rows": "2"}
    assert stored.stat.modified.tzinfo is UTC
    assert '"' not in stored.stat.etag


def test_a_stream_gives_the_same_bytes(store: ObjectStore) -> None:
    store.write("a", b"0123456789")
    opened = store.open("a")
    assert opened is not None
    with opened.stream as stream:
        assert stream.read(4) == b"0123"
        assert stream.read() == b"456789"


@pytest.mark.parametrize(("length", "end"), [(4, b"6789"), (10, b"0123456789"), (64, b"0123456789")])
def test_the_end_of_an_object_comes_with_the_size_of_the_whole(store: ObjectStore, length: int, end: bytes) -> None:
    written = store.write("a", b"0123456789")
    assert isinstance(written, Written)
    stored = cast(TailReader, store).read_end("a", length)
    assert stored is not None
    assert (stored.body, stored.stat.size, stored.stat.etag) == (end, 10, written.etag)
    assert cast(TailReader, store).read_end("b", length) is None


def test_of_two_creators_the_second_is_refused_and_the_first_ones_bytes_stay(store: ObjectStore) -> None:
    assert isinstance(store.write("a", b"first", if_absent=True), Written)
    assert store.write("a", b"second", if_absent=True) == Refused()
    stored = store.read("a")
    assert stored is not None
    assert stored.body == b"first"


def test_a_swap_is_refused_once_the_object_has_changed(store: ObjectStore) -> None:
    first = store.write("a", b"1")
    assert isinstance(first, Written)
    second = store.write("a", b"2", if_match=first.etag)
    assert isinstance(second, Written)
    assert store.write("a", b"3", if_match=first.etag) == Refused()
    stored = store.read("a")
    assert stored is not None
    assert stored.body == b"2"


def test_a_swap_of_what_is_gone_is_refused(store: ObjectStore) -> None:
    assert store.write("a", b"1", if_match="0" * 32) == Refused()
    assert store.read("a") is None


def test_listings_come_in_key_order_below_the_prefix_and_after_the_given_key(store: ObjectStore) -> None:
    for key in ("t/3", "t/1", "u/1", "t/2"):
        store.write(key, key.encode())
    assert [info.key for info in store.list("t/")] == ["t/1", "t/2", "t/3"]
    assert [info.key for info in store.list("t/", after="t/1")] == ["t/2", "t/3"]
    assert next(iter(store.list("u/"))).size == 3


def test_more_keys_than_one_page_are_all_listed_and_all_deleted(
    store: ObjectStore, request: pytest.FixtureRequest
) -> None:
    keys = [f"many/{number:04d}" for number in range(1005)]
    for key in keys:
        if request.node.callspec.params["store"] == "s3":  # a thousand calls of moto's take three seconds
            s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(BUCKET, key, b"x")
        else:
            store.write(key, b"x")
    assert [info.key for info in store.list("many/")] == keys
    store.delete(keys)
    assert list(store.list("many/")) == []


def test_a_bucket_that_is_not_there_is_an_error_with_place_and_operation(client_of: ClientOf) -> None:
    store = S3ObjectStore(client_of("s3"), "no-such-bucket")
    with pytest.raises(PipelineBug, match="write object: s3://no-such-bucket/a: NoSuchBucket"):
        store.write("a", b"x")
