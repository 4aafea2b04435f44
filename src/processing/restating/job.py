"""Repair jobs for processing: partitions that are made again, each from its inputs, or cleaned.

Facts are made from the ingest objects, rollups from facts and certificates, dimensions from the current state of their
sources, and calendars and a feed's entities from the contract.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.audit.efforts import measured
from core.audit.repair_jobs import PlantGap, RepairOutcome, Reprocess, Restate, Vacuum, find_job, write_outcome
from core.contract.model import Table
from core.errors import InvalidData, TransientFailure
from core.evolution.deployments import read_history
from core.evolution.generations import retired_folders
from core.warehouse.current_state import ENTITIES, current_table, inputs_of
from core.warehouse.pointer import partition_of
from core.warehouse.row_layout import why_outdated
from processing.derived.dimensions import derive_dimension
from processing.derived.rollups import derive_rollup
from processing.ingest import described
from processing.partitions.commit import Committed, Outcome
from processing.partitions.state import Current, read_state
from processing.partitions.vacuum import remove_partition, vacuum_partition
from processing.restating.arrivals import Arrivals, known_by, read_arrivals
from processing.restating.plant import plant_gap
from processing.restating.rebuild import rebuild_partitions, rebuild_table
from processing.restating.replay import Replays, replay
from processing.services import Services

READ_SECONDS = 120  # that a call reads objects of a current state for: the function has 300 by default, and commits
WRITES_OF_A_VERSION = 2  # the object and its pointer


def restate_job(services: Services, job: str) -> dict[str, Any]:
    """Carry out the job that lies under this key, write its outcome beside it, and return the counts.

    Safe to do again. Raises ``InvalidData`` where there is no such job, ``TransientFailure`` where a store fails; then
    the job is not done, and the same call may be made again.
    """
    stored = find_job(services.records, job)
    repair = stored.repair if stored else None
    if isinstance(repair, Reprocess):
        return _replayed(services, job, repair)
    if not isinstance(repair, Restate | Vacuum | PlantGap):
        raise InvalidData("restate", job, "is no job to restate partitions", "Start the audit again")
    started, done, failed = services.now(), Work(), []
    paths = (repair.partition,) if isinstance(repair, PlantGap) else repair.partitions
    if isinstance(repair, Restate) and repair.folder:
        by = _writing(services, repair)
        services, paths = (by, paths) if by else (services, ())
    arrivals = _lookup(services, repair)
    parts = [paths] if _are_read_together(services, repair) else [(path,) for path in paths]
    while parts:
        part = parts.pop(0)
        place, restated = f"{repair.table}/{', '.join(part)}", set[str]()
        try:
            for path, work in _repair(services, repair, part, arrivals):
                done += work
                restated.add(path)
        except TransientFailure:
            raise
        except Exception as failure:
            error = described(failure, repair.kind, place)
            if isinstance(error, TransientFailure):
                raise error from failure
            if len(part) > 1 and not _has_inputs(repair):  # so that each failure is one partition's alone
                parts = [(path,) for path in part if path not in restated]
                continue
            failed.append(f"{place}: {error}")
            services.log.error(
                "partition left as it was", repair=repair.kind, table=repair.table, partition=place, reason=str(error)
            )
    conclude(services, job, done, failed, started=started)
    return {"partitions": len(paths), "changed": done.changed, "failed": len(failed)}


@dataclass(frozen=True, slots=True)
class Work:
    """Counts of a job: versions, objects or rows ``changed``, ``rows`` made again, their ``reads`` and ``writes``."""

    changed: int = 0
    rows: int = 0
    reads: int = 0
    writes: int = 0

    def __add__(self, other: Work) -> Work:
        return Work(
            self.changed + other.changed,
            self.rows + other.rows,
            self.reads + other.reads,
            self.writes + other.writes,
        )


def _replayed(services: Services, job: str, repair: Reprocess) -> dict[str, Any]:
    """Process the job's objects again. One that fails stops no other; where a store fails the job is not done."""
    started, replays = services.now(), Replays()
    for batch in replay(services, repair.objects):
        for error in batch.errors.values():
            if isinstance(error, TransientFailure):
                raise error
        replays.add(services, batch)
    changed = replays.outcomes["committed"]
    done = Work(changed, replays.rows, replays.objects, WRITES_OF_A_VERSION * changed)
    failed = [f"{key}: {error}" for key, error in replays.errors.items()]
    conclude(services, job, done, failed, started=started, counts=replays.as_row())
    return replays.as_row()


