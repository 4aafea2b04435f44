"""Scenarios that the crash-point run cuts: each is a piece of the pipeline with stores of its own.

``attempt`` does the whole work, as an invocation would that starts anew; it may die in it. ``outcome`` is what must be
the same whatever happened, ``state`` what must not change when the work is done once more.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Protocol

from tests.fakes.partitions import MemoryPartitions
from tests.support.crashpoints import Effects
from tests.support.extraction import (
    LEDGER,
    LEDGER_SQL,
    ScratchDatabase,
    contract_of,
    extraction_sandbox,
    scratch_database,
)
from tests.support.lake import MemoryLake, department, order, quote, shipped_contracts, staff
from tests.support.sources import shared_server
from tests.support.tables import COUNTS, column, counts, fact, rows_of

from core.contract.model import Table
from core.landing.zone import RECEIPTS
from core.ports import PartitionStore
from core.warehouse.current_state import CURRENT
from processing.derived.dimensions import derive_static
from processing.events import ObjectEvent
from processing.partitions.commit import CommitContext, SourceRef, commit_rows, commit_table, read_partition, restate
from processing.partitions.rollback import release, rollback
from processing.plan import static_tables
from processing.process import process_objects
from processing.restating.replay import folder_of

SUM = fact("dim_sum", ["name"], [column("name", "string"), column("total", "bigint")])
Step = Callable[[PartitionStore, CommitContext], object]


class Scenario(Protocol):
    def attempt(self, effects: Effects) -> None: ...

    def outcome(self) -> Any: ...

    def state(self) -> Any: ...


# ---------------------------------------------------------------- commits


def batch(name: str, numbers: list[int], total: int) -> Step:
    rows, source = counts(numbers, total), SourceRef(name, "e")
    return lambda store, context: commit_rows(store, COUNTS, "", rows, sources=[source], context=context)


def derived() -> Step:
    def total(inputs: Mapping[str, Any]) -> Any:
        return rows_of(SUM, [{"name": "all", "total": sum(inputs["dim_count"].table["number"].to_pylist())}])

    return lambda store, context: commit_table(store, SUM, "", total, inputs=[(COUNTS, "")], context=context)


def rolled_back(to: int, hold: str) -> Step:
    return lambda store, context: rollback(store, COUNTS, "", to=to, hold=hold, context=context)


def released() -> Step:
    return lambda store, context: release(store, COUNTS, "", context=context)


def restated(numbers: list[int], total: int, *sources: str) -> Step:
    refs = [SourceRef(name, "e") for name in sources]
    return lambda store, context: restate(store, COUNTS, "", lambda: (counts(numbers, total), refs), context=context)


class Commits:
    """Steps on one store, each a commit."""

    def __init__(self, *steps: Step, seed: int = 1) -> None:
        self.store = MemoryPartitions()
        self._steps = steps
        self._source = random.Random(seed)

    def attempt(self, effects: Effects) -> None:
        watched = effects.watch(self.store)
        for step in self._steps:
            step(watched, CommitContext("c", random=random.Random(self._source.getrandbits(64)), sleep=lambda _: None))

    def outcome(self) -> list[Any]:
        return [_rows_and_hold(self.store, table) for table in (COUNTS, SUM)]

    def state(self) -> Any:
        """Pointers, all that they ever named (nothing of which may be missing), and the rows."""
        missing = [key for keys in self.store.history.values() for key in keys if key not in self.store.objects]
        return self.outcome(), missing


def _rows_and_hold(store: PartitionStore, table: Table) -> Any:
    snapshot = read_partition(store, table, "")
    return (snapshot.table.to_pylist(), snapshot.footer.hold) if snapshot else None


def warehouse_commit() -> Commits:
    """Batches, a rollback with a hold that is released, a restatement, and a batch again."""
    return Commits(
        batch("a", [1, 2, 3], 0),
        batch("b", [3, 4], 1),
        rolled_back(1, "look into it"),
        released(),
        restated([1, 2, 3, 4], 1, "b"),
        batch("c", [4, 5], 2),
    )


def derived_table() -> Commits:
    """A table that is computed from another one, whose input changes between and under its commits."""

    late = batch("late", [7], 0)

    def changing(store: PartitionStore, context: CommitContext) -> object:
        """The input gets a batch after the target's pointer and the input were read."""

        def total(inputs: Mapping[str, Any]) -> Any:
            late(store, CommitContext("c", random=context.random, sleep=lambda _: None))
            return rows_of(SUM, [{"name": "all", "total": sum(inputs["dim_count"].table["number"].to_pylist())}])

        return commit_table(store, SUM, "", total, inputs=[(COUNTS, "")], context=context)

    return Commits(batch("a", [1, 2], 0), derived(), batch("b", [3], 0), changing, late, derived())


# ---------------------------------------------------------------- extraction


@contextmanager
def extraction_pass() -> Iterator[Callable[[], Scenario]]:
    """One pass over two tables in objects of ten rows, on a real PostgreSQL."""
    names = ("ledger", "other")
    with scratch_database(LEDGER_SQL, LEDGER_SQL.replace("ledger", "other")) as database:
        for name in names:
            database.run(
                f"INSERT INTO {name} (id, last_updated) SELECT n, '2026-11-20'::timestamp + n / 4 * interval '1 s'"
                " FROM generate_series(1, 25) AS n"
            )
        yield lambda: Extraction(database, names)


