"""Clients of one feed, built once per container."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from core.contract.model import Contract, Entity, Feed, TradingCalendar
from core.ports import Log, Metrics, ObjectWriter, Stream
from ingestion.providers.build import Source
from ingestion.pull.ask import CONCURRENT_CALLS
from ingestion.pull.pace import Pace
from ingestion.pull.suspects import Suspects


@dataclass(frozen=True, slots=True)
class FeedClient:
    """One feed with its providers, their pace, and its stream; ``notes`` tell the auditor of broken answers.

    Live, so many calls go ``at_once``.
    """

    contract: Contract
    feed: Feed
    calendar: TradingCalendar
    live: Source
    history: Source
    live_pace: Pace
    history_pace: Pace
    stream: Stream
    metrics: Metrics
    log: Log
    notes: Callable[[], ObjectWriter] | None = None
    at_once: int = CONCURRENT_CALLS
    suspects: Suspects = field(default_factory=Suspects)

    @property
    def dataset(self) -> str:
        """The feed's dataset."""
        return self.contract.dataset

    def entities(self) -> Mapping[str, Entity]:
        """The feed's entities by name."""
        return {entity.name: entity for entity in self.feed.entities}

    def forget_refusals(self) -> None:
        """Let each batch read a refused secret once again, for it may have been filled or rotated since."""
        for source in (self.live, self.history):
            if source.credential:
                source.credential.forget()
