"""SQS's event in, and its partial batch response out."""

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
    """Only the failed messages come again; SQS ignores what is beside them, an operator reads it."""
    return {
        "batchItemFailures": [{"itemIdentifier": one} for one in report.failed],
        "written": report.written,
        "skipped": dict(report.skipped),
    }
