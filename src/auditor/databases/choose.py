"""The choice of a database's slices to compare: recent ones in every audit, all history in a slow sweep."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from auditor.databases.memory import Memory, read_memory
from auditor.databases.open_slices.looks import WAITING
from auditor.databases.open_slices.seen import slices_now
from auditor.databases.rows.targets import (
    Slice,
    Target,
    all_slices,
    database_of,
    slices_between,
    slices_of,
    targets_of,
)
from auditor.databases.touched import touched_slices
from auditor.services import Limits, Services
from auditor.warehouse.outdated import Outdated, choose_outdated
from auditor.windows import DAY, Scope
from core.contract.model import Contract, Database
from core.time import epoch, iso

KIND = "tables"
RECENT = 2 * DAY
AUDITED_EVERY = 3_600  # seconds: the schedule of audits (terraform/modules/auditor/machine.tf)
SMALL = 50_000  # rows: a table that is no larger is compared whole every time


@dataclass(frozen=True, slots=True)
class DatabaseOrder:
    """The slices of a run, the same for every attempt.

    ``sweep`` is where the next sweep goes on. ``scheduled``: the run was not asked for a range. ``taken_at`` (epoch
    seconds) is when the slices were chosen. ``sweep_seconds`` is how long all history takes at the pace that the row
    budget allows, where that is longer than the contract's ``sweep``; else 0. ``outdated`` are the partitions that the
    run makes again, whose slices are among the ``slices``. ``tables`` are the source tables that alone are compared,
    where somebody named some; such a run is not ``scheduled``. ``beside`` is the scope's. ``waiting`` are slices that
    commits touched, and that this run has no budget for, ``gone`` those of them whose pointers were removed;
    ``pointers`` the paths of partitions that had one as the run began, by their table's folder.
    """

    dataset: str
    run: str
    slices: tuple[Slice, ...]
    scheduled: bool
    sweep: tuple[str, int]
    taken_at: int
    sweep_seconds: int = 0
    outdated: Outdated = field(default_factory=Outdated)
    tables: tuple[str, ...] = ()
    beside: bool = True
    waiting: tuple[Slice, ...] = ()
    pointers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    gone: tuple[Slice, ...] = ()

    def to_data(self) -> dict[str, Any]:
        waits = {"waiting": _slices_to_data(self.waiting)} if self.waiting else {}
        waits |= {"gone": _slices_to_data(self.gone)} if self.gone else {}
        listed = {"pointers": {folder: list(paths) for folder, paths in self.pointers.items()}} if self.pointers else {}
        slow = {"sweep_seconds": self.sweep_seconds} if self.sweep_seconds else {}
        named = {"tables": list(self.tables)} if self.tables else {}
        part = {} if self.beside else {"beside": False}
        return (
            slow
            | waits
            | listed
            | named
            | part
            | {
                "kind": KIND,
                "dataset": self.dataset,
                "run": self.run,
                "slices": _slices_to_data(self.slices),
                "scheduled": self.scheduled,
                "sweep": list(self.sweep),
                "taken_at": iso(self.taken_at),
                **self.outdated.to_data(),
            }
        )

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> DatabaseOrder:
        return cls(
            dataset=data["dataset"],
            run=data["run"],
            slices=tuple(Slice(*part) for part in data["slices"]),
            scheduled=data["scheduled"],
            sweep=(data["sweep"][0], data["sweep"][1]),
            taken_at=epoch(data["taken_at"]),
            sweep_seconds=data.get("sweep_seconds", 0),
            outdated=Outdated.from_data(data),
            tables=tuple(data.get("tables", ())),
            beside=data.get("beside", True),
            waiting=tuple(Slice(*part) for part in data.get("waiting", ())),
            pointers={folder: tuple(paths) for folder, paths in data.get("pointers", {}).items()},
            gone=tuple(Slice(*part) for part in data.get("gone", ())),
        )


def _slices_to_data(slices: Sequence[Slice]) -> list[list[Any]]:
    return [[part.table, part.start, part.end] for part in slices]


def choose_slices(services: Services, dataset: str, run: str, scope: Scope) -> DatabaseOrder:
    """Choose what a run compares: the slices of a range; or recent ones, touched ones and a share of all others."""
    contract, source = database_of(services.contracts, dataset)
    targets = targets_of(contract)
    memory, now = read_memory(services.records, dataset), scope.now
    if scope.tables:
        targets = tuple(target for target in targets if target.source.name in scope.tables)
    if scope.start is not None and scope.end is not None:
        bounded = [target for target in targets if target.column or scope.beside]
        chosen = tuple(part for target in bounded for part in slices_between(target, scope.start, scope.end))
        sweep = memory.sweep
        return DatabaseOrder(dataset, run, chosen, False, sweep, now, tables=scope.tables, beside=scope.beside)
    recent = recent_slices(targets, memory, now=now)
    if scope.tables:
        return DatabaseOrder(dataset, run, tuple(recent), False, memory.sweep, now, tables=scope.tables)
    recent += open_slices(targets, memory, frozenset(recent), services.limits, now=now)
    touched = touched_slices(services.records, targets, memory, frozenset(recent), services.limits, now=now)
    recent += touched.slices
    swept = swept_slices(targets, source, memory, recent, services.limits, now=now)
    outdated, restated = _outdated(services, contract, targets, memory)
    slices = tuple(sorted({*recent, *swept.slices, *restated}))
    order = DatabaseOrder(dataset, run, slices, True, swept.following, now, swept.seconds, outdated)
    return replace(order, waiting=tuple(touched.waiting), pointers=touched.pointers, gone=tuple(touched.gone))


def _outdated(
    services: Services, contract: Contract, targets: Sequence[Target], memory: Memory
) -> tuple[Outdated, list[Slice]]:
    """The partitions to be made again, and their slices: what only the source has is fetched for them first."""
    by_name = {target.table.name: target for target in targets}

    def parts_of(table: str, path: str) -> list[Slice]:
        return slices_of(by_name[table], path) if table in by_name else []

    return choose_outdated(services, contract).within(
        parts_of, most=services.limits.sweep_rows, size=lambda part: max(1, memory.rows.get(part.table, 0))
    )


def recent_slices(targets: Sequence[Target], memory: Memory, *, now: int) -> list[Slice]:
    """The slices of the last days, small tables whole, and all of what nothing but an audit keeps right."""
    slices = []
    for target in targets:
        if target.source.by_keys:
            slices += all_slices(target, now)
        elif target.column or memory.rows.get(target.table.name, 0) <= SMALL:
            slices += slices_between(target, now - RECENT, now)
    return slices


def open_slices(
    targets: Sequence[Target], memory: Memory, looked_at: Collection[Slice], limits: Limits, *, now: int
) -> list[Slice]:
    """The slices that were not whole when they were compared last, up to the budget of rows, and never fewer than one.

    Those that were not looked at for longest come first, then the newest, without those that are ``looked_at`` anyway:
    a cause that the sweep found in an old month is not over because the next audit looks elsewhere. Slices to come are
    among them, and those that only wait for a first look are not: ``touched_slices`` has these.
    """
    looks = {part: look for part, look in slices_now(targets, memory.open, now=now).items() if look.why != WAITING}
    known = sorted({*looks}.difference(looked_at), key=lambda part: (looks[part].at, -part.start, part.table))
    rows = itertools.accumulate(max(1, memory.rows.get(part.table, 0)) for part in known)
    return [part for part, until in zip(known, rows, strict=True) if until <= limits.sweep_rows or part is known[0]]


@dataclass(frozen=True, slots=True)
class SweptSlices:
    """A run's share of all history, where the next run goes on, and ``sweep_seconds`` as in ``DatabaseOrder``."""

    slices: tuple[Slice, ...]
    following: tuple[str, int]
    seconds: int = 0


def swept_slices(
    targets: Sequence[Target], source: Database, memory: Memory, recent: Sequence[Slice], limits: Limits, *, now: int
) -> SweptSlices:
    """This run's share of all history.

    The share grows with the time since the last one, so that all history comes round within ``sweep``, up to the
    budget of rows; but never less than one slice.
    """
    skipped = set(recent)
    every = sorted(part for target in targets for part in all_slices(target, now) if part not in skipped)
    if not every:
        return SweptSlices((), memory.sweep)
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
    slow = _round_seconds(len(every), len(chosen), elapsed) if len(chosen) < share else 0
    return SweptSlices(tuple(chosen), (following.table, following.start), slow if slow > source.sweep else 0)


def _round_seconds(every: int, chosen: int, elapsed: int) -> int:
    """How long all slices take where audits go on as often as the schedule says.

    After a silence the share is large and the budget cuts it once; that alone makes no sweep slow.
    """
    return -(-every * min(elapsed, AUDITED_EVERY) // chosen)
