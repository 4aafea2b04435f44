"""Pauses of datasets: since when, until when, by whom and why.

``audit/pauses/<dataset>.json``, changed on condition that nobody else has. While a pause stands, no audit looks at
windows of a feed that had not settled when it began: they are owed by nobody meanwhile. When it ends, the audit goes on
where it stopped, so that all that the pause left out is found missing and fetched.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from core.change import Remembered
from core.json import canonical_json
from core.ports import ObjectReader
from core.time import epoch, iso

ROOT = "audit/pauses/"
MOST_KEPT = 50  # of a dataset, the newest


@dataclass(frozen=True, slots=True)
class Pause:
    """One pause: ``[since, until)`` in epoch seconds; without ``until`` it stands. ``by`` is an identity of AWS.

    ``schedules`` are those that it switched off: those that were off before stay off when it ends.
    """

    since: int
    by: str
    reason: str = ""
    until: int | None = None
    schedules: tuple[str, ...] = ()

    def __str__(self) -> str:
        """``paused since 2026-11-20T15:00:00Z by admin: maintenance``."""
        reason = f": {self.reason}" if self.reason else ""
        return f"paused since {iso(self.since)} by {self.by}{reason}"

    def to_data(self) -> dict[str, Any]:
        """JSON-ready."""
        until = iso(self.until) if self.until is not None else None
        schedules = list(self.schedules)
        return {"since": iso(self.since), "until": until, "by": self.by, "reason": self.reason, "schedules": schedules}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Pause:
        """Read what ``to_data`` gave."""
        until = epoch(data["until"]) if data.get("until") else None
        schedules = tuple(data.get("schedules", ()))
        return cls(epoch(data["since"]), data["by"], data.get("reason", ""), until, schedules)


@dataclass(frozen=True, slots=True)
class Pauses:
    """The pauses of a dataset, the oldest first."""

    pauses: tuple[Pause, ...] = ()

    @property
    def standing(self) -> Pause | None:
        """The pause that stands; None where there is none."""
        return self.pauses[-1] if self.pauses and self.pauses[-1].until is None else None

    def paused(self, now: int, *, by: str, reason: str) -> Pauses:
        """The same with a pause from now on; where one stands, nothing changes."""
        return self if self.standing else Pauses((*self.pauses, Pause(now, by, reason))[-MOST_KEPT:])

    def resumed(self, now: int) -> Pauses:
        """The same with no pause from now on."""
        last = self.standing
        return Pauses((*self.pauses[:-1], replace(last, until=max(now, last.since)))) if last else self

    def to_json(self) -> bytes:
        """The canonical bytes."""
        return canonical_json({"pauses": [pause.to_data() for pause in self.pauses]})

    @classmethod
    def from_json(cls, body: bytes) -> Pauses:
        """Read what ``to_json`` gave."""
        return cls(tuple(Pause.from_data(pause) for pause in json.loads(body)["pauses"]))


def paused_datasets(records: ObjectReader) -> list[str]:
    """The datasets whose pause stands, in order. Raises ``TransientFailure`` where the store does not answer."""
    keys = [info.key for info in records.list(ROOT)]
    names = [key.removeprefix(ROOT).removesuffix(".json") for key in keys]
    return sorted(name for name in names if read_pauses(records, name).standing)


_PAUSES = Remembered(Pauses, ROOT, "pauses")
pauses_key, read_pauses, change_pauses = _PAUSES.key, _PAUSES.read, _PAUSES.change
