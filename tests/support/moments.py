"""A simulated feed's state, kept to be put back: what took a second to come about is there again at once."""

from __future__ import annotations

import copy
import itertools
from typing import Any

from tests.support.feed_simulation import FeedSimulation


class Moment:
    """Everything that a stack remembers, to be put back into it, or into another that was begun alike."""

    def __init__(self, feed: FeedSimulation) -> None:
        partitions = feed.lake.partitions
        parts: dict[str, Any] = {
            "ingest": feed.lake.ingest._objects,
            "records": feed.lake.records._objects,
            "objects": partitions.objects,
            "modified": partitions.modified,
            "history": partitions.history,
            "queue": feed.queue.messages,
            "mail": feed.mail.sent,
            "stream": feed.acquisition.stream.records,
        }
        self._at = feed.now
        self._kept = _copies(parts)

    def restore(self, feed: FeedSimulation) -> None:
        kept = _copies(self._kept)
        feed.lake.ingest._objects, feed.lake.records._objects = kept["ingest"], kept["records"]
        partitions = feed.lake.partitions
        partitions.objects, partitions.modified, partitions.history = (
            kept["objects"],
            kept["modified"],
            kept["history"],
        )
        feed.queue.messages, feed.mail.sent = kept["queue"], kept["mail"]
        feed.acquisition.stream.records = kept["stream"]
        feed._go_to(self._at)
        feed._names = itertools.count(1000)


def _copies(parts: dict[str, Any]) -> dict[str, Any]:
    """Of each collection one of its own; what lies in them never changes, but for the lists of the history."""
    fresh = {name: copy.copy(part) for name, part in parts.items()}
    fresh["history"] = {partition: list(targets) for partition, targets in parts["history"].items()}
    return fresh
