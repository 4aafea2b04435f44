"""Messages of the queue: S3's events, and requests to process objects again.

S3 sends events at least once and in any order, with keys URL-encoded, and a test event when a notification is made.
A request is ``{"objects": ["tables/sales/staff/000000000001.jsonl.gz"]}``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from core.errors import InvalidData
from core.json import UNREADABLE


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """An object that an event or a request names; a request's has no bucket."""

    bucket: str
    key: str


def object_events(body: str) -> Iterator[ObjectEvent]:
    """The objects that a queue message names; none for S3's test event. Raises ``InvalidData`` on any other message."""
    try:
        message: Any = json.loads(body)
        if message.get("Event") == "s3:TestEvent":
            return
        if "objects" in message:
            yield from (ObjectEvent("", _text(key)) for key in _list(message["objects"]))
            return
        for record in _list(message["Records"]):
            if _text(record["eventName"]).removeprefix("s3:").startswith("ObjectCreated"):
                object_ = record["s3"]["object"]
                yield ObjectEvent(_text(record["s3"]["bucket"]["name"]), unquote_plus(_text(object_["key"])))
    except UNREADABLE as error:
        problem = f"no S3 event and no request ({error!r})"
        raise InvalidData("read message", body[:200], problem, 'Send {"objects": ["tables/..."]}') from error


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError(f"{value!r} is no list")
    return value


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def message_bodies(event: Mapping[str, Any]) -> dict[str, str]:
    """The bodies of a queue event's messages by message id; or, for the command, one message that is given bare."""
    if "Records" in event and all("messageId" in record for record in event["Records"]):
        return {record["messageId"]: record["body"] for record in event["Records"]}
    return {"command": json.dumps(event)}
