"""A bus of events in memory, with a say in what it takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from typing import Any

from core.errors import OutOfReach
from core.ports import BusEvent


class MemoryEventBus:
    """``core.ports.EventBus``. ``events`` are those that were taken, in order.

    ``refuses`` names the indexes of a call's events that are not; ``broken``: so many calls from now on fail.
    """

    def __init__(self, refuses: Callable[[int, int], Collection[int]] = lambda _call, _count: ()) -> None:
        self.events: list[BusEvent] = []
        self.calls: list[int] = []
        self.refuses = refuses
        self.broken = 0

    def put(self, events: Sequence[BusEvent]) -> Sequence[int]:
        number = len(self.calls)
        self.calls.append(len(events))
        if self.broken:
            self.broken -= 1
            raise OutOfReach("put events", "memory", "no answer")
        refused = sorted(self.refuses(number, len(events)))
        self.events += [event for index, event in enumerate(events) if index not in refused]
        return refused

    def details(self, kind: str = "") -> list[dict[str, Any]]:
        """What was said, of one type of event or of all."""
        return [json.loads(event.detail) for event in self.events if kind in ("", event.kind)]
