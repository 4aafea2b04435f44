"""Places of a dataset's queues, from one scheduled audit to the next: ``audit/queues/<dataset>.json``.

A memory, not the truth: lost, the queues begin at their beginning, and what waits has waited since the next audit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from auditor.repairs.turns.queues import Place, Places, is_step
from auditor.run_files import find_run_file, write_run_file
from core.change import Remembered
from core.json import canonical_json
from core.ports import ObjectReader, ObjectStore

ROOT = "audit/queues/"
RUN_FILE = "queues"


@dataclass(frozen=True, slots=True)
class RememberedPlaces:
    """The places of the queues of which something waits, by the queue's name."""

    places: Places = field(default_factory=dict)

    def to_json(self) -> bytes:
        return canonical_json(_to_data(self.places))

    @classmethod
    def from_json(cls, body: bytes) -> RememberedPlaces:
        return cls(_from_data(json.loads(body)))


_PLACES = Remembered(RememberedPlaces, ROOT, "queues")
places_key, read_places, change_places = _PLACES.key, _PLACES.read, _PLACES.change


def keep_places(store: ObjectStore, run: str, attempt: int, places: Places) -> None:
    """Keep in the run where the queues are once the jobs of an attempt are done, where something waits then."""
    if places:
        write_run_file(store, run, f"{RUN_FILE}-{attempt}", _to_data(places))


def kept_places(store: ObjectReader, run: str, attempt: int) -> Places | None:
    """The places that an attempt's plan kept; None where it left nothing waiting, or was not made."""
    kept = find_run_file(store, run, f"{RUN_FILE}-{attempt}")
    return None if kept is None else _from_data(kept)


def places_within(remembered: Places, before: Places | None) -> Places:
    """The places for a run's next attempt: queues begin where the run did, and who shares goes on with the others.

    ``before`` are those of the attempt before it. What of a queue that one had a turn for is known by its jobs.
    """
    return {**remembered, **{name: place for name, place in (before or {}).items() if is_step(name)}}


def _to_data(places: Places) -> dict[str, Any]:
    return {name: [list(place.after), list(place.until), place.since] for name, place in places.items()}


def _from_data(data: Mapping[str, Any]) -> dict[str, Place]:
    return {name: Place(tuple(after), tuple(until), since) for name, (after, until, since) in data.items()}
