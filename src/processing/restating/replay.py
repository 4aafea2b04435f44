"""Replays of ingest objects: by name, by prefix, or because lines of theirs lie in quarantine.

A replay is harmless. Rows in the warehouse stay as they are; rows that a corrected contract now accepts come in; the
receipt and the quarantined lines are replaced.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.landing.zone import QUARANTINE, RECEIPTS, landing_of
from core.ports import ObjectReader
from processing.events import ObjectEvent
from processing.process import process_objects
from processing.records.quarantine import read_quarantine
from processing.records.receipts import read_receipt, read_receipts
from processing.services import Services

AT_ONCE = 32  # objects between two signs of progress


@dataclass(frozen=True, slots=True)
class Replayed:
    """Objects that were processed again, and those of them that failed (key -> error)."""

    keys: tuple[str, ...]
    errors: Mapping[str, Exception]


@dataclass
class Replays:
    """Counts of the objects that were processed again, by their receipts' outcomes; ``errors`` by key."""

    objects: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    rows: int = 0
    rejected: int = 0
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def is_fine(self) -> bool:
        """Whether all of them are in the warehouse, with every line."""
        return not (self.errors or self.rejected or self.outcomes["halted"])

    def as_row(self) -> dict[str, int]:
        """The counts by the names that people and outcomes have for them."""
        return {
            "objects": self.objects,
            **{name: self.outcomes[name] for name in ("committed", "unchanged", "halted")},
            "failed": len(self.errors),
            "rows": self.rows,
            "rejected_lines": self.rejected,
        }

    def add(self, services: Services, batch: Replayed) -> None:
        """Count a batch, by the receipts that it left."""
        self.objects += len(batch.keys)
        self.errors |= {key: str(error) for key, error in batch.errors.items()}
        for key in batch.keys:
            landing = landing_of(key)
            if landing is None or key in self.errors:
                continue
            if receipt := read_receipt(services.records, landing):
                self._count(receipt)

    def _count(self, receipt: Mapping[str, Any]) -> None:
        self.outcomes[receipt["outcome"]] += 1
        self.rows += receipt.get("rows_out") or 0
        self.rejected += receipt.get("rejected") or 0


def ingest_keys(ingest: ObjectReader, prefix: str) -> Iterator[str]:
    """The ingest objects at or below a prefix, in key order."""
    return (info.key for info in ingest.list(prefix) if landing_of(info.key))


def replay(services: Services, keys: Iterable[str]) -> Iterator[Replayed]:
    """Process the objects again, some at a time. Advances as it is iterated."""
    waiting: list[str] = []
    for key in keys:
        waiting.append(key)
        if len(waiting) == AT_ONCE:
            yield _again(services, waiting)
            waiting = []
    if waiting:
        yield _again(services, waiting)


def _again(services: Services, keys: list[str]) -> Replayed:
    return Replayed(tuple(keys), process_objects([ObjectEvent("", key) for key in keys], services))


def folder_of(root: str, dataset: str = "", table: str = "") -> str:
    """The prefix of receipts or quarantined lines of a dataset or table; of all where none is named."""
    if not dataset:
        return root
    return f"{root}dataset={dataset}/" + (f"source_table={table}/" if table else "")


def quarantined(services: Services, *, dataset: str = "", table: str = "") -> Iterator[Mapping[str, object]]:
    """The lines in quarantine (``core.landing.records.QUARANTINE_COLUMNS``)."""
    return read_quarantine(services.records, folder_of(QUARANTINE, dataset, table))


def to_retry(services: Services, *, dataset: str = "", table: str = "") -> tuple[str, ...]:
    """The ingest objects that have lines in quarantine or were halted, in key order.

    Records of a provider lie there too, which no ingest object holds: the auditor asks for them again.
    """
    lines = {str(line["object"]) for line in quarantined(services, dataset=dataset, table=table)}
    lines = {key for key in lines if landing_of(key)}
    receipts = read_receipts(services.records, folder_of(RECEIPTS, dataset, table))
    halted = {str(receipt["object"]) for receipt in receipts if receipt["outcome"] == "halted"}
    return tuple(sorted(lines | halted))
