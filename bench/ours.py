"""The project's own contestants: the one place where the bench meets ``processing``.

Each does what the Lambda does with the same functions, on a store in memory: what S3 takes is not measured here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import gzip
import hashlib
import io
import random
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from aws.clients import Clients
from aws.pointers import S3PartitionStore
from bench.peers.bucket import make
from core.authoring.load import load
from core.contract.model import Contract, Contracts, Feed, Table
from core.feeds.lines import PointLine, encode_line
from core.ports import PartitionObject, Pointer, Refused, Written
from core.warehouse.pointer import data_prefix, object_key, partition_of
from processing.lines.memory import keep_freed_memory
from processing.parse_object import Part, parse_object
from processing.partitions.commit import (
    AlreadyThere,
    CommitContext,
    Committed,
    SourceRef,
    commit_rows,
    read_partition,
)
from processing.plan import SourcePlan, plan_source
from processing.shape import Origin

NOW = dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC)
CONTRACTS = Path(__file__).parent / "contracts"
SHIPPED = Path(__file__).parents[1] / "contracts"
SOURCE = SourceRef("tables/line_orders/line_item/000000000001.jsonl.gz", "0" * 32)
UNSEEN = SourceRef("tables/line_orders/line_item/000000000003.jsonl.gz", "2" * 32)
LATER = SourceRef("tables/line_orders/line_item/000000000002.jsonl.gz", "1" * 32)


class MemoryStore:
    """A partition store of one process. Starts with the given objects as current ones, by partition."""

    def __init__(self, objects: dict[str, bytes] | None = None) -> None:
        self.writes = 0
        self._pointers: dict[str, Pointer] = {}
        self._objects: dict[str, bytes] = {}
        for partition, body in (objects or {}).items():
            key = object_key(partition, f"v{1:012d}-{hashlib.md5(body[-4096:]).hexdigest()}.parquet")
            self._objects[key] = body
            self._pointers[partition] = Pointer(key, "1", NOW)

    def read_pointer(self, partition: str) -> Pointer | None:
        return self._pointers.get(partition)

    def list_objects(self, partition: str) -> Sequence[str]:
        return sorted(key for key in self._objects if key.startswith(data_prefix(partition)))

    def read_object(self, key: str) -> PartitionObject | None:
        body = self._objects.get(key)
        return None if body is None else PartitionObject(key, body, NOW)

    def write_object(self, partition: str, name: str, body: bytes) -> str:
        self.writes += 1
        key = object_key(partition, name)
        self._objects[key] = body
        return key

    def swap_pointer(self, partition: str, target: str, *, expected: str | None) -> Written | Refused:
        current = self._pointers.get(partition)
        if (current.etag if current else None) != expected:
            return Refused()
        etag = str(int(expected or "0") + 1)
        self._pointers[partition] = Pointer(target, etag, NOW)
        return Written(etag)

    def body(self, partition: str) -> bytes:
        """The bytes of the partition's current object."""
        return self._objects[self._pointers[partition].target]


@dataclasses.dataclass(frozen=True)
class Promise:
    """The bench's contract, and what it makes of line items."""

    contracts: Contracts
    plan: SourcePlan
    table: Table


@cache
def line_orders() -> Promise:
    """Without the partitions that the contract must name: the peers make one object too."""
    contracts = load(CONTRACTS, today=NOW.date())
    contract = contracts.dataset("line_orders")
    tables = tuple(dataclasses.replace(table, partition_by=()) for table in contract.tables)
    whole = dataclasses.replace(contract, tables=tables)
    plan = plan_source(whole, "line_item")
    return Promise(dataclasses.replace(contracts, contracts=(whole,)), plan, plan.facts[0])


def _context(promise: Promise) -> CommitContext:
    return CommitContext(contract_hash=promise.plan.contract.hash)


def transform(*, path: str, threads: int, **_: object) -> Callable[[], bytes]:
    """A gzip file of JSON lines as the bytes of a partition's first object."""
    keep_freed_memory()
    promise = line_orders()
    origin = Origin(promise.plan.contract, promise.contracts, NOW)
    context = _context(promise)

    def run() -> bytes:
        store = MemoryStore()
        with Path(path).open("rb") as stream:
            taken = parse_object(
                stream, promise.plan, origin, place=path, now=NOW, timer=time.perf_counter, threads=threads > 1
            )
        assert not taken.halted, taken.halted
        assert not taken.rejected_lines, taken.rejected[:3]
        (part,) = taken.parts
        commit_rows(store, part.table, part.path, part.rows, sources=[SOURCE], context=context)
        return store.body(part.table.name)

    return run


def first_object(rows: pa.Table) -> bytes:
    """The bytes of a partition's first object that holds these rows."""
    promise, store = line_orders(), MemoryStore()
    commit_rows(store, promise.table, "", rows, sources=[SOURCE], context=_context(promise))
    return store.body(promise.table.name)


