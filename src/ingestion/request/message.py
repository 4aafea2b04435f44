"""The message from the request function to the pull function: a slot, and the entities whose points are due."""

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
        """JSON-ready."""
        return {"dataset": self.dataset, "time": iso(self.slot), "entities": list(self.entities)}


def read_points_due(body: str) -> PointsDue:
    """The message of a queue's body. Raises ``ValueError`` where the text is none."""
    try:
        data: Any = json.loads(body)
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    if not isinstance(data, Mapping):
        raise ValueError("no JSON object")
    try:
        entities = data["entities"]
        if not isinstance(entities, list) or not all(isinstance(entity, str) and entity for entity in entities):
            raise ValueError("entities are no list of names")
        return PointsDue(str(data["dataset"]), epoch(str(data["time"])), tuple(entities))
    except KeyError as error:
        raise ValueError(f"no {error}") from None
