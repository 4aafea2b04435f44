"""SQS's event and its partial batch response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ingestion.pull.batch import Message, PullReport


def messages_of(event: Mapping[str, Any]) -> list[Message]:
    """The messages of an SQS event; ``SentTimestamp`` is in milliseconds."""
    return [_message(record) for record in event["Records"]]


def _message(record: Mapping[str, Any]) -> Message:
    sent = record.get("attributes", {}).get("SentTimestamp")
    return Message(record["messageId"], record["body"], int(sent) / 1000 if sent else None)


def batch_response(report: PullReport) -> dict[str, Any]:
    """Only the failed messages come again; SQS ignores the other fields, which are for operators."""
    return {
        "batchItemFailures": [{"itemIdentifier": id_} for id_ in report.failed],
        "written": report.written,
        "skipped": dict(report.skipped),
    }
