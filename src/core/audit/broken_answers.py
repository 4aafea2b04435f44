"""Live answers that made no sense, kept for the auditor: what a source says of the same slots then is no proof yet.

``audit/broken/dataset=<dataset>/<day>/<slot>-<16 hex digits>.json``, written by the pull function where an answer of
a slot is nonsense. The name is made of the content, so that a message which comes twice leaves one note.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from core.json import UNREADABLE, canonical_json
from core.ports import ObjectReader, ObjectWriter
from core.time import epoch, iso

ROOT = "audit/broken/"
MOST_NAMED = 10_000
EVERYBODY = ""  # as an entity
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


def read_broken(store: ObjectReader, dataset: str, days: Sequence[str]) -> Mapping[str, frozenset[int]]:
    """The slots of these days (ISO) whose live answer was broken, by entity.

    ``EVERYBODY`` has those of notes that cannot be read any more: which entities they were about nobody knows.
    """
    slots: dict[str, set[int]] = {}
    for entities, slot in _notes(store, dataset, days):
        for entity in entities:
            slots.setdefault(entity, set()).add(slot)
    return {entity: frozenset(of_entity) for entity, of_entity in slots.items()}


def _notes(store: ObjectReader, dataset: str, days: Sequence[str]) -> Iterator[tuple[list[str], int]]:
    for day in days:
        for info in store.list(f"{ROOT}dataset={dataset}/{day}/"):
            stored = store.read(info.key)
            try:
                note = json.loads(stored.body) if stored else None
                if note is not None:
                    yield [str(entity) for entity in note["entities"]], epoch(note["slot"])
            except UNREADABLE:
                if time := _TIME.search(info.key):
                    yield [EVERYBODY], epoch(f"{day}T{time[1]}:{time[2]}:{time[3]}Z")
