"""Ingest objects of one batch: fetched, parsed, and committed together, one commit per partition."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Literal

import pyarrow as pa

from core.contract.model import Contract, Contracts, Table
from core.errors import InvalidData, PipelineBug, StarmendError, TransientFailure
from core.evolution.promised import Settling
from core.landing.ingest_objects import content_promise
from core.landing.zone import Landing
from core.ports import ObjectStat
from core.warehouse.moved_histories import moved_histories
from processing.parse_object import ParsedObject, Part, parse_object
from processing.partitions.commit import Committed, SourceRef, commit_rows
from processing.plan import BesidePlan, SourcePlan
from processing.records.receipts import TouchedPartition
from processing.services import Services
from processing.shape import Origin

WHOLE_BYTES = 8 << 20  # up to here an object is fetched at once, ahead of its turn; larger ones are streamed
REPORT = "Report it with the log's lines; when it is mended: starmend replay"
GROUP_BYTES = 128 << 20  # star rows that are kept for one commit per partition


@dataclass
class Ingest:
    """The state of one object of a batch. ``error`` set: it failed and is to be tried again.

    ``expected`` is the number that should have come instead, where the object is out of sequence. ``beside`` is the
    plan by which it goes into other generations of its tables too, ``parts_beside`` its rows there. What these do not
    take is no rejected line: nobody reads them, or not any more.
    """

    landing: Landing
    plan: SourcePlan
    started: float
    beside: BesidePlan | None = None
    stat: ObjectStat | None = None
    parsed: ParsedObject | None = None
    parts_beside: tuple[Part, ...] = ()
    touched: list[TouchedPartition] = field(default_factory=list)
    error: StarmendError | None = None
    expected: int | None = None
    commit_ms: float = 0.0
    derive_ms: float = 0.0

    @property
    def done(self) -> bool:
        """Whether it is parsed, and committed unless halted: its receipt may be written."""
        return self.error is None and self.parsed is not None

    @property
    def committed(self) -> bool:
        """Whether its rows are in the warehouse."""
        return self.done and self.parsed is not None and not self.parsed.halted

    def ref(self, rows: int) -> SourceRef:
        """The name under which footers list it, where it gave a partition so many rows."""
        return SourceRef(self.landing.key, self.source.etag, rows)

    @property
    def source(self) -> ObjectStat:
        """The attributes of the object that was fetched."""
        if self.stat is None:
            raise PipelineBug("process", self.landing.key, "was not fetched yet", REPORT)
        return self.stat

    def contract_of(self, table: Table) -> Contract:
        """The contract by which rows of a table are made of the object."""
        is_beside = self.beside is not None and table.folder in self.beside.folders
        return self.beside.plan.contract if self.beside and is_beside else self.plan.contract

    @property
    def content(self) -> ParsedObject:
        """The object's parsed content."""
        if self.parsed is None:
            raise PipelineBug("process", self.landing.key, "was not parsed yet", REPORT)
        return self.parsed


def grouped(objects: Sequence[Ingest], services: Services, pool: Executor) -> Iterator[list[Ingest]]:
    """Fetch and parse the objects, in groups whose star rows fit in memory. The next are fetched meanwhile."""
    streams = [pool.submit(_fetch, services, ingest) for ingest in objects]
    group: list[Ingest] = []
    size = 0
    for ingest, stream in zip(objects, streams, strict=True):
        _parse(services, ingest, stream)
        if ingest.parsed is not None:
            group.append(ingest)
            size += sum(part.rows.nbytes for part in (*ingest.parsed.parts, *ingest.parts_beside))
        if size > GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _fetch(services: Services, ingest: Ingest) -> BinaryIO | None:
    """The object's stream, or None where it is gone."""
    opened = services.ingest.open(ingest.landing.key)
    if opened is None:
        return None
    ingest.stat = opened.stat
    if opened.stat.size > WHOLE_BYTES:
        return opened.stream
    with opened.stream as stream:
        return io.BytesIO(stream.read())


def _parse(services: Services, ingest: Ingest, fetched: Future[BinaryIO | None]) -> None:
    try:
        stream = fetched.result()
        if stream is None:
            return
        with stream:
            ingest.parsed = _parsed(services, ingest, stream, ingest.plan, services.contracts)
            if ingest.beside is not None:
                _parse_beside(services, ingest, stream, ingest.beside)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this object's and not its neighbours'
        ingest.error = described(error, "parse object", ingest.landing.key)


def _parsed(
    services: Services, ingest: Ingest, stream: BinaryIO, plan: SourcePlan, contracts: Contracts
) -> ParsedObject:
    return parse_object(
        stream,
        plan,
        Origin(plan.contract, contracts, ingest.source.modified, _settlings(services, plan.contract.dataset)),
        place=ingest.landing.key,
        now=services.now(),
        timer=services.timer,
        threads=services.threads,
        promise=content_promise(ingest.source.metadata),
    )


def _settlings(services: Services, dataset: str) -> tuple[Settling, ...]:
    """The time that points could take, at each time; empty where the history is altered, which audits tell."""
    try:
        return services.settlings(dataset)
    except InvalidData as error:
        services.log.error("points are judged by the deployed contract alone", dataset=dataset, reason=str(error))
        return ()