def conclude(
    services: Services,
    job: str,
    done: Work,
    failed: Sequence[str],
    *,
    started: datetime,
    counts: Mapping[str, int] | None = None,
) -> None:
    """Leave the outcome of a job: what it took, and why partitions of it stay as they were.

    An outcome that cannot be written is a warning: then the job is done again, which changes nothing.
    """
    now = services.now()
    outcome = RepairOutcome(
        result="failed" if failed else "done",
        reason="; ".join(failed)[:1000],
        finished_at=int(now.timestamp()),
        counts={"changed": done.changed, **(counts or {})},
        effort=measured(
            (now - started).total_seconds(), services.memory_mb, rows=done.rows, reads=done.reads, writes=done.writes
        ),
    )
    try:
        write_outcome(services.records, job, outcome)
    except TransientFailure as error:
        services.log.warning("outcome not written", job=job, reason=str(error))


def _derived(outcome: Outcome) -> Work:
    """The work of a derived partition that was computed again."""
    is_new = isinstance(outcome, Committed)
    return Work(int(is_new), outcome.rows, 0, WRITES_OF_A_VERSION * is_new)


def _writing(services: Services, repair: Restate) -> Services | None:
    """The services whose contract has the table in the job's folder; None: no contract that is written has it there."""
    for by in (services, services.beside(repair.dataset)):
        if by is not None and repair.folder in {table.folder for table in by.contracts.dataset(repair.dataset).tables}:
            return by
    return None


def _has_inputs(repair: Restate | Vacuum | PlantGap) -> bool:
    return isinstance(repair, Restate) and repair.inputs is not None


def _are_read_together(services: Services, repair: Restate | Vacuum | PlantGap) -> bool:
    """Whether the partitions are a fact's, which are made of the same ingest objects: each is read once for all."""
    facts = {table.name for table in services.contracts.tables() if table.kind == "fact"}
    return isinstance(repair, Restate) and (repair.inputs is not None or repair.table in facts)


Lookup = Callable[[], Arrivals | None]


def _lookup(services: Services, repair: Restate | Vacuum | PlantGap) -> Lookup:
    """Tells the objects of a fact's partitions, looked up when it is first asked; None: they cannot be known."""

    @functools.cache
    def arrivals() -> Arrivals | None:
        try:
            return read_arrivals(services, services.contracts.table(repair.table))
        except InvalidData as error:
            services.log.warning("all objects of the source are read", table=repair.table, reason=str(error))
            return None

    return arrivals


def _repair(
    services: Services, repair: Restate | Vacuum | PlantGap, paths: Sequence[str], arrivals: Lookup
) -> Iterator[tuple[str, Work]]:
    """Carry out the repair of a partition, or of several that are made of the same objects."""
    if isinstance(repair, Restate) and _are_read_together(services, repair):
        yield from _rebuilt_together(services, repair, paths, arrivals)
        return
    for path in paths:
        if isinstance(repair, Restate):
            yield path, _restate(services, repair, path)
        else:
            changed = _clean(services, repair, path) if isinstance(repair, Vacuum) else plant_gap(services, repair)
            yield path, Work(changed)