class Extraction:
    def __init__(self, database: ScratchDatabase, names: tuple[str, ...]) -> None:
        login = {"port": shared_server().direct_port, "sslmode": "disable", "sslrootcert": None}
        self._secret = database.secret(**login)
        self._contract = contract_of(*(replace(LEDGER, name=name, rows_per_object=10) for name in names))
        self._names = names
        self._sandbox = extraction_sandbox(self._contract, secret=self._secret)

    def attempt(self, effects: Effects) -> None:
        sandbox = extraction_sandbox(
            self._contract,
            secret=self._secret,
            objects=effects.watch(self._sandbox.objects),
            parameters=effects.watch(self._sandbox.parameters),
        )
        try:
            sandbox.extract().raise_failures()
        finally:
            sandbox.extraction.close()

    def outcome(self) -> Any:
        """Rows in order, numbers, and whether the parameters say what the objects say."""
        sandbox = self._sandbox
        return {
            name: (
                sandbox.rows(name),
                sandbox.numbers(name),
                int(sandbox.parameter("sequential_id", name)) - len(sandbox.facts(name)),
            )
            for name in self._names
        }

    def state(self) -> Any:
        return self.outcome(), self._sandbox.object_keys()


# ---------------------------------------------------------------- processing

MOVED = "2026-11-20T11:00:00.000"


class Processing:
    """Two batches of ingest objects to facts, dimensions, current state, quarantine, receipts and parameters."""

    _base: MemoryPartitions | None = None

    def __init__(self) -> None:
        contracts = shipped_contracts()
        self._memory = MemoryLake(contracts)
        self._memory.partitions = _copy(self._with_static_tables())
        put = self._memory.put_table
        first = [
            put("sales", "department", 1, [department(1, "Sales"), department(2, "Art")]),
            put("sales", "staff", 1, [staff(1, 1), staff(2, 2)]),
            put("sales", "sales_order", 1, [order(1), order(2, created_at="2026-10-01T00:00:00"), b"bad\n"]),
        ]
        second = [
            put("sales", "staff", 2, [staff(1, 2, MOVED)]),
            put("sales", "sales_order", 2, [order(1, MOVED, units_sold=9), order(3, units_sold=0)]),
            self._memory.put("feeds/quotes/2026/11/20/14/one", [quote("AAPL", "2026-11-20T14:30:00Z", "1.5")]),
        ]
        self._batches = (first, second)

    @classmethod
    def _with_static_tables(cls) -> MemoryPartitions:
        """What every lake has from the first day: the tables that come from the contract alone."""
        if cls._base is None:
            cls._base = MemoryPartitions()
            for table in static_tables(shipped_contracts()):
                derive_static(cls._base, table, shipped_contracts())
        return cls._base

    def attempt(self, effects: Effects) -> None:
        """One container; one worker, so that the effects come in the same order every time."""
        memory = self._memory
        sandbox = replace(
            memory.services,
            partitions=effects.watch(memory.partitions),
            records=effects.watch(memory.records),
            parameters=effects.watch(memory.parameters),
            workers=1,
            ensured=set(),
            settled={},
        )
        for keys in self._batches:
            for error in process_objects([ObjectEvent("", key) for key in keys], sandbox).values():
                raise error

    def outcome(self) -> Any:
        memory, contracts = self._memory, self._memory.services.contracts
        tables = [table.name for table in contracts.tables() if memory.paths(table.name)]
        receipts = [memory.receipt(key) for keys in self._batches for key in keys]
        return {
            "tables": {name: memory.rows(name) for name in tables},
            "current": [key for key in memory.versions() if f"/{CURRENT}/" in key],
            "receipts": [_lasting(receipt) for receipt in receipts],
            "receipt objects": [info.key for info in memory.records.list(folder_of(RECEIPTS))],
            "quarantine": [memory.quarantined(key) for keys in self._batches for key in keys],
            "parameters": dict(memory.parameters.values),
        }

    def state(self) -> Any:
        return self.outcome(), self._memory.versions()


def _copy(base: MemoryPartitions) -> MemoryPartitions:
    copied = MemoryPartitions()
    copied.objects, copied.modified = dict(base.objects), dict(base.modified)
    copied.history = {name: list(targets) for name, targets in base.history.items()}
    return copied


def _lasting(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """What a receipt says of the object, not of the attempt that wrote it: an attempt may have been cut off before."""
    of_the_attempt = ("milliseconds", "stages", "outcome", "sequential")
    kept = {name: value for name, value in receipt.items() if name not in of_the_attempt}
    kept["partitions"] = [[part["table"], part["partition"], part["rows"]] for part in receipt["partitions"]]
    return kept


@contextmanager
def in_memory(make: Callable[[], Scenario]) -> Iterator[Callable[[], Scenario]]:
    yield make


SCENARIOS: dict[str, Callable[[], Any]] = {
    "warehouse commit": lambda: in_memory(warehouse_commit),
    "derived table": lambda: in_memory(derived_table),
    "processing batch": lambda: in_memory(Processing),
    "extraction pass": extraction_pass,
}
