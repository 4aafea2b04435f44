"""Both ends of a shuffle: ingest objects become blocks of rows, and blocks of rows become versions of partitions.

Each is a function from Arrow batches to Arrow batches, for an engine's ``mapInArrow``; neither knows which engine it
is. They read and write through processing's own ports, so an engine needs no access to a bucket, and no commit
protocol: a task that is done again commits nothing new.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import groupby
from pathlib import Path

import pyarrow as pa

from core.audit.repair_jobs import Inputs
from core.contract.model import Table
from core.warehouse.footer import SourceRef
from processing.ingest import described
from processing.partitions.batch import dedupe
from processing.partitions.layout import Layout
from processing.plan import SourcePlan, plan_source
from processing.restating.history import History, read_rows
from processing.restating.job import WRITES_OF_A_VERSION, Work, conclude
from processing.restating.rebuild import restate_from
from processing.restating.spill_buffer import SpillBuffer
from processing.services import Services
from processing.spark.records import (
    BEGIN,
    REFUSED,
    Record,
    blocks_of,
    from_batches,
    refusal_of,
    refused,
    rows_of,
    to_batches,
)

RESULT = pa.schema(
    [
        pa.field("job", pa.int32()),
        pa.field("changed", pa.int64()),
        pa.field("rows", pa.int64()),
        pa.field("reason", pa.string()),
    ]
)
RESULT_COLUMNS = "job int, changed bigint, rows bigint, reason string"  # the same, as Spark writes it


@dataclass(frozen=True)
class Shuffle:
    """A rebuild of one table, as every task of it is told.

    ``jobs`` are the keys of the jobs to be carried out (an empty key: no outcome is written), ``partitions`` those
    that each names. A partition that no job of the run names falls to one of these; ``elsewhere`` are others' jobs'.
    ``inputs`` say where objects lie that come later, ``sources`` are all that are there.
    """

    services_of: Callable[[], Services]
    dataset: str
    source: str
    folder: str
    jobs: tuple[str, ...]
    partitions: tuple[tuple[str, ...], ...]
    inputs: Inputs
    sources: tuple[SourceRef, ...]
    elsewhere: frozenset[str] = frozenset()
    allow_fewer: bool = False

    @cached_property
    def _places(self) -> dict[str, int]:
        return {path: number for number, paths in enumerate(self.partitions) for path in paths}

    def job_of(self, path: str) -> int | None:
        """The number of the job that a partition is of; None where it is none of these jobs'."""
        number = self._places.get(path)
        if number is None and path not in self.elsewhere:
            return zlib.crc32(path.encode()) % len(self.jobs)
        return number

    # ------------------------------------------------------------ the two ends

    def read(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Records from the keys of ingest objects, a column ``key``: of each partition the rows that win among them.

        Raises ``TransientFailure`` where the store does not answer; then the same call may be made again.
        """
        return to_batches(self._read(key for batch in batches for key in batch.column("key").to_pylist()))

    def commit(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Carry out jobs from their records, all of a job side by side; a row of ``RESULT`` for each.

        A partition that cannot be made stays as it was, is named in its job's outcome, and stops no other.
        """
        for number, records in groupby(from_batches(batches), key=lambda record: record.job):
            with tempfile.TemporaryDirectory(prefix="starmend-shuffle-") as folder:
                result = _Job(self, _Target.of(self), number, Path(folder)).carry_out(records)
            yield pa.RecordBatch.from_pylist([result], schema=RESULT)

    def _read(self, keys: Iterable[str]) -> Iterator[Record]:
        target = _Target.of(self)
        sources: dict[str, list[SourceRef]] = {}
        with tempfile.TemporaryDirectory(prefix="starmend-shuffle-") as folder:
            buffer = SpillBuffer(Path(folder))
            for key in keys:
                given = read_rows(target.services, target.plan, target.table, key)
                if given is None or given.refusal is not None:
                    refusal = given.refusal if given else None
                    yield from (refused(number, key, refusal) for number in range(len(self.jobs)))
                for path, rows in given.rows if given else ():
                    if self.job_of(path) is not None:
                        buffer.add(path, rows)
                        source = replace(given.source, rows=rows.num_rows)  # type: ignore[union-attr]
                        sources.setdefault(path, []).append(source)
            for path in buffer.paths:
                rows, number = buffer.rows(path), self.job_of(path)
                if rows is not None and number is not None:
                    yield from blocks_of(number, path, dedupe(rows, target.layout), sources[path])


@dataclass(frozen=True)
class _Target:
    """The table that is rebuilt, in a task's own process."""

    services: Services
    plan: SourcePlan
    table: Table
    layout: Layout

    @classmethod
    def of(cls, shuffle: Shuffle) -> _Target:
        services = shuffle.services_of()
        plan = plan_source(services.contracts.dataset(shuffle.dataset), shuffle.source)
        tables = (*plan.facts, *([plan.current] if plan.current else []))
        [table] = [table for table in tables if table.folder == shuffle.folder]
        return cls(services, plan, table, Layout.of(table))


@dataclass
class _Job:
    """A job while its records come: its history, and what was done."""

    shuffle: Shuffle
    target: _Target
    number: int
    folder: Path
    done: Work = field(default_factory=Work)
    failed: list[str] = field(default_factory=list)

    def carry_out(self, records: Iterable[Record]) -> dict[str, object]:
        target, shuffle = self.target, self.shuffle
        started = target.services.now()
        buffer = SpillBuffer(self.folder)
        history = History(
            target.services,
            target.plan,
            target.table,
            None,
            buffer,
            lambda _key: None,
            shuffle.inputs,
            target.layout,
        )
        gone: set[str] = set()
        for record in records:
            if record.kind == REFUSED:
                refusal = refusal_of(record)
                gone |= {record.name} if refusal is None else set()
                history.take((), [refusal] if refusal else [])
            elif record.kind != BEGIN:
                history.add(record.name, *rows_of(record, target.layout.given_schema))
        history.take((source for source in shuffle.sources if source.key not in gone), ())
        for path in sorted({*shuffle.partitions[self.number], *buffer.paths}):
            self._restate(path, history)
        return self._conclude(started)

    def _restate(self, path: str, history: History) -> None:
        target = self.target
        try:
            rebuilt = restate_from(target.services, target.plan, target.table, path, history, self.shuffle.allow_fewer)
        except Exception as failure:  # noqa: BLE001  # one partition that cannot be made stops no other; its job says why
            place = f"{target.table.name}/{path}"
            self.failed.append(f"{place}: {described(failure, 'restate', place)}")
            return
        reads = len(history.refs.get(path, ()))
        self.done += Work(rebuilt.changed, rebuilt.rows, reads, WRITES_OF_A_VERSION * rebuilt.changed)

    def _conclude(self, started: datetime) -> dict[str, object]:
        key = self.shuffle.jobs[self.number]
        if key:
            conclude(self.target.services, key, self.done, self.failed, started=started)
        reason = "; ".join(self.failed)
        return {"job": self.number, "changed": self.done.changed, "rows": self.done.rows, "reason": reason}
