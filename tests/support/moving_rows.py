"""Random histories of rows whose partition changes although the contract calls its column immutable.

The sales source beside facts of every kind of partition: of time, of time and buckets, of buckets alone, of none (which
what is marked for another must not harm), one that keeps no history, and a dimension. What is held of a fact is told
from the partitions' rows, and what ought to be from the source, by rules written here again.
"""

from __future__ import annotations

import random
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from tests.support.database_simulation import DatabaseSimulation, quick_contracts
from tests.support.sources import source

from auditor.repairs.triage import describe
from core.audit.findings import MovedRows
from core.contract.model import Column, Contracts, Latest, Partition, Take
from processing.events import ObjectEvent
from processing.process import process_objects
from processing.restating.rebuild import rebuild_table

BUCKETS, SINCE = 3, "2026-08-01"
MONTHS = ("2026-08", "2026-09", "2026-10")
TABLES = ("sales_order", "purchase_order", "payment")
SOURCES = {
    "fact_sales_order": "sales_order",
    "fact_sales_newest": "sales_order",
    "fact_sales_whole": "sales_order",
    "fact_purchase_order": "purchase_order",
    "fact_payment": "payment",
}
MONTH = Partition("month", "created_at", "month")
NOW = "timezone('UTC', clock_timestamp())"
Held = tuple[int, datetime, str]  # key, version, partition


def moving_contracts() -> Contracts:
    """The shipped contracts with these facts, and a dimension of sales orders."""
    contracts = quick_contracts()
    sales = replace(contracts.table("fact_sales_order"), since=SINCE)
    newest = replace(
        sales,
        name="fact_sales_newest",
        key=("sales_order_id",),
        history_of=(),
        columns=tuple(column for column in sales.columns if not isinstance(column.rule, Latest)),
    )
    by_staff = (MONTH, Partition("staff_bucket", "staff_id", "bucket", BUCKETS))
    by_party = (Partition("party_bucket", "counterparty_id", "bucket", BUCKETS),)
    dimension = replace(contracts.table("dim_design"), name="dim_order", key=("sales_order_id",), source="sales_order")
    taken = tuple(Column(name, sales.column(name).type, Take(name)) for name in ("sales_order_id", "created_at"))
    tables = {
        **{table.name: table for table in contracts.dataset("sales").tables},
        "fact_sales_order": sales,
        "fact_sales_newest": newest,
        "fact_sales_whole": replace(sales, name="fact_sales_whole", partition_by=()),
        "fact_purchase_order": replace(contracts.table("fact_purchase_order"), partition_by=by_staff, since=SINCE),
        "fact_payment": replace(contracts.table("fact_payment"), partition_by=by_party),
        "dim_order": replace(dimension, columns=taken),
    }
    contract = replace(contracts.dataset("sales"), tables=tuple(tables.values()))
    return replace(contracts, contracts=tuple(contract if old.dataset == "sales" else old for old in contracts))


@contextmanager
def moving_rows(seed: int, *, sales_orders: int = 12) -> Iterator[MovingRows]:
    with source(sales_orders=sales_orders, seed=1) as database:
        simulation = DatabaseSimulation(database, contracts=moving_contracts(), seed=seed)
        try:
            for table in TABLES:
                simulation.run(f"update {table} set created_at = '{SINCE}' where created_at < '{SINCE}'")
            simulation.extract()
            yield MovingRows(simulation, random.Random(seed))
        finally:
            simulation.close()


