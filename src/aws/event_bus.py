"""Events to one EventBridge bus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from aws.failures import ItemRefusal, reaching, to_offer_again
from core.errors import TransientFailure
from core.ports import BusEvent

SOURCE = "starmend"
AT_ONCE = 10  # PutEvents' limits: entries of a call, and the bytes of all of them
BYTES = 256 * 1024
_TIME = 14  # a timestamp counts so much, where one is given; counted always, it errs on the safe side


class EventBridgeBus:
    """``core.ports.EventBus`` over EventBridge PutEvents; failures are per entry.

    A call without an answer refuses its events alone and goes on to the next: some of them may have been taken.
    """

    def __init__(self, client: Any, bus: str) -> None:
        self._client = client
        self._bus = bus

    def put(self, events: Sequence[BusEvent]) -> Sequence[int]:
        refused: list[ItemRefusal] = []
        for batch in batches(events):
            try:
                refused += self._put(events, batch)
            except TransientFailure as error:
                refused += (ItemRefusal(index, "", str(error)) for index in batch)
        return to_offer_again("put events", self._bus, refused, grant="events:PutEvents")

    def _put(self, events: Sequence[BusEvent], batch: range) -> list[ItemRefusal]:
        entries = [
            {"Source": SOURCE, "DetailType": event.kind, "Detail": event.detail, "EventBusName": self._bus}
            for event in events[batch.start : batch.stop]
        ]
        with reaching("put events", self._bus):
            answer = self._client.put_events(Entries=entries)
        if not answer["FailedEntryCount"]:
            return []
        return [
            ItemRefusal(index, code, entry.get("ErrorMessage", ""), is_final=True)
            for index, entry in zip(batch, answer["Entries"], strict=True)
            if (code := entry.get("ErrorCode"))
        ]


def size_of(event: BusEvent) -> int:
    """The bytes that EventBridge counts of an entry."""
    return _TIME + len(SOURCE) + len(event.kind.encode()) + len(event.detail.encode())


def batches(events: Sequence[BusEvent]) -> Iterator[range]:
    """Ranges of events that one call takes, in order; an event that is too large for any stands alone."""
    start = size = 0
    for index, event in enumerate(events):
        if index > start and (index - start == AT_ONCE or size + size_of(event) > BYTES):
            yield range(start, index)
            start, size = index, 0
        size += size_of(event)
    if events:
        yield range(start, len(events))
