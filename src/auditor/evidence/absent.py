"""Absences: what a source has proven not to have, with the evidence. Believed until they expire, then asked again.

``audit/absent/dataset=<dataset>/<day>/<entity>-<16 hex digits>.json``; the name is made of the content, so that keeping
it again changes nothing, and none is ever changed. Ranges are half-open, epoch seconds in memory, ISO 8601 in JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from auditor.windows import DAY, Window
from core.audit.certificate import hash_of
from core.audit.history import Evidence, Ranges
from core.json import canonical_json
from core.ports import ObjectReader, ObjectWriter
from core.time import epoch, iso

ROOT = "audit/absent/"
FRESH = 30 * DAY  # points younger than this when they were asked for may still come
BELIEVED_FRESH, BELIEVED_OLD = 7 * DAY, 365 * DAY
_SAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class Absence:
    """One entity, ranges of one day (UTC), and what proves it. ``key`` is where it lies."""

    dataset: str
    entity: str
    ranges: Ranges
    found_at: int
    expires_at: int
    evidence: tuple[Evidence, ...]

    @property
    def key(self) -> str:
        day = iso(self.ranges[0][0])[:10]
        name = f"{_SAFE.sub('_', self.entity)}-{hash_of(self.to_json())[:16]}"
        return f"{prefix(self.dataset, day)}{name}.json"

    def to_json(self) -> bytes:
        return canonical_json(
            {
                "dataset": self.dataset,
                "entity": self.entity,
                "ranges": [[iso(start), iso(end)] for start, end in self.ranges],
                "found_at": iso(self.found_at),
                "expires_at": iso(self.expires_at),
                "evidence": [answer.to_data() for answer in self.evidence],
            }
        )

    @classmethod
    def from_json(cls, body: bytes) -> Absence:
        data = json.loads(body)
        return cls(
            dataset=data["dataset"],
            entity=data["entity"],
            ranges=tuple((epoch(start), epoch(end)) for start, end in data["ranges"]),
            found_at=epoch(data["found_at"]),
            expires_at=epoch(data["expires_at"]),
            evidence=tuple(Evidence(**answer) for answer in data["evidence"]),
        )


def prefix(dataset: str, day: str) -> str:
    """The folder of a day's absences."""
    return f"{ROOT}dataset={dataset}/{day}/"


def absences_of(
    dataset: str, entity: str, ranges: Ranges, evidence: Sequence[Evidence], *, found_at: int
) -> Iterator[Absence]:
    """Absences of one entity, one per day. Fresh when it was asked for, one is believed for a week; old, for a year."""
    by_day: dict[int, list[tuple[int, int]]] = {}
    for start, end in ranges:
        while start < end:
            stop = min(end, (start // DAY + 1) * DAY)
            by_day.setdefault(start // DAY, []).append((start, stop))
            start = stop
    for day, of_day in sorted(by_day.items()):
        believed = BELIEVED_FRESH if found_at - day * DAY < FRESH else BELIEVED_OLD
        yield Absence(dataset, entity, tuple(sorted(of_day)), found_at, found_at + believed, tuple(evidence))


def keep(store: ObjectWriter, absences: Iterable[Absence]) -> int:
    """Store them; those that are there stay as they are. Returns how many were given."""
    count = 0
    for absence in absences:
        store.write(absence.key, absence.to_json(), if_absent=True, content_type="application/json")
        count += 1
    return count


def read_absences(store: ObjectReader, dataset: str, windows: Iterable[Window], *, workers: int = 8) -> list[Absence]:
    """All absences that are kept for the windows' days, expired ones too, in order of key."""
    days = sorted({iso(start)[:10] for window in windows for start in range(window.start, window.end, DAY)})
    with ThreadPoolExecutor(workers) as pool:
        listed = pool.map(lambda day: [info.key for info in store.list(prefix(dataset, day))], days)
        bodies = pool.map(store.read, [key for keys in listed for key in keys])
        return [Absence.from_json(stored.body) for stored in bodies if stored]
