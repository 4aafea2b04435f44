"""What the Firehose Developer Guide says of S3 destinations, seen through boto3. Intervals run at a hundredth."""

from __future__ import annotations

import gzip
import time
from typing import Any

import boto3
import pytest
from tests.support.waiting import eventually

pytestmark = pytest.mark.emulator

BUCKET = "delivered-here"
ROLE = "arn:aws:iam::000000000000:role/firehose"


@pytest.fixture(scope="module", autouse=True)
def bucket(session: boto3.Session) -> None:
    session.client("s3").create_bucket(Bucket=BUCKET)


def create(session: boto3.Session, name: str, *, source: str | None = None, **changes: Any) -> None:
    destination = {
        "RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{BUCKET}", "CompressionFormat": "GZIP",
        "Prefix": f"feeds/{name}/!{{timestamp:yyyy/MM/dd/HH}}/",
        "ErrorOutputPrefix": f"feeds-errors/{name}/!{{firehose:error-output-type}}/",
        "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 60},
    }  # fmt: skip
    stream: dict[str, Any] = {"DeliveryStreamType": "DirectPut"}
    if source:
        origin = {"KinesisStreamARN": source, "RoleARN": ROLE}
        stream = {"DeliveryStreamType": "KinesisStreamAsSource", "KinesisStreamSourceConfiguration": origin}
    session.client("firehose").create_delivery_stream(
        DeliveryStreamName=name, ExtendedS3DestinationConfiguration=destination | changes, **stream
    )


def delivered(session: boto3.Session, name: str) -> list[tuple[str, bytes]]:
    s3 = session.client("s3")
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket=BUCKET, Prefix=f"feeds/{name}/").get("Contents", [])]
    return [(key, s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()) for key in keys]


def test_records_of_one_interval_are_joined_as_they_are_into_one_gzip_object(session):
    create(session, "joined")
    started = time.monotonic()
    for batch in ([b'{"n": 1}\n', b'{"n": 2}'], [b'{"n": 3}\n']):
        session.client("firehose").put_record_batch(
            DeliveryStreamName="joined", Records=[{"Data": record} for record in batch]
        )
    [(key, body)] = eventually(lambda: delivered(session, "joined"), within=5)
    assert time.monotonic() - started >= 0.55
    assert gzip.decompress(body) == b'{"n": 1}\n{"n": 2}{"n": 3}\n'
    assert key.startswith(time.strftime("feeds/joined/%Y/%m/%d/", time.gmtime()))
    assert key.endswith(".gz")


def test_records_of_a_kinesis_stream_arrive_in_their_order(session):
    kinesis = session.client("kinesis")
    kinesis.create_stream(StreamName="quotes", ShardCount=1)
    source = kinesis.describe_stream_summary(StreamName="quotes")["StreamDescriptionSummary"]["StreamARN"]
    create(session, "from-kinesis", source=source)
    records = [{"Data": f"{number}\n".encode(), "PartitionKey": "one"} for number in range(100)]
    assert kinesis.put_records(StreamName="quotes", Records=records)["FailedRecordCount"] == 0
    [(_, body)] = eventually(lambda: delivered(session, "from-kinesis"), within=5)
    assert gzip.decompress(body).split() == [str(number).encode() for number in range(100)]


def test_a_full_buffer_does_not_wait_for_its_interval(session):
    create(session, "full", BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 900}, CompressionFormat="UNCOMPRESSED")
    record = b"x" * 600_000
    for _ in range(2):
        session.client("firehose").put_record(DeliveryStreamName="full", Record={"Data": record})
    [(key, body)] = eventually(lambda: delivered(session, "full"), within=5)
    assert body == record * 2
    assert not key.endswith(".gz")


def test_a_delimiter_is_added_only_when_asked_for(session):
    processing = {"Enabled": True, "Processors": [{"Type": "AppendDelimiterToRecord"}]}
    create(session, "lines", ProcessingConfiguration=processing, CompressionFormat="UNCOMPRESSED")
    for record in (b"a", b"b"):
        session.client("firehose").put_record(DeliveryStreamName="lines", Record={"Data": record})
    [(_, body)] = eventually(lambda: delivered(session, "lines"), within=5)
    assert body == b"a\nb\n"
