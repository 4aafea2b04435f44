"""What the smaller ports promise, in memory and over AWS."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError
from tests.fakes.queue import MemoryQueue
from tests.fakes.secrets import MemorySecrets
from tests.fakes.stream import MemoryStream
from tests.support.simulated_aws import ClientOf

from aws.dead_letters import SqsDeadLetters
from aws.queue import SqsQueue
from aws.secrets import AwsSecretStore
from aws.stream import FirehoseStream, KinesisStream, delivery_name
from core.errors import InvalidData, PipelineBug, TransientFailure
from core.ports import StreamRecord


def test_a_secret_is_remembered_until_a_fresh_one_is_asked_for(client_of: ClientOf) -> None:
    client = client_of("secretsmanager")
    client.create_secret(Name="starmend/test/token", SecretString="one")
    memory = MemorySecrets(token="one")
    stores = [memory, AwsSecretStore(client, "starmend/test/")]
    for store in stores:
        assert store.read("token") == "one"
    memory.values["token"] = "two"
    client.put_secret_value(SecretId="starmend/test/token", SecretString="two")
    for store in stores:
        assert store.read("token") == "one"
        assert store.read("token", refresh=True) == "two"


def test_a_secret_without_a_value_says_how_to_fill_it(client_of: ClientOf) -> None:
    client = client_of("secretsmanager")
    client.create_secret(Name="starmend/test/token")
    for store in (MemorySecrets(), AwsSecretStore(client, "starmend/test/")):
        with pytest.raises(InvalidData, match="starmend secret set"):
            store.read("token")


def test_a_written_secret_is_read_back(client_of: ClientOf) -> None:
    client = client_of("secretsmanager")
    client.create_secret(Name="starmend/test/token")
    store = AwsSecretStore(client, "starmend/test/")
    store.write("token", "three")
    assert store.read("token") == "three"


def test_more_messages_than_one_call_takes_all_arrive(client_of: ClientOf) -> None:
    client = client_of("sqs")
    url = client.create_queue(QueueName="requests")["QueueUrl"]
    messages = [{"entity": f"E{number}"} for number in range(23)]
    memory = MemoryQueue()
    assert list(memory.send(messages)) == []
    assert list(SqsQueue(client, url).send(messages)) == []
    arrived: list[str] = []
    while batch := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        arrived += [message["Body"] for message in batch]
        for message in batch:
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    for bodies in (arrived, memory.messages):
        assert sorted(json.loads(body)["entity"] for body in bodies) == sorted(
            message["entity"] for message in messages
        )


def test_records_are_taken_in_order(client_of: ClientOf) -> None:
    client = client_of("kinesis")
    client.create_stream(StreamName="points", ShardCount=1)
    records = [StreamRecord("AAPL", b'{"n":%d}\n' % number) for number in range(5)]
    memory = MemoryStream()
    assert list(memory.put(records)) == []
    assert list(KinesisStream(client, "points").put(records)) == []
    shard = client.describe_stream(StreamName="points")["StreamDescription"]["Shards"][0]["ShardId"]
    start = client.get_shard_iterator(StreamName="points", ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    taken = [record["Data"] for record in client.get_records(ShardIterator=start["ShardIterator"])["Records"]]
    assert taken == [record.data for record in records] == [record.data for record in memory.records]


def test_a_stream_that_is_not_there_is_a_bug_with_its_name(client_of: ClientOf) -> None:
    with pytest.raises(PipelineBug, match="put records: nowhere"):
        KinesisStream(client_of("kinesis"), "nowhere").put([StreamRecord("a", b"{}\n")])


def test_dead_letters_are_seen_without_being_hidden_and_go_back_once(client_of: ClientOf) -> None:
    client = client_of("sqs")
    live, dead = (client.create_queue(QueueName=name)["QueueUrl"] for name in ("live", "dead"))
    for number in range(12):
        client.send_message(QueueUrl=dead, MessageBody=f"letter {number}")
    letters = SqsDeadLetters(client, dead, live)
    seen = dict(letters.peek())
    assert set(seen.values()) <= {f"letter {number}" for number in range(12)}
    assert len(seen) >= 10
    wanted = sorted(seen)[:2]
    assert sorted(letters.redrive([*wanted, "one that nobody sent"])) == wanted
    back = client.receive_message(QueueUrl=live, MaxNumberOfMessages=10)["Messages"]
    assert sorted(message["Body"] for message in back) == sorted(seen[name] for name in wanted)
    assert list(letters.redrive(wanted)) == []
    assert set(letters.peek().values()) == {f"letter {number}" for number in range(12)} - {
        seen[name] for name in wanted
    }


def test_a_redrive_hides_no_letter_but_those_that_it_moves_and_these_only_while_it_does(client_of: ClientOf) -> None:
    """Another dataset's audit, or the queue's alarm, took the hidden ones for gone, and said that it was over."""
    client = client_of("sqs")
    live, dead = (client.create_queue(QueueName=name)["QueueUrl"] for name in ("live", "dead"))
    for body in ("a", "b", "c", "b"):
        client.send_message(QueueUrl=dead, MessageBody=body)
    looks: list[set[str]] = []

    class Watched:
        """The client, and what another reader sees as each letter is sent back."""

        def __getattr__(self, name: str) -> Any:
            return getattr(client, name)

        def send_message(self, **request: Any) -> Any:
            looks.append(set(SqsDeadLetters(client, dead, live).peek().values()))
            if request["MessageBody"] == "c":
                raise ConnectTimeoutError(endpoint_url="sqs")
            return client.send_message(**request)

    letters = SqsDeadLetters(Watched(), dead, live)
    names = {body: name for name, body in letters.peek().items()}
    assert letters.redrive([names["b"]]) == {names["b"]}
    assert set(letters.peek().values()) == {"a", "c"}, "both letters of one body are one"
    with pytest.raises(TransientFailure):
        letters.redrive([names["c"]])
    assert looks == [{"a", "c"}, {"a"}]
    assert set(letters.peek().values()) == {"a", "c"}
    assert [message["Body"] for message in client.receive_message(QueueUrl=live)["Messages"]] == ["b"]


def test_records_without_a_stream_go_to_the_delivery_of_that_name(client_of: ClientOf) -> None:
    store, client = client_of("s3"), client_of("firehose")
    store.create_bucket(Bucket="landing")
    destination = {"RoleARN": "arn:aws:iam::123456789012:role/deliver", "BucketARN": "arn:aws:s3:::landing"}
    client.create_delivery_stream(DeliveryStreamName="canary", ExtendedS3DestinationConfiguration=destination)
    assert FirehoseStream(client, "canary").put([StreamRecord("a", b'{"a":1}\n'), StreamRecord("b", b"{}\n")]) == []
    keys = [item["Key"] for item in store.list_objects_v2(Bucket="landing")["Contents"]]
    bodies = [store.get_object(Bucket="landing", Key=key)["Body"].read() for key in keys]
    assert sorted(b"".join(bodies).splitlines()) == [b'{"a":1}', b"{}"]
    with pytest.raises(PipelineBug, match="put records: nowhere"):
        FirehoseStream(client, "nowhere").put([StreamRecord("a", b"{}\n")])


def test_records_that_the_delivery_refuses_are_told_by_their_place() -> None:
    class Refusing:
        def put_record_batch(self, **_request: Any) -> dict[str, Any]:
            results = [{"RecordId": "1"}, {"ErrorCode": "ServiceUnavailableException"}, {"RecordId": "3"}]
            return {"FailedPutCount": 1, "RequestResponses": results}

    records = [StreamRecord("a", b"{}\n")] * 3
    assert FirehoseStream(Refusing(), "canary").put(records) == [1]


def test_a_delivery_whose_name_is_too_long_for_firehose_has_terraform_s_name() -> None:
    assert delivery_name("starmend-dev-canary") == "starmend-dev-canary"
    long = "starmend-dev-" + 60 * "c"
    assert delivery_name(long) == f"{long[:55]}-{hashlib.sha256(long.encode()).hexdigest()[:8]}"
    assert len(delivery_name(long)) == 64
