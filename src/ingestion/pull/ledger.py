"""Ledgers of turns at a provider: of this process alone, or an object that all who call it change."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from core.change import change_object
from core.feeds.turns import ROOT, Turns
from core.json import UNREADABLE
from core.ports import ObjectStore


class Ledger(Protocol):
    """The turns of one account."""

    def change(self, change: Callable[[Turns], Turns]) -> Turns:
        """Apply a change, which must have no effects, to the newest turns. Raises ``StarmendError``."""
        ...


@dataclass
class OwnLedger:
    """Of this process alone, for all of its threads."""

    turns: Turns = field(default_factory=Turns)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def change(self, change: Callable[[Turns], Turns]) -> Turns:
        """As in the protocol; never raises."""
        with self._lock:
            self.turns = change(self.turns)
            return self.turns


@dataclass(frozen=True)
class SharedLedger:
    """Of every process that calls with this account. An object that cannot be read counts as an empty one."""

    store: ObjectStore
    account: str

    def change(self, change: Callable[[Turns], Turns]) -> Turns:
        """As in the protocol; raises what the store raises, and ``TransientFailure`` where others are always faster."""
        return change_object(
            self.store,
            f"{ROOT}{self.account}.json",
            change,
            read=_turns_of,
            write=Turns.to_json,
            operation="take turns at a provider",
            remedy="The calls go on by this process's own count",
        )


def _turns_of(body: bytes | None) -> Turns:
    try:
        return Turns.from_json(body) if body is not None else Turns()
    except UNREADABLE:
        return Turns()
