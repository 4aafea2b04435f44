"""Records into one Kinesis stream, or straight into one Firehose delivery stream."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from aws.clients import Clients
from aws.failures import ItemRefusal, reaching, to_offer_again
from core.contract.model import Feed
from core.ports import Stream, StreamRecord


class KinesisStream:
    """``core.ports.Stream`` over Kinesis PutRecords: at most 500 records or 5 MB a call, failures are per record."""

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def put(self, records: Sequence[StreamRecord]) -> Sequence[int]:
        with reaching("put records", self._name):
            answer = self._client.put_records(
                StreamName=self._name,
                Records=[{"Data": record.data, "PartitionKey": record.key} for record in records],
            )
        return _refused(self._name, answer["Records"], grant="kinesis:PutRecords")


class FirehoseStream:
    """``core.ports.Stream`` over Firehose PutRecordBatch: at most 500 records or 4 MB a call, failures are per record.

    Nothing lies between the caller and the delivery to S3: no record can be read again, and none has a partition.
    """

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self._name = name

    def put(self, records: Sequence[StreamRecord]) -> Sequence[int]:
        with reaching("put records", self._name):
            answer = self._client.put_record_batch(
                DeliveryStreamName=self._name, Records=[{"Data": record.data} for record in records]
            )
        return _refused(self._name, answer["RequestResponses"], grant="firehose:PutRecordBatch")


def _refused(name: str, results: Sequence[Mapping[str, Any]], *, grant: str) -> list[int]:
    """The records that were not taken; what is documented of a record passes by itself (PutRecordsResultEntry)."""
    refusals = [
        ItemRefusal(index, result["ErrorCode"], result.get("ErrorMessage", ""))
        for index, result in enumerate(results)
        if result.get("ErrorCode")
    ]
    return to_offer_again("put records", name, refusals, grant=grant)


def open_stream(clients: Clients, name: str, feed: Feed) -> Stream:
    """The feed's stream of this name; where it has none, the delivery of the same name."""
    if feed.stream:
        return KinesisStream(clients("kinesis"), name)
    return FirehoseStream(clients("firehose"), delivery_name(name))


def delivery_name(name: str) -> str:
    """The name as Firehose takes it, by the rule of ``terraform/feeds.tf``: a long one is cut and ends with a hash."""
    return name if len(name) <= 64 else f"{name[:55]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