@dataclass
class MovingRows:
    """The simulation and what a seed does to it. ``faults`` say where the lake was not what the source is."""

    simulation: DatabaseSimulation
    draw: random.Random
    faults: list[str] = field(default_factory=list)
    moved: int = 0
    _favourites: dict[str, list[int]] = field(default_factory=dict)

    # ------------------------------------------------------------ what is done

    def change(self) -> str:
        """Some change of a few rows, of which the same are changed again and again."""
        kinds: Sequence[Callable[[str, int], str]] = (
            self._move,
            self._move,
            self._touch,
            self._move_untold,
            self._delete,
        )
        table = self.draw.choice(TABLES)
        keys = [row[0] for row in self.simulation.run(f"select {table}_id from {table} order by 1")]
        favourites = self._favourites.setdefault(table, keys[:3])
        left = [key for key in favourites if key in keys] or keys[-1:]
        return self.draw.choice(kinds)(table, self.draw.choice(left))

    def _move(self, table: str, key: int) -> str:
        """With a clock that goes on, stands still or is set back."""
        clock = self.draw.choice([NOW] * 3 + ["last_updated - interval '3 hours'"])
        return self.set(table, key, f"{self._elsewhere(table)}, last_updated = {clock}")

    def _move_untold(self, table: str, key: int) -> str:
        """Without a word of its clock: only a partition of time can show it, for key and version are the same."""
        return self.set(table, key, f"created_at = {self._month()}") if table != "payment" else ""

    def _elsewhere(self, table: str) -> str:
        if table == "payment":
            return f"counterparty_id = {self.draw.randint(1, 9)}"
        staff = f", staff_id = {self.draw.randint(1, 9)}" if table == "purchase_order" else ""
        return f"created_at = {self._month()}{staff}"

    def _month(self) -> str:
        return f"timestamp '{self.draw.choice(MONTHS)}-15'"

    def _touch(self, table: str, key: int) -> str:
        return self.set(table, key, f"last_updated = {NOW}")

    def set(self, table: str, key: int, what: str) -> str:
        """Columns of a row at the source."""
        self.simulation.run(f"update {table} set {what} where {table}_id = %s", key)
        return f"{table} {key}: {what}"

    def _delete(self, table: str, key: int) -> str:
        if table != "payment":
            side = table
            payments = f"select payment_id from payment join transaction using (transaction_id) where {side}_id = {key}"
            self.simulation.run(f"delete from payment where payment_id in ({payments})")
            self.simulation.run(f"delete from transaction where {side}_id = %s", key)
        self.simulation.run(f"delete from {table} where {table}_id = %s", key)
        return f"{table} {key} deleted"

    # ------------------------------------------------------------ what is held, and what ought to be

    def held(self, fact: str) -> list[Held]:
        """The current rows."""
        table = self.simulation.contracts.table(fact)
        key = f"{SOURCES[fact]}_id"
        return sorted(
            (row[key], row["last_updated"], path)
            for path in self.simulation.lake.paths(fact)
            for row in self.simulation.lake.snapshot(fact, path).table.to_pylist()
            if (row["is_latest"] if table.history_of else row["deleted_at"] is None)
        )

    def owed(self, fact: str) -> list[Held]:
        """The source's rows, each in its partition."""
        name = SOURCES[fact]
        columns = "last_updated, created_at, " + {"payment": "counterparty_id"}.get(name, "staff_id")
        rows = self.simulation.run(f"select {name}_id, {columns} from {name}")
        return sorted((key, version, path_of(fact, created, other)) for key, version, created, other in rows)

    def left_behind(self) -> dict[tuple[str, int, str], str]:
        """Fact, key and partition of the current rows that the source has elsewhere, and where that is."""
        behind = {}
        for fact in SOURCES:
            now = {key: path for key, _, path in self.owed(fact)}
            behind |= {(fact, key, path): now[key] for key, _, path in self.held(fact) if now.get(key, path) != path}
        return behind

    def differences(self) -> list[str]:
        wrong = []
        for fact in SOURCES:
            held, owed = Counter(self.held(fact)), Counter(self.owed(fact))
            wrong += [f"{fact} has {row}" for row in (held - owed).elements()]
            wrong += [f"{fact} lacks {row}" for row in (owed - held).elements()]
        return wrong + self._current_differences()

    def _current_differences(self) -> list[str]:
        """What of the current state that the dimension is computed from is not as the source is."""
        ((name, rows),) = self.simulation.all_current("sales_order")
        held = {(row["sales_order_id"], row["last_updated"]) for row in rows if row["deleted_at"] is None}
        owed = {(key, version) for key, version, _ in self.owed("fact_sales_whole")}
        return [f"{name} and the source differ in {row}" for row in held ^ owed]

    # ------------------------------------------------------------ what is made of it

    def heal(self, where: str) -> None:
        """Audit and heal; every row that was left behind is named, none else is, and nothing is left."""
        behind = self.left_behind()
        run = f"run-{where}"
        self.simulation.heal(run=run)
        named: dict[tuple[str, int, str], set[str]] = {}
        for finding in self._findings(run):
            if isinstance(finding, MovedRows):
                for (key,), (was, now) in zip(finding.keys, finding.partitions, strict=True):
                    named.setdefault((finding.fact, int(str(key)), was), set()).add(now)
                    assert finding.columns
        for place, now in behind.items():
            if now not in named.get(place, ()):
                self.faults.append(f"{where}: {place} is not named as moved to {now}: {named.get(place)}")
        self.faults += [f"{where}: {place} is named, and had not moved" for place in named if place not in behind]
        self.faults += [f"{where}: after healing {difference}" for difference in self.differences()]
        self.faults += [f"{where}: left {describe(finding)}" for finding in self.simulation.audited(run=f"{run}-left")]
        self.moved += len(behind)

    def _findings(self, run: str) -> Iterator[Any]:
        for attempt in range(6):
            if self.simulation.lake.records.stat(f"audit/runs/{run}/audit-{attempt}.json"):
                yield from self.simulation.findings(run, attempt)

    def make_again(self, where: str) -> None:
        """Rebuild every fact and replay every ingest object: the rows stay as they are."""
        before = self._rows()
        for fact in SOURCES:
            list(rebuild_table(self.simulation.lake.services, fact))
        keys = [*self.simulation.ingest_keys(), *self.simulation.ingest_keys("repair/")]
        self.draw.shuffle(keys)
        process_objects([ObjectEvent("", key) for key in keys], self.simulation.lake.services)
        after = self._rows()
        self.faults += [f"{where}: {place} has other rows" for place in before if before[place] != after[place]]

    def _rows(self) -> Mapping[tuple[str, str], Any]:
        lake = self.simulation.lake
        return {(fact, path): lake.snapshot(fact, path).table for fact in SOURCES for path in lake.paths(fact)}


def path_of(fact: str, created: datetime, other: int) -> str:
    """The partition of a row; ``other`` is its counterparty, or its staff."""
    bucket = bucket_of(other)
    paths = {
        "fact_sales_whole": "",
        "fact_purchase_order": f"month={created:%Y-%m}/staff_bucket={bucket}",
        "fact_payment": f"party_bucket={bucket}",
    }
    return paths.get(fact, f"month={created:%Y-%m}")


def bucket_of(value: int) -> int:
    return zlib.crc32(str(value).encode()) % BUCKETS


def history(seed: int, *, rounds: int = 4, changes: int = 6) -> MovingRows:
    """Rounds of changes, extracted or not between them, each healed; the last is made again from the ingest objects."""
    with moving_rows(seed) as moving:
        for number in range(rounds):
            done = []
            for _ in range(moving.draw.randint(1, changes)):
                done.append(moving.change())
                if moving.draw.random() < 0.5:
                    moving.simulation.extract()
            moving.simulation.extract()
            before = len(moving.faults)
            moving.heal(f"{seed}-{number}")
            if len(moving.faults) > before:
                moving.faults.append(f"seed {seed}, round {number}: {done}")
                return moving
        moving.make_again(f"{seed}-again")
        return moving
