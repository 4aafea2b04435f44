"""Quarantine: rejected lines as they came, one JSON line each (``core.landing.records.QUARANTINE_COLUMNS``)."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime

import orjson

from core.landing.refused_lines import refused_lines
from core.landing.zone import Landing
from core.ports import ObjectReader, ObjectStore
from core.time import format_instant
from processing.lines.parsed import Rejected

MOST_OF_A_HALTED = 1000  # lines that show what is wrong with an object of which nothing was taken


def quarantine_body(landing: Landing, rejected: Sequence[Rejected], *, now: datetime) -> bytes:
    """The rejected lines as JSON lines, in the object's order; bytes that are no UTF-8 as base64."""
    return b"".join(_line(landing.key, line, format_instant(now)) for line in rejected)


def _line(key: str, rejected: Rejected, now: str) -> bytes:
    try:
        content, encoding = rejected.raw.decode(), "utf-8"
    except UnicodeDecodeError:
        content, encoding = base64.b64encode(rejected.raw).decode(), "base64"
    record = {
        "object": key,
        "line": rejected.line,
        "reason": rejected.reason,
        "content": content,
        "encoding": encoding,
        "rejected_at": now,
    }
    return orjson.dumps(record) + b"\n"


def write_quarantine(
    store: ObjectStore, landing: Landing, rejected: Sequence[Rejected], *, halted: bool, now: datetime
) -> None:
    """Keep the rejected lines of an object, over those of an earlier run; of a halted one the first.

    Lines that are no longer rejected are replaced by nothing, for processing may not delete.
    """
    if rejected or store.stat(landing.quarantine_key) is not None:
        body = quarantine_body(landing, rejected[:MOST_OF_A_HALTED] if halted else rejected, now=now)
        store.write(landing.quarantine_key, body, content_type="application/x-ndjson")


def read_quarantine(store: ObjectReader, prefix: str) -> Iterator[dict[str, object]]:
    """The rejected lines below a prefix of ``quarantine/``, in key and line order."""
    for info in store.list(prefix):
        stored = store.read(info.key)
        if stored is not None:
            yield from refused_lines(info.key, stored.body)
