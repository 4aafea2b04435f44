"""The process Lambda: turns ingest objects, named by S3's events in the queue, into rows of the star schema."""

from __future__ import annotations

from typing import Any

from aws.cold_start import keep_pandas_out
from processing.events import message_bodies
from processing.process import process_messages
from processing.runtime import build_runtime

keep_pandas_out()


def handle(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Return the ids of the messages that failed; the queue delivers those again, three times in all."""
    services, finish = build_runtime()
    try:
        failed = process_messages(message_bodies(event), services)
    finally:
        finish()
    return {"batchItemFailures": [{"itemIdentifier": message} for message in failed]}
