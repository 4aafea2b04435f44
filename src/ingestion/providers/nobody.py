"""The history of a feed that has none: whatever was missed stays missing, and the auditor says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from core.audit.history import Evidence
from core.errors import BadContract
from ingestion.providers.answers import Answer, NotEntitled, always

_WORD = Evidence("", 0, "the contract names no history", "")


class Nobody:
    """Nobody who could be asked."""

    def live(self, entity: str) -> Answer:
        raise BadContract("ask for a point", entity, "the contract names no provider", "Name one, or leave it out")

    def live_all(self, entities: Sequence[str], *, turn: Callable[[], bool] = always) -> Mapping[str, Answer]:  # noqa: ARG002
        return {entity: self.live(entity) for entity in entities}

    def history(self, entity: str, start: datetime, end: datetime, *, turn: Callable[[], bool] = always) -> Answer:  # noqa: ARG002
        return NotEntitled("resource", _WORD)
