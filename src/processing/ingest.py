"""Ingest objects on their way: fetched, taken apart, and committed together, one commit per partition."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import pyarrow as pa

from core.contract.model import Table
from core.landing.zone import Landing
from core.ports import ObjectStat
from processing.parse_object import ParsedObject, Part, parse_object
from processing.partitions.commit import Committed, SourceRef, commit_rows
from processing.plan import SourcePlan
from processing.records.receipts import TouchedPartition
from processing.services import Services
from processing.shape import Origin

WHOLE_BYTES = 8 << 20  # up to here an object is fetched at once, ahead of its turn; larger ones are streamed
GROUP_BYTES = 128 << 20  # star rows that are kept for one commit per partition


@dataclass
class Ingest:
    """One object of a batch and what has become of it so far. ``error`` set: it failed and is to be tried again.

    ``expected`` is the number that should have come instead, where the object is out of sequence.
    """

    landing: Landing
    plan: SourcePlan
    again: bool
    started: float
    stat: ObjectStat | None = None
    parsed: ParsedObject | None = None
    touched: list[TouchedPartition] = field(default_factory=list)
    error: Exception | None = None
    expected: int | None = None
    commit_ms: float = 0.0
    derive_ms: float = 0.0

    @property
    def done(self) -> bool:
        """Taken apart and committed as far as it goes; its receipt may be written."""
        return self.error is None and self.parsed is not None

    @property
    def lives(self) -> bool:
        """Done, and its rows are in the warehouse."""
        return self.done and self.parsed is not None and not self.parsed.halted

    @property
    def ref(self) -> SourceRef:
        assert self.stat is not None
        return SourceRef(self.landing.key, self.stat.etag)


def grouped(objects: Sequence[Ingest], services: Services, pool: Executor) -> Iterator[list[Ingest]]:
    """Fetch and take apart the objects, in groups whose star rows fit in memory. The next are fetched meanwhile."""
    fetched = [pool.submit(_fetch, services, one) for one in objects]
    group: list[Ingest] = []
    size = 0
    for one, found in zip(objects, fetched, strict=True):
        _take(services, one, found)
        if one.parsed is not None:
            group.append(one)
            size += sum(part.rows.nbytes for part in one.parsed.parts)
        if size > GROUP_BYTES:
            yield group
            group, size = [], 0
    if group:
        yield group


def _fetch(services: Services, ingest: Ingest) -> BinaryIO | None:
    """The object's stream, or None where it is gone."""
    found = services.ingest.open(ingest.landing.key)
    if found is None:
        return None
    ingest.stat = found.stat
    if found.stat.size > WHOLE_BYTES:
        return found.stream
    with found.stream as stream:
        return io.BytesIO(stream.read())


def _take(services: Services, ingest: Ingest, found: Future[BinaryIO | None]) -> None:
    try:
        stream = found.result()
        if stream is None:
            return
        assert ingest.stat is not None
        origin = Origin(ingest.plan.contract, services.contracts, ingest.stat.modified)
        with stream:
            ingest.parsed = parse_object(
                stream,
                ingest.plan,
                origin,
                place=ingest.landing.key,
                now=services.now(),
                timer=services.timer,
                threads=services.threads,
            )
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this object's and not its neighbours'
        ingest.error = error


def commit_parts(group: Sequence[Ingest], services: Services, pool: Executor) -> None:
    """Commit the group's rows, partitions side by side; one that fails fails the objects that have rows in it."""
    before = services.timer()
    wanted: dict[tuple[str, str], list[tuple[Ingest, Part]]] = {}
    for one in group:
        assert one.parsed is not None
        for part in one.parsed.parts:
            wanted.setdefault((part.table.name, part.path), []).append((one, part))
        one.parsed = replace(one.parsed, parts=())  # the rows live only until they are committed
    work = [pool.submit(_commit, services, some) for some in wanted.values()]
    wanted.clear()
    for one in work:
        one.result()
    spent = (services.timer() - before) * 1000
    for one in group:
        one.commit_ms = spent


def _commit(services: Services, some: list[tuple[Ingest, Part]]) -> None:
    first, part = some[0]
    objects = list({id(one): one for one, _ in some}.values())
    try:
        outcome = commit_rows(
            services.partitions,
            part.table,
            part.path,
            pa.concat_tables([one.rows for _, one in some]),
            sources=[one.ref for one in objects],
            context=services.context_of(first.plan.contract),
        )
    except Exception as error:  # noqa: BLE001 - the partition's failure belongs to the objects with rows in it
        for one in objects:
            one.error = error
        return
    for one, mine in some:
        made = isinstance(outcome, Committed)
        rows = mine.rows.num_rows
        one.touched.append(
            TouchedPartition(part.table.name, part.path, outcome.version, "committed" if made else "unchanged", rows)
        )


def derive_all(
    objects: Sequence[Ingest], services: Services, pool: Executor, derive: Callable[[Services, Table], None]
) -> None:
    """Bring the derived tables of all objects up to date, each table once."""
    before = services.timer()
    tables = {table.name: table for one in objects if one.lives for table in one.plan.dimensions}
    work = {name: pool.submit(derive, services, table) for name, table in tables.items()}
    failed = {name: error for name, future in work.items() if (error := future.exception()) is not None}
    spent = (services.timer() - before) * 1000
    for one in objects:
        one.derive_ms = spent if one.plan.dimensions else 0.0
        for table in one.plan.dimensions:
            if table.name in failed and one.error is None:
                error = failed[table.name]
                if not isinstance(error, Exception):
                    raise error
                one.error = error
