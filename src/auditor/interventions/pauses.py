"""Pauses of datasets: since when, until when, by whom and why.

``audit/pauses/<dataset>.json``, changed on condition that nobody else has. While a pause stands, no audit looks at
windows of a feed that had not settled when it began: they are owed by nobody meanwhile. When it ends, the audit goes on
where it stopped, so that all that the pause left out is found missing and fetched.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
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

    ``schedules`` are those that it switched off. ``settled``: it is over, and they are on again, or those that the
    deployment wants on by then.
    """

    since: int
    by: str
    reason: str = ""
    until: int | None = None
    schedules: tuple[str, ...] = ()
    settled: bool = False

    def __str__(self) -> str:
        """``paused since 2026-11-20T15:00:00Z by admin: maintenance``."""
        reason = f": {self.reason}" if self.reason else ""
        return f"paused since {iso(self.since)} by {self.by}{reason}"

    def to_data(self) -> dict[str, Any]:
        """JSON-ready."""
        until = iso(self.until) if self.until is not None else None
        data = {"since": iso(self.since), "until": until, "by": self.by, "reason": self.reason}
        return data | {"schedules": list(self.schedules), "settled": self.settled}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Pause:
        """Read what ``to_data`` gave; earlier releases ended a pause when its schedules were on again."""
        until = epoch(data["until"]) if data.get("until") else None
        schedules = tuple(data.get("schedules", ()))
        settled = bool(data.get("settled", until is not None))
        return cls(epoch(data["since"]), data["by"], data.get("reason", ""), until, schedules, settled)


@dataclass(frozen=True, slots=True)
class Pauses:
    """The pauses of a dataset, the oldest first."""

    pauses: tuple[Pause, ...] = ()

    @property
    def standing(self) -> Pause | None:
        """The pause that stands; None where there is none."""
        return self.pauses[-1] if self.pauses and self.pauses[-1].until is None else None

    @property
    def schedules(self) -> tuple[str, ...]:
        """The schedules that the last pause switched off."""
        return self.pauses[-1].schedules if self.pauses else ()

    @property
    def is_settled(self) -> bool:
        """Whether no pause stands, nor waits for its schedules to be switched on again."""
        return not self.pauses or self.pauses[-1].settled

    @property
    def unresumed(self) -> str:
        """That a resume came to no end, in words: the last pause is over, its schedules may be off; empty: it did."""
        if self.standing or self.is_settled:
            return ""
        last = self.pauses[-1]
        names = f" ({', '.join(last.schedules)})" if last.schedules else ""
        return f"resumed at {iso(last.until or last.since)}, but not to the end: its schedules{names} may still be off"

    def paused(self, now: int, *, by: str, reason: str) -> Pauses:
        """The same with a pause from now on; where one stands, nothing changes.

        It takes over the schedules of one that has ended and is not settled: they are off on behalf of that.
        """
        if self.standing:
            return self
        schedules = () if self.is_settled else self.schedules
        return Pauses((*self.pauses, Pause(now, by, reason, schedules=schedules))[-MOST_KEPT:])

    def naming(self, schedules: Iterable[str]) -> Pauses:
        """The same where the pause that stands, if any does, has switched these off too."""
        last = self.standing
        names = tuple(sorted({*self.schedules, *schedules}))
        return Pauses((*self.pauses[:-1], replace(last, schedules=names))) if last else self

    def settled(self) -> Pauses:
        """The same where the schedules of the last pause are on again, if it has ended."""
        if not self.pauses or self.standing:
            return self
        return Pauses((*self.pauses[:-1], replace(self.pauses[-1], settled=True)))

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