def _rebuilt_together(
    services: Services, repair: Restate, paths: Sequence[str], arrivals: Lookup
) -> Iterator[tuple[str, Work]]:
    """Partitions of a fact, each ingest object that may have rows of them being read once.

    Which these are says the job, or else the receipts: as a table grows older more objects are listed, and not read.
    Raises ``InvalidData`` where the contract has placed rows in other partitions since the objects were looked up.
    """
    inputs = repair.inputs
    if inputs and inputs.placing and inputs.placing != known_by(services, services.contracts.table(repair.table)):
        problem = "its rows lie in other partitions than when their objects were looked up"
        remedy = f"Begin anew: starmend rebuild {repair.table} --at-scale"
        raise InvalidData("rebuild", repair.table, problem, remedy)
    if inputs is None and (known := arrivals()):
        inputs = known.inputs_of(paths)
    read: set[str] = set()
    counted = 0
    for rebuilt in rebuild_partitions(
        services, repair.table, paths, inputs, allow_fewer=repair.allow_fewer, progress=read.add
    ):
        services.log.info(
            "partition restated", table=rebuilt.table, partition=rebuilt.partition, version=rebuilt.version
        )
        work = Work(rebuilt.changed, rebuilt.rows, len(read) - counted, WRITES_OF_A_VERSION * rebuilt.changed)
        yield rebuilt.partition, work
        counted = len(read)


def _clean(services: Services, repair: Vacuum, path: str) -> int:
    """Clean a partition; returns how many objects were removed. Which may go is decided now, not by the audit.

    Of a retired generation all go: that no certificate rests on it the audit has seen.
    """
    name = partition_of(repair.table, path)
    history, now = read_history(services.records, repair.dataset), int(services.now().timestamp())
    if repair.table in retired_folders(history, services.contracts, now=now):
        removed = remove_partition(services.records, name)
        services.log.info(
            "partition of a retired generation removed", table=repair.table, partition=path, removed=removed
        )
        return removed
    plan = vacuum_partition(services.partitions, services.records, name, now=services.now())
    removed = len(plan.remove) if plan else 0
    services.log.info("partition cleaned", table=repair.table, partition=path, removed=removed)
    return removed


def _restate(services: Services, repair: Restate, path: str) -> Work:
    """Make a partition again."""
    table = services.contracts.table(repair.table)
    if table.kind == "rollup":
        outcome = derive_rollup(services, table, path)
        services.log.info("rollup restated", table=table.name, partition=path, version=outcome.version)
        return _derived(outcome)
    if table.kind == "dimension" and table.source != ENTITIES:
        return _dimension(services, table)
    return _rebuilt(services, table.name)


def _rebuilt(services: Services, name: str, kept: Collection[str] = ()) -> Work:
    """A table from the contract or, with those current states of its sources that are not ``kept``, from the objects.

    Raises ``InvalidData`` where reading the objects of a state takes too long for one call; the next one goes on.
    """
    read: set[str] = set()
    partitions = list(rebuild_table(services, name, progress=read.add, kept=kept, seconds=READ_SECONDS))
    for rebuilt in partitions:
        services.log.info(
            "partition restated", table=rebuilt.table, partition=rebuilt.partition, version=rebuilt.version
        )
    changed = sum(rebuilt.changed for rebuilt in partitions)
    return Work(changed, sum(rebuilt.rows for rebuilt in partitions), len(read), WRITES_OF_A_VERSION * changed)


def _dimension(services: Services, table: Table) -> Work:
    """Compute a dimension again from the current state of its sources; what of it is amiss is rebuilt first.

    All other dimensions of the same sources are computed too.
    """
    contract = services.contracts.dataset(table.dataset)
    inputs = dict.fromkeys(inputs_of(table))
    work = Work()
    states = [current_table(contract, contract.source_table(name)) for name in inputs]
    kept = {state.folder for state in states if _is_kept(services, state)}
    if len(kept) < len(states):
        work = _rebuilt(services, table.name, kept)
    for other in contract.tables:
        if inputs.keys() & set(inputs_of(other)):
            outcome = derive_dimension(
                services.partitions, other, services.contracts, context=services.context_of(contract)
            )
            work += _derived(outcome)
            services.log.info("dimension restated", table=other.name, version=outcome.version)
    return work


def _is_kept(services: Services, table: Table) -> bool:
    """Whether a current state is sound, and made as the contract says."""
    state = read_state(services.partitions, table.folder)
    if not isinstance(state, Current) or not state.is_sound:
        return False
    return not why_outdated(state.footer.layout, state.object.schema, table)
