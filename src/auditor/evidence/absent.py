"""Absences: what a source has proven not to have, with the evidence. Asked again from when they expire on.

A fresh absence is asked again within hours, and each time it is as old again: a point of this hour may still come,
one of last year hardly. It is believed until the source has the point after all; only those of earlier releases,
which one answer was enough for (``proof`` empty), are not believed any more when they have expired.

``audit/absent/dataset=<dataset>/<day>/<entity>-<16 hex digits>.json``; the name is made of the content, so that keeping
it again changes nothing, and none is ever changed. Ranges are half-open, epoch seconds in memory, ISO 8601 in JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import takewhile, zip_longest
from typing import Any, Protocol, TypeVar

from auditor.windows import DAY, HOUR, Window
from core.audit.certificate import hash_of
from core.audit.history import Evidence, Ranges
from core.json import UNREADABLE, canonical_json
from core.ports import Log, ObjectReader, ObjectWriter
from core.time import epoch, iso
from core.typed import typed

ROOT = "audit/absent/"
SOONEST, LATEST = 6 * HOUR, 365 * DAY  # until an absence is asked for again
NEAR = 7  # days that are no further apart are listed together
Kept = TypeVar("Kept")
_SAFE = re.compile(r"[^A-Za-z0-9._-]")


@dataclass(frozen=True, slots=True)
class Absence:
    """One entity, ranges of one day (UTC), and what proves it. ``key`` is where it lies.

    ``proof``: ``whole`` (an answer that said so for itself) or ``agreed`` (two answers of two audits).
    """

    dataset: str
    entity: str
    ranges: Ranges
    found_at: int
    expires_at: int
    evidence: tuple[Evidence, ...]
    proof: str = ""

    @property
    def key(self) -> str:
        return f"{self.name}-{hash_of(self.to_json())[:16]}.json"

    @property
    def name(self) -> str:
        """The beginning of its key, before the hash of what it says."""
        return f"{prefix(self.dataset, iso(self.ranges[0][0])[:10])}{safe_name(self.entity)}"

    def is_believed(self, now: int) -> bool:
        """Whether it counts as proven at that time."""
        return bool(self.proof) or self.expires_at > now

    def to_json(self) -> bytes:
        return canonical_json(
            {
                **place_to_data(self.dataset, self.entity, self.ranges, self.found_at, self.evidence),
                "expires_at": iso(self.expires_at),
                **({"proof": self.proof} if self.proof else {}),
            }
        )

    @classmethod
    def from_json(cls, body: bytes) -> Absence:
        data = json.loads(body)
        return typed(cls(**place_from_data(data), expires_at=epoch(data["expires_at"]), proof=data.get("proof", "")))


def place_to_data(
    dataset: str, entity: str, ranges: Ranges, found_at: int, evidence: Iterable[Evidence]
) -> dict[str, Any]:
    """What all answers about an entity's points have in common, JSON-ready."""
    return {
        "dataset": dataset,
        "entity": entity,
        "ranges": [[iso(start), iso(end)] for start, end in ranges],
        "found_at": iso(found_at),
        "evidence": [answer.to_data() for answer in evidence],
    }


def place_from_data(data: Mapping[str, Any]) -> dict[str, Any]:
    """Read what ``place_to_data`` gave."""
    return {
        "dataset": data["dataset"],
        "entity": data["entity"],
        "ranges": tuple((epoch(start), epoch(end)) for start, end in data["ranges"]),
        "found_at": epoch(data["found_at"]),
        "evidence": tuple(map(Evidence.from_data, data["evidence"])),
    }


def safe_name(entity: str) -> str:
    """The entity's name as part of a key."""
    return _SAFE.sub("_", entity)