def merge(*, partition: str, batch: str, **_: object) -> Callable[[], bytes]:
    """A commit: the partition's object and a batch as the bytes of its next object."""
    promise = line_orders()
    rows = pq.read_table(batch)
    context = _context(promise)

    def run() -> bytes:
        store = MemoryStore({promise.table.name: Path(partition).read_bytes()})
        commit_rows(store, promise.table, "", rows, sources=[LATER], context=context)
        return store.body(promise.table.name)

    return run


def replay(*, partition: str, batch: str, source_known: bool = False, **_: object) -> Callable[[], None]:
    """A batch that the partition holds already: recognised from its rows, or (``source_known``) from the footer.

    Raises where anything is written.
    """
    promise = line_orders()
    rows = pq.read_table(batch)
    context = _context(promise)
    source = LATER if source_known else UNSEEN

    def run() -> None:
        store = MemoryStore({promise.table.name: Path(partition).read_bytes()})
        outcome = commit_rows(store, promise.table, "", rows, sources=[source], context=context)
        assert isinstance(outcome, AlreadyThere), outcome
        assert store.writes == 0

    return run


def quotes_warm(*, quotes: int, days: int, **_: object) -> Callable[[], bytes]:
    """A feed object with a symbol's last quotes, into the object that holds the rest of its month."""
    contracts = load(SHIPPED, today=NOW.date())
    contract = contracts.dataset("quotes")
    assert isinstance(contract.source, Feed)
    plan = plan_source(contract, contract.source.table.name)
    origin, context = Origin(contract, contracts, NOW), CommitContext(contract_hash=contract.hash)
    lines = _month_of_quotes(contract, days)

    def parts_of(batch: Sequence[bytes]) -> tuple[Part, ...]:
        stream = io.BytesIO(gzip.compress(b"".join(batch), compresslevel=1))
        return parse_object(stream, plan, origin, place="quotes", now=NOW, timer=time.perf_counter).parts

    (part,) = parts_of(lines[:-quotes])
    before, name = MemoryStore(), partition_of(part.table.name, part.path)
    commit_rows(before, part.table, part.path, part.rows, sources=[SOURCE], context=context)
    body, arriving = before.body(name), gzip.compress(b"".join(lines[-quotes:]), compresslevel=1)

    def run() -> bytes:
        store = MemoryStore({name: body})
        taken = parse_object(
            io.BytesIO(arriving), plan, origin, place="quotes", now=NOW, timer=time.perf_counter, threads=False
        )
        (part,) = taken.parts
        outcome = commit_rows(store, part.table, part.path, part.rows, sources=[LATER], context=context)
        assert isinstance(outcome, Committed), outcome
        assert outcome.inserted == quotes
        return store.body(name)

    return run


def _month_of_quotes(contract: Contract, days: int) -> list[bytes]:
    """The lines of one symbol for trading days of 390 minutes, from the second of the month."""
    assert isinstance(contract.source, Feed)
    price = random.Random(1)
    lines = []
    for day in range(days):
        opening = dt.datetime(NOW.year, NOW.month, 2 + day, 14, 30, tzinfo=dt.UTC)
        for number in range(390):
            minute = opening + dt.timedelta(minutes=number)
            cents = Decimal(price.randrange(10_000, 30_000)).scaleb(-2)
            fetched = minute + dt.timedelta(seconds=1, microseconds=price.randrange(10**6))
            values = {"c": cents, "t": minute}
            point = PointLine("AAPL", int(minute.timestamp()), "live", "observed", fetched, values)
            lines.append(encode_line(point, dataset="quotes", feed=contract.source))
    return lines


def commits(*, bucket: str, batches: str, writer: int, partitions: int, rows: int, **_: object) -> Callable[[], None]:
    """One writer's batches, one after another, each into a partition that chance names, on the object store."""
    promise = line_orders()
    store = S3PartitionStore(Clients()("s3"), bucket)
    every = pq.read_table(batches)
    chance = random.Random(writer)
    context = _context(promise)
    store.read_pointer("warm-up")

    def run() -> None:
        for number in range(every.num_rows // rows):
            batch = every.slice(number * rows, rows)
            source = SourceRef(f"tables/line_orders/line_item/{writer:06d}{number:06d}.jsonl.gz", str(number))
            path = f"p={chance.randrange(partitions)}"
            commit_rows(store, promise.table, path, batch, sources=[source], context=context)

    return run


def committed_keys(*, bucket: str, partitions: int) -> pa.Table:
    """The keys of all rows that the pointers lead to."""
    promise = line_orders()
    store = S3PartitionStore(Clients()("s3"), bucket)
    snapshots = [read_partition(store, promise.table, f"p={number}") for number in range(partitions)]
    return pa.concat_tables(
        [snapshot.table.select(promise.table.key) for snapshot in snapshots if snapshot is not None]
    )


def create(*, bucket: str) -> None:
    """The bucket; pointers come with the first commits."""
    make(bucket)
