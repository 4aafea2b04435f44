"""Live answers that made no sense, kept for the auditor: what a source says of the same slots then is no proof yet.

``audit/broken/dataset=<dataset>/<day>/<slot>-<16 hex digits>.json``, written by the pull function where an answer of
a slot is nonsense. The name is made of the content, so that a message which comes twice leaves one note.
"""

from __future__ import annotations

import hashlib
import json
import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from core.audit.history import Ranges
from core.json import UNREADABLE, canonical_json
from core.ports import ObjectReader, ObjectWriter
from core.time import epoch, iso

ROOT = "audit/broken/"
MOST_NAMED = 10_000
EVERYBODY = ""  # as an entity
_DAY = 86_400  # seconds
_TIME = re.compile(r"/([01]\d|2[0-3])([0-5]\d)([0-5]\d)-[^/]*$")


@dataclass(frozen=True, slots=True)
class BrokenAnswers:
    """The entities whose live answers of a slot (epoch seconds) made no sense; ``detail`` is of the first of them."""

    dataset: str
    slot: int
    entities: tuple[str, ...]
    detail: str

    @property
    def key(self) -> str:
        """The key under which the note lies."""
        at = iso(self.slot)
        digest = hashlib.sha256(self.to_json()).hexdigest()[:16]
        return f"{ROOT}dataset={self.dataset}/{at[:10]}/{at[11:19].replace(':', '')}-{digest}.json"

    def to_json(self) -> bytes:
        """The note's object."""
        return canonical_json(
            {
                "dataset": self.dataset,
                "slot": iso(self.slot),
                "entities": list(self.entities[:MOST_NAMED]),
                "detail": self.detail,
            }
        )


def keep_broken(store: ObjectWriter, notes: Iterable[BrokenAnswers]) -> None:
    """Keep the notes; one that is kept already stays."""
    for note in notes:
        store.write(note.key, note.to_json(), if_absent=True, content_type="application/json")


def read_broken(
    store: ObjectReader, dataset: str, ranges: Iterable[tuple[int, int]], *, workers: int
) -> Mapping[str, frozenset[int]]:
    """The slots of these ranges whose live answer was broken, by entity; so many ``workers`` read at once.

    A symbol that was delisted leaves a note a minute, of which each costs a call: no other slot's are read.
    ``EVERYBODY`` has those of notes that cannot be read any more: which entities they were about nobody knows.
    """
    slots: dict[str, set[int]] = {}
    for entities, slot in _notes(store, dataset, _merged(ranges), workers):
        for entity in entities:
            slots.setdefault(entity, set()).add(slot)
    return {entity: frozenset(of_entity) for entity, of_entity in slots.items()}


def _notes(store: ObjectReader, dataset: str, ranges: Ranges, workers: int) -> Iterator[tuple[list[str], int]]:
    days = sorted({iso(second)[:10] for start, end in ranges for second in (*range(start, end, _DAY), end - 1)})
    starts = [start for start, _ in ranges]

    def is_asked_for(slot: int) -> bool:
        place = bisect_right(starts, slot) - 1
        return place >= 0 and slot < ranges[place][1]

    def named(day: str) -> list[tuple[str, int]]:
        listed = store.list(f"{ROOT}dataset={dataset}/{day}/")
        times = [(info.key, _TIME.search(info.key)) for info in listed]
        slots = [(key, epoch(f"{day}T{time[1]}:{time[2]}:{time[3]}Z")) for key, time in times if time]
        return [(key, slot) for key, slot in slots if is_asked_for(slot)]

    def read(note: tuple[str, int]) -> tuple[list[str], int] | None:
        key, slot = note
        if (stored := store.read(key)) is None:
            return None
        try:
            content = json.loads(stored.body)
            return [str(entity) for entity in content["entities"]], epoch(content["slot"])
        except UNREADABLE:
            return [EVERYBODY], slot

    with ThreadPoolExecutor(workers) as pool:
        notes = [note for of_day in pool.map(named, days) for note in of_day]
        yield from (note for note in pool.map(read, notes) if note is not None)


def _merged(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """The ranges in order, those that touch or overlap as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return tuple(merged)
