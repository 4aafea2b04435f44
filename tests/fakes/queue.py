"""A queue in memory, with a say in what it takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence


class MemoryQueue:
    """``core.ports.Queue``. ``messages`` are the bodies that were taken, in order."""

    def __init__(self, refuses: Callable[[int, int], Collection[int]] = lambda _call, _count: ()) -> None:
        self.messages: list[str] = []
        self.calls: list[int] = []
        self.refuses = refuses

    def send(self, messages: Sequence[Mapping[str, object]]) -> Sequence[int]:
        number = len(self.calls)
        self.calls.append(len(messages))
        refused = sorted(self.refuses(number, len(messages)))
        self.messages += [json.dumps(message) for index, message in enumerate(messages) if index not in refused]
        return refused

    def take(self) -> list[str]:
        """What lies there, and empty it."""
        taken, self.messages = self.messages, []
        return taken
