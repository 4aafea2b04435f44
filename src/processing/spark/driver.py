"""Jobs of a run at scale carried out by Spark: what its driver does.

A fact is rebuilt through a shuffle, in which each ingest object is read once. A dimension's current states are, and
then the dimension is joined where it is written: it is one object, so an executor's memory is what it may take. Rollups
are a function of their own partition's facts; executors compute them side by side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import pyarrow as pa

from core.audit.repair_jobs import Inputs, Restate, find_outcome, read_job
from core.contract.model import Table
from core.errors import InvalidData, TransientFailure
from core.ports import ObjectInfo
from core.time import format_instant
from core.warehouse.current_state import ENTITIES, current_table, inputs_of
from core.warehouse.footer import SourceRef
from processing.restating.arrivals import known_by, list_ingest
from processing.restating.job import restate_job
from processing.services import Services
from processing.spark.records import BATCH, COLUMNS, begin
from processing.spark.shuffle import RESULT, RESULT_COLUMNS, Shuffle

TASK_BYTES = 32 << 20  # of ingest objects that one task reads, compressed
READS_PER_CORE = 3  # tasks, at least: a slow one keeps no core waiting


@dataclass(frozen=True, slots=True)
class Summary:
    """What a driver did: jobs that were left to be done, versions made, and the reasons of partitions that stayed."""

    jobs: int
    changed: int
    rows: int
    reasons: tuple[str, ...]


def carry_out(session: Any, services_of: Callable[[], Services], jobs: str) -> Summary:
    """Carry out the jobs below a prefix that are not done yet; ``services_of`` goes to every task.

    Whoever is killed meanwhile, the same call does what is left. Raises ``InvalidData`` where there are no jobs to make
    partitions of one table again, ``TransientFailure`` where a store does not answer.
    """
    session.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", str(BATCH))
    services = services_of()
    folder = f"{jobs.rpartition('/')[0]}/"
    with ThreadPoolExecutor(services.workers) as pool:
        keys = [info.key for info in services.records.list(folder)]
        every = dict(zip(keys, pool.map(partial(_restate_of, services), keys), strict=True))
        own = [key for key in keys if key.startswith(jobs)]
        done = dict(zip(own, pool.map(partial(_is_done, services), own), strict=True))
    wanted = {key: every[key] for key in own if not done[key]}
    if not wanted:
        return Summary(0, 0, 0, ())
    tables = {job.table for job in every.values()}
    if len(tables) != 1:
        raise InvalidData("rebuild", jobs, f"jobs of several tables: {', '.join(sorted(tables))}", "Begin a run anew")
    table = services.contracts.table(tables.pop())
    if table.kind == "fact":
        named = {path for job in every.values() for path in job.partitions}
        results = _shuffled(session, services_of, table, wanted, elsewhere=named)
    else:
        if table.kind == "dimension" and table.source != ENTITIES:
            _rebuild_current_states(session, services_of, table)
        results = _computed(session, services_of, list(wanted))
    return Summary(
        len(wanted),
        sum(result.changed for result in results),
        sum(result.rows for result in results),
        tuple(result.reason for result in results if result.reason),
    )


def _restate_of(services: Services, key: str) -> Restate:
    repair = read_job(services.records, key).repair
    if not isinstance(repair, Restate):
        raise InvalidData("rebuild", key, f"is a job to {repair.kind}", "Begin a run anew: starmend rebuild")
    return repair


def _is_done(services: Services, key: str) -> bool:
    outcome = find_outcome(services.records, key)
    return outcome is not None and outcome.result == "done"


# ---------------------------------------------------------------- through a shuffle


def _shuffled(
    session: Any,
    services_of: Callable[[], Services],
    table: Table,
    jobs: dict[str, Restate],
    *,
    elsewhere: Iterable[str] = (),
) -> Sequence[Any]:
    services = services_of()
    at = format_instant(services.now())
    listing = list_ingest(services, table.dataset, table.source)
    shuffle = Shuffle(
        services_of,
        table.dataset,
        table.source,
        table.folder,
        tuple(jobs),
        partitions=tuple(job.partitions for job in jobs.values()),
        inputs=Inputs((), listing.after, at, known_by(services, table)),
        sources=tuple(SourceRef(info.key, info.etag) for info in listing.objects),
        elsewhere=frozenset(elsewhere),
        allow_fewer=any(job.allow_fewer for job in jobs.values()),
    )
    context = session.sparkContext
    tasks = list(tasks_of(listing.objects, at_least=READS_PER_CORE * context.defaultParallelism))
    keys = context.parallelize(tasks, max(1, len(tasks))).flatMap(lambda task: [(key,) for key in task])
    read = session.createDataFrame(keys, "key string").mapInArrow(shuffle.read, COLUMNS)
    first = map(begin, range(len(jobs)), jobs)
    begun = [(record.job, record.kind, record.name, record.about, None) for record in first]
    records = read.union(session.createDataFrame(begun, COLUMNS))
    ordered = records.repartition(len(jobs), "job").sortWithinPartitions("job")
    return list(ordered.mapInArrow(shuffle.commit, RESULT_COLUMNS).collect())


def tasks_of(objects: Sequence[ObjectInfo], *, at_least: int) -> Iterator[list[str]]:
    """The keys of the objects in groups of about ``TASK_BYTES``, in order, ``at_least`` so many groups if there can be.

    Neighbours have rows of the same time, so that fewer of them are left for the shuffle.
    """
    total = sum(info.size for info in objects)
    size = max(1, min(TASK_BYTES, total // max(1, at_least)))
    before = 0
    placed: list[tuple[int, str]] = []
    for info in objects:
        placed.append((before // size, info.key))
        before += info.size
    for _, group in groupby(placed, key=lambda place: place[0]):
        yield [key for _, key in group]


def _rebuild_current_states(session: Any, services_of: Callable[[], Services], table: Table) -> None:
    services = services_of()
    contract = services.contracts.dataset(table.dataset)
    for name in dict.fromkeys(inputs_of(table)):
        current = current_table(contract, contract.source_table(name))
        job = Restate(table.dataset, current.name, ("",))
        [result] = _shuffled(session, services_of, current, {"": job})
        if result.reason:
            raise TransientFailure(
                "rebuild", current.folder, result.reason, "Run it again; if it stays so, mend that first"
            )


# ---------------------------------------------------------------- without one


def _computed(session: Any, services_of: Callable[[], Services], jobs: Sequence[str]) -> Sequence[Any]:
    keys = session.sparkContext.parallelize([(key,) for key in jobs], len(jobs))
    return list(
        session.createDataFrame(keys, "key string")
        .mapInArrow(partial(restate_each, services_of), RESULT_COLUMNS)
        .collect()
    )


def restate_each(services_of: Callable[[], Services], batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Carry out jobs as the restate function does, from their keys; a row of ``RESULT`` for each."""
    services = services_of()
    for key in (key for batch in batches for key in batch.column("key").to_pylist()):
        done = restate_job(services, key)
        outcome = find_outcome(services.records, key)
        result = {"job": 0, "changed": done["changed"], "rows": 0, "reason": outcome.reason if outcome else ""}
        yield pa.RecordBatch.from_pylist([result], schema=RESULT)
