"""What every Stream and every Queue promises: those in memory, and those over Kinesis and SQS."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import boto3
import pytest
from moto import mock_aws
from tests.fakes.queue import MemoryQueue
from tests.fakes.stream import MemoryStream

from aws.queue import SqsQueue
from aws.stream import KinesisStream
from core.errors import StarmendError
from core.ports import Queue, Stream, StreamRecord

Opened = tuple[Stream, Callable[[], list[bytes]]]


@pytest.fixture(autouse=True)
def _credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)


@pytest.fixture(params=["memory", "kinesis"])
def opened(request: pytest.FixtureRequest) -> Iterator[Opened]:
    """A stream, and a way to read what lies in it."""
    if request.param == "memory":
        memory = MemoryStream()
        yield memory, lambda: [record.data for record in memory.records]
        return
    with mock_aws():
        client = boto3.client("kinesis")
        client.create_stream(StreamName="quotes", ShardCount=1)

        def read() -> list[bytes]:
            (shard,) = client.list_shards(StreamName="quotes")["Shards"]
            where = {"StreamName": "quotes", "ShardId": shard["ShardId"]}
            start = client.get_shard_iterator(**where, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
            return [get_record["Data"] for get_record in client.get_records(ShardIterator=start)["Records"]]

        yield KinesisStream(client, "quotes"), read


@pytest.fixture(params=["memory", "sqs"])
def queue(request: pytest.FixtureRequest) -> Iterator[tuple[Queue, Callable[[], list[str]]]]:
    """A queue, and a way to take what lies in it."""
    if request.param == "memory":
        memory = MemoryQueue()
        yield memory, memory.take
        return
    with mock_aws():
        client = boto3.client("sqs")
        url = client.create_queue(QueueName="requests")["QueueUrl"]

        def take() -> list[str]:
            bodies: list[str] = []
            while messages := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
                bodies += [message["Body"] for message in messages]
            return bodies

        yield SqsQueue(client, url), take


def record(number: int, size: int = 10) -> StreamRecord:
    return StreamRecord(f"key-{number}", f"{number:0{size - 1}d}\n".encode())


def test_records_are_taken_byte_by_byte_and_none_is_refused_without_cause(opened: Opened) -> None:
    stream, read = opened
    records = [record(number) for number in range(500)]
    assert list(stream.put(records)) == []
    assert read() == [record.data for record in records]


def test_records_of_a_key_keep_their_order(opened: Opened) -> None:
    stream, read = opened
    for number in range(3):
        stream.put([StreamRecord("AAPL", f"{number}a\n".encode()), StreamRecord("AAPL", f"{number}b\n".encode())])
    assert read() == [b"0a\n", b"0b\n", b"1a\n", b"1b\n", b"2a\n", b"2b\n"]


def test_more_than_a_call_takes_is_a_mistake_of_the_caller(opened: Opened) -> None:
    stream, read = opened
    with pytest.raises(StarmendError):
        stream.put([record(number) for number in range(501)])
    assert read() == []


def test_messages_are_taken_however_many_and_come_out_as_they_went_in(
    queue: tuple[Queue, Callable[[], list[str]]],
) -> None:
    opened, take = queue
    messages = [{"dataset": "quotes", "entities": [f"S{number}"], "umlaut": "ü"} for number in range(23)]
    assert list(opened.send(messages)) == []
    assert sorted(map(str, map(json.loads, take()))) == sorted(map(str, messages))
    assert take() == []