def _parse_beside(services: Services, ingest: Ingest, stream: BinaryIO, beside: BesidePlan) -> None:
    """Read the object once more, by the contract beside: as whole a reading as if that were the only one."""
    if stream.seekable():
        stream.seek(0)
        again: BinaryIO = stream
    else:
        opened = services.ingest.open(ingest.landing.key)
        if opened is None or opened.stat.etag != ingest.source.etag:
            raise TransientFailure(
                "parse object", ingest.landing.key, "another object lies there now", "It comes again"
            )
        again = opened.stream
    with again:
        parsed = _parsed(services, ingest, again, beside.plan, beside.contracts)
    ingest.parts_beside = tuple(part for part in parsed.parts if part.table.folder in beside.folders)
    if parsed.halted:
        services.log.warning("object halts beside", object=ingest.landing.key, reason=parsed.halted)


def described(error: BaseException, operation: str, place: str) -> StarmendError:
    """The error as one of ours: with the operation, the place, and what a human can do about it."""
    if isinstance(error, StarmendError):
        return error
    if not isinstance(error, Exception):
        raise error
    if isinstance(error, OSError):
        failure: StarmendError = TransientFailure(
            operation, place, f"{type(error).__name__}: {error}", "It comes again"
        )
    else:
        failure = PipelineBug(operation, place, f"{type(error).__name__}: {error}", REPORT)
    failure.__cause__ = error
    return failure


def commit_parts(group: Sequence[Ingest], services: Services, pool: Executor) -> None:
    """Commit the group's rows, partitions side by side; one that fails fails the objects that have rows in it."""
    before = services.timer()
    by_partition: dict[tuple[str, str], list[tuple[Ingest, Part]]] = {}
    for ingest in group:
        for part in (*ingest.content.parts, *ingest.parts_beside):
            by_partition.setdefault((part.table.folder, part.path), []).append((ingest, part))
        ingest.parsed = replace(ingest.content, parts=())  # the rows live only until they are committed
        ingest.parts_beside = ()
    _tell_moved(services, by_partition)
    commits = [pool.submit(_commit, services, parts) for parts in by_partition.values()]
    by_partition.clear()
    for commit in commits:
        commit.result()
    spent = (services.timer() - before) * 1000
    for ingest in group:
        ingest.commit_ms = spent


def _tell_moved(services: Services, by_partition: Mapping[tuple[str, str], Sequence[tuple[Ingest, Part]]]) -> None:
    """Name the histories whose partition has changed: an immutable column did, and each partition has a latest row."""
    parts = ((part.table, part.path, part.rows) for placed in by_partition.values() for _, part in placed)
    for moved in moved_histories(parts):
        services.log.error(
            "immutable column has changed: rows of one history lie in several partitions",
            table=moved.table,
            columns=list(moved.columns),
            histories=moved.count,
            keys=list(moved.keys),
        )


def _commit(services: Services, parts: list[tuple[Ingest, Part]]) -> None:
    """Commit the rows that objects have in one partition; where that fails, those of each object alone.

    So one object never fails another. What fails for a while fails for all: it is not tried so many times more.
    """
    first, part = parts[0]
    objects = list({id(ingest): ingest for ingest, _ in parts}.values())
    rows = {id(ingest): sum(part.rows.num_rows for by, part in parts if by is ingest) for ingest in objects}
    try:
        outcome = commit_rows(
            services.partitions,
            part.table,
            part.path,
            pa.concat_tables([part.rows for _, part in parts]),
            sources=[ingest.ref(rows[id(ingest)]) for ingest in objects],
            context=services.context_of(first.contract_of(part.table)),
        )
    except Exception as error:  # noqa: BLE001 - the partition's failure belongs to the objects with rows in it
        if len(objects) > 1 and not isinstance(error, TransientFailure):
            for ingest in objects:
                _commit(services, [(other, part) for other, part in parts if other is ingest])
            return
        for ingest in objects:
            ingest.error = described(error, "commit", f"{part.table.folder}/{part.path}")
        return
    name: Literal["committed", "unchanged"] = "committed" if isinstance(outcome, Committed) else "unchanged"
    for ingest, part in parts:
        touched = TouchedPartition(part.table.folder, part.path, outcome.version, name, part.rows.num_rows)
        ingest.touched.append(touched)


def derive_all(
    objects: Sequence[Ingest], services: Services, pool: Executor, derive: Callable[[Services, Table], None]
) -> None:
    """Bring the derived tables of all objects up to date, each table once."""
    before = services.timer()
    tables = {
        table.folder: (by, table)
        for ingest in objects
        if ingest.committed
        for by, table in _dimensions(services, ingest)
    }
    commits = {folder: pool.submit(derive, by, table) for folder, (by, table) in tables.items()}
    failed = {name: error for name, commit in commits.items() if (error := commit.exception()) is not None}
    spent = (services.timer() - before) * 1000
    for ingest in objects:
        ingest.derive_ms = spent if ingest.plan.dimensions else 0.0
        for _, table in _dimensions(services, ingest):
            if table.folder in failed and ingest.error is None:
                ingest.error = described(failed[table.folder], "derive", table.folder)


def _dimensions(services: Services, ingest: Ingest) -> Iterator[tuple[Services, Table]]:
    """The dimensions that an object changes, with the services by whose contracts they are computed."""
    yield from ((services, table) for table in ingest.plan.dimensions)
    if ingest.beside is not None:
        by = replace(services, contracts=ingest.beside.contracts)
        yield from ((by, table) for table in ingest.beside.dimensions)
