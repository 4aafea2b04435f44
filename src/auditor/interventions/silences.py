"""Silences of alarms: which cause of a dataset, until when, by whom and why.

``audit/silences/<dataset>/<cause>.json``. While a silence holds, neither mail nor event tells of the cause, and the
points that it leaves missing do not count for the alarm on them; status and lists say so. A cause that is still open
when its silence ends is told of by the next audit. An *acknowledgement* is a silence that ends when the cause is over.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from core.json import UNREADABLE, canonical_json
from core.ports import ObjectReader, ObjectWriter
from core.time import epoch, iso

ROOT = "audit/silences/"


@dataclass(frozen=True, slots=True)
class Silence:
    """A silence; instants are ISO 8601. Without ``until`` it holds until the cause is over. ``ended``: it is over."""

    dataset: str
    cause: str
    since: str
    by: str
    until: str = ""
    reason: str = ""
    ended: str = ""

    @property
    def key(self) -> str:
        """The key under which it lies, in place of an earlier one of the same cause."""
        return f"{ROOT}{self.dataset}/{self.cause}.json"

    def holds(self, now: int) -> bool:
        """Whether it holds at that time (epoch seconds)."""
        return not self.ended and (not self.until or now < epoch(self.until))

    def __str__(self) -> str:
        """``silenced until 2026-11-20T18:00:00Z by admin: known``."""
        reason = f": {self.reason}" if self.reason else ""
        held = f"silenced until {self.until}" if self.until else "acknowledged, silent until it is over,"
        return f"{held} by {self.by}{reason}"

    def to_data(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Silence:
        """Read what ``to_data`` gave; what a later release added is passed over."""
        return cls(**{name: data[name] for name in cls.__slots__ if name in data})


def read_silences(records: ObjectReader, dataset: str, *, now: int) -> dict[str, Silence]:
    """The silences of a dataset that hold, by cause."""
    return {silence.cause: silence for silence in _silences(records, dataset) if silence.holds(now)}


def write_silence(records: ObjectWriter, silence: Silence) -> None:
    """Keep the silence, in place of an earlier one."""
    records.write(silence.key, canonical_json(silence.to_data()), content_type="application/json")


def end_silence(records: ObjectWriter, silence: Silence, *, now: int) -> Silence:
    """End it now; what it was stays to be read."""
    ended = replace(silence, ended=iso(now))
    write_silence(records, ended)
    return ended


def _silences(records: ObjectReader, dataset: str) -> Iterator[Silence]:
    for info in records.list(f"{ROOT}{dataset}/"):
        stored = records.read(info.key)
        try:
            silence = Silence.from_data(json.loads(stored.body)) if stored else None
            is_known = silence is not None and all(isinstance(text, str) for text in silence.to_data().values())
            if silence and is_known:
                silence.holds(0)  # raises where its end is no instant
                yield silence
        except UNREADABLE:
            continue  # an object that says nothing silences nothing
