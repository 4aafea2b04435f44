"""The choice of a database's slices to compare: recent ones in every audit, all history in a slow sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.databases.memory import Memory, read_memory
from auditor.databases.rows.targets import Slice, Target, all_slices, database_of, slices_between, targets_of
from auditor.services import Limits, Services
from auditor.windows import DAY
from core.contract.model import Database
from core.time import epoch, iso

KIND = "tables"
RECENT = 2 * DAY
SMALL = 50_000  # rows: a table that is no larger is compared whole every time


@dataclass(frozen=True, slots=True)
class DatabaseOrder:
    """The slices of a run, the same for every attempt.

    ``sweep`` is where the next sweep goes on. ``scheduled``: the run was not asked for a range. ``taken_at`` (epoch
    seconds) is when the slices were chosen.
    """

    dataset: str
    run: str
    slices: tuple[Slice, ...]
    scheduled: bool
    sweep: tuple[str, int]
    taken_at: int

    def to_data(self) -> dict[str, Any]:
        return {
            "kind": KIND,
            "dataset": self.dataset,
            "run": self.run,
            "slices": [[part.table, part.start, part.end] for part in self.slices],
            "scheduled": self.scheduled,
            "sweep": list(self.sweep),
            "taken_at": iso(self.taken_at),
        }

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> DatabaseOrder:
        return cls(
            dataset=data["dataset"],
            run=data["run"],
            slices=tuple(Slice(*part) for part in data["slices"]),
            scheduled=data["scheduled"],
            sweep=(data["sweep"][0], data["sweep"][1]),
            taken_at=epoch(data["taken_at"]),
        )


def choose_slices(
    services: Services, dataset: str, run: str, *, start: int | None, end: int | None, now: int
) -> DatabaseOrder:
    """Choose what a run compares: the slices of a range (epoch seconds), or recent ones and a share of all others."""
    contract, source = database_of(services.contracts, dataset)
    targets = targets_of(contract)
    memory = read_memory(services.records, dataset)
    if start is not None and end is not None:
        chosen = [part for target in targets for part in slices_between(target, start, end)]
        return DatabaseOrder(dataset, run, tuple(chosen), False, memory.sweep, now)
    recent = recent_slices(targets, memory, now=now)
    swept, following = swept_slices(targets, source, memory, recent, services.limits, now=now)
    return DatabaseOrder(dataset, run, tuple(sorted({*recent, *swept})), True, following, now)


def recent_slices(targets: Sequence[Target], memory: Memory, *, now: int) -> list[Slice]:
    """The slices of the last days, and small tables whole."""
    slices = []
    for target in targets:
        if target.column or memory.rows.get(target.table.name, 0) <= SMALL:
            slices += slices_between(target, now - RECENT, now)
    return slices


def swept_slices(
    targets: Sequence[Target], source: Database, memory: Memory, recent: Sequence[Slice], limits: Limits, *, now: int
) -> tuple[list[Slice], tuple[str, int]]:
    """This run's share of all history, and where the next run goes on.

    The share grows with the time since the last one, so that all history comes round within ``sweep``, up to the
    budget of rows; but never less than one slice.
    """
    skipped = set(recent)
    every = sorted(part for target in targets for part in all_slices(target, now) if part not in skipped)
    if not every:
        return [], memory.sweep
    elapsed = max(1, now - memory.swept_at) if memory.swept_at else source.every
    share = min(len(every), max(1, -(-len(every) * elapsed // source.sweep)))
    begin = next((place for place, part in enumerate(every) if (part.table, part.start) >= memory.sweep), 0)
    chosen: list[Slice] = []
    rows = 0
    for number in range(share):
        part = every[(begin + number) % len(every)]
        rows += memory.rows.get(part.table, 0)
        if chosen and rows > limits.sweep_rows:
            break
        chosen.append(part)
    following = every[(begin + len(chosen)) % len(every)]
    return chosen, (following.table, following.start)
