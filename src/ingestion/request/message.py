"""The message from the schedule to the pull: which entities of a feed are due, and since when."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from core.time import epoch, iso


@dataclass(frozen=True, slots=True)
class PointsDue:
    """Points of ``entities`` are expected for the slot that starts at ``slot`` (epoch seconds)."""

    dataset: str
    slot: int
    entities: tuple[str, ...]

    def to_data(self) -> dict[str, object]:
        return {"dataset": self.dataset, "time": iso(self.slot), "entities": list(self.entities)}


def read_points_due(body: str) -> PointsDue:
    """Raises ``ValueError`` where the text is no such message."""
    data: Any = json.loads(body)
    if not isinstance(data, Mapping):
        raise ValueError("no JSON object")
    try:
        entities = data["entities"]
        if not isinstance(entities, list) or not all(isinstance(entity, str) and entity for entity in entities):
            raise ValueError("entities are no list of names")
        return PointsDue(str(data["dataset"]), epoch(str(data["time"])), tuple(entities))
    except KeyError as error:
        raise ValueError(f"no {error}") from None
