"""Refused lines as the quarantine keeps them, read so that what is wrong with one harms no other.

A line of the quarantine that somebody altered or cut is told as it lies there, with a reason of its own.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

from core.json import UNREADABLE
from core.landing.zone import object_of_record

DAMAGED = "the quarantine's own line cannot be read: somebody altered it, or it was cut"


def refused_lines(key: str, body: bytes) -> Iterator[dict[str, Any]]:
    """The lines of an object of the quarantine, each with all of ``core.landing.records.QUARANTINE_COLUMNS``.

    What else a line says stays. Of one that is no JSON object ``content`` is the line itself and ``line`` is 0; what
    another lacks, or has in a wrong type, is empty.
    """
    for line in body.splitlines():
        try:
            record = json.loads(line)
            yield _completed(key, record if isinstance(record, dict) else _damaged(line))
        except UNREADABLE:
            yield _completed(key, _damaged(line))


def _damaged(line: bytes) -> Mapping[str, Any]:
    try:
        return {"reason": DAMAGED, "content": line.decode(), "encoding": "utf-8"}
    except UnicodeDecodeError:
        return {"reason": DAMAGED, "content": base64.b64encode(line).decode(), "encoding": "base64"}


def _completed(key: str, record: Mapping[str, Any]) -> dict[str, Any]:
    number = record.get("line")
    texts = {name: record.get(name) for name in ("object", "reason", "content", "encoding", "rejected_at")}
    return {
        **record,
        **{name: value if isinstance(value, str) else "" for name, value in texts.items()},
        "object": texts["object"] if isinstance(texts["object"], str) else object_of_record(key),
        "line": number if isinstance(number, int) else 0,
    }