def split_by_day(ranges: Ranges) -> Iterator[Ranges]:
    """The ranges of each day (UTC), in order."""
    by_day: dict[int, list[tuple[int, int]]] = {}
    for start, end in ranges:
        while start < end:
            stop = min(end, (start // DAY + 1) * DAY)
            by_day.setdefault(start // DAY, []).append((start, stop))
            start = stop
    for _, of_day in sorted(by_day.items()):
        yield tuple(sorted(of_day))


def prefix(dataset: str, day: str) -> str:
    """The folder of a day's absences."""
    return f"{ROOT}dataset={dataset}/{day}/"


def absences_of(
    dataset: str, entity: str, ranges: Ranges, evidence: Sequence[Evidence], *, found_at: int, proof: str
) -> Iterator[Absence]:
    """Absences of one entity, one per day; they expire when their points are twice as old as when they were found."""
    for of_day in split_by_day(ranges):
        age = min(max(found_at - of_day[-1][1], SOONEST), LATEST)
        yield Absence(dataset, entity, of_day, found_at, found_at + age, tuple(evidence), proof)


class Evident(Protocol):
    """Something that lies under a key which its content makes."""

    @property
    def key(self) -> str: ...

    def to_json(self) -> bytes: ...


def keep(store: ObjectWriter, evidence: Iterable[Evident], *, workers: int = 1) -> int:
    """Store absences or claims; those that are there stay as they are. Returns how many were given."""

    def write(each: Evident) -> object:
        return store.write(each.key, each.to_json(), if_absent=True, content_type="application/json")

    with ThreadPoolExecutor(workers) as pool:
        return sum(1 for _ in pool.map(write, evidence))


def kept_absence(store: ObjectReader, key: str) -> Absence | None:
    """The absence of this key; None where it is missing, or is not what its key says."""
    stored = store.read(key)
    try:
        absence = Absence.from_json(stored.body) if stored else None
        named = absence and f"{absence.name}-{hash_of(stored.body)[:16]}.json" if stored else None
        return absence if named == key else None
    except UNREADABLE:
        return None


def read_absences(
    store: ObjectReader, dataset: str, windows: Iterable[Window], *, workers: int = 8, log: Log | None = None
) -> list[Absence]:
    """All absences that are kept for the windows' days, expired ones too, in order of key.

    One that cannot be read proves nothing: it is named to the ``log``, and its neighbours count.
    """
    folder = f"{ROOT}dataset={dataset}/"
    return list(read_days(store, folder, windows, Absence.from_json, workers=workers, log=log))


def read_days(
    store: ObjectReader,
    folder: str,
    windows: Iterable[Window],
    read: Callable[[bytes], Kept],
    *,
    workers: int,
    log: Log | None,
) -> Iterator[Kept]:
    """What lies in the windows' days, which are folders of a folder, in order of key; not what cannot be read.

    Days that lie near each other are one listing: little lies in each, and most often nothing.
    """
    wanted = sorted({day for window in windows for day in range(window.start // DAY, -(-window.end // DAY))})
    days = {f"{folder}{iso(day * DAY)[:10]}" for day in wanted}
    with ThreadPoolExecutor(workers) as pool:
        listed = pool.map(lambda span: list(_keys_between(store, folder, *span)), _spans(wanted))
        keys = [key for of_span in listed for key in of_span if key.rpartition("/")[0] in days]
        for key, stored in zip(keys, pool.map(store.read, keys), strict=True):
            try:
                if stored:
                    yield read(stored.body)
            except UNREADABLE as error:
                if log is not None:
                    log.warning("evidence cannot be read, and proves nothing", object=key, reason=repr(error))


def _spans(days: Sequence[int]) -> Iterator[tuple[int, int]]:
    """The first and the last of days that lie near each other."""
    first = None
    for day, following in zip_longest(days, days[1:]):
        first = day if first is None else first
        if following is None or following - day > NEAR:
            yield first, day
            first = None


def _keys_between(store: ObjectReader, folder: str, first: int, last: int) -> Iterator[str]:
    """The keys in a folder's days from the first to the last."""
    begin, end = (f"{folder}{iso(day * DAY)[:10]}" for day in (first, last + 1))
    return takewhile(lambda key: key < end, (info.key for info in store.list(folder, after=begin)))
