"""The project's own contestants: the one place where the bench meets ``processing``.

Each does what the Lambda does with the same functions, on a store in memory: what S3 takes is not measured here.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from core.contract.load import load
from core.contract.model import Contracts, Table
from core.pointer import object_key
from core.ports import PartitionObject, Pointer, Refused, Written
from processing.accept import take_apart
from processing.commit import AlreadyThere, CommitContext, SourceRef, commit_rows
from processing.plan import SourcePlan, plan_source
from processing.shape import Origin

NOW = dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC)
CONTRACTS = Path(__file__).parent / "contracts"
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
            self._pointers[partition] = Pointer(key, "1")

    def read_pointer(self, partition: str) -> Pointer | None:
        return self._pointers.get(partition)

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
        self._pointers[partition] = Pointer(target, etag)
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
    promise = line_orders()
    origin = Origin(promise.plan.contract, promise.contracts, NOW)
    context = _context(promise)

    def run() -> bytes:
        store = MemoryStore()
        with Path(path).open("rb") as stream:
            taken = take_apart(
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
