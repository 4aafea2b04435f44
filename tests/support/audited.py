"""A small feed and a small database, and what an audit needs of each, in memory; rows are committed as processing does.

The database's source answers as the check function does, from a dictionary.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from tests.fakes.log import MemoryLog
from tests.fakes.metrics import MemoryMetrics
from tests.fakes.objects import MemoryObjects
from tests.fakes.partitions import MemoryPartitions, MemoryWarehouse
from tests.support.tables import ORDERS, QUOTES, column, rows_of

from auditor.databases.rows.targets import targets_of
from auditor.services import Limits, Services
from core.audit.fingerprint import bucket_numbers, fingerprints, key_hashes, microseconds
from core.audit.source_check import (
    WAITING,
    CountBuckets,
    DescribeTables,
    FindWaiting,
    ListPairs,
    buckets_to_data,
    pairs_schema,
    question_from_data,
    shapes_to_data,
)
from core.contract.model import (
    Aggregated,
    Contract,
    Contracts,
    Database,
    Entity,
    Feed,
    Field,
    GroupValue,
    Provider,
    Sample,
    SourceTable,
    Table,
    TradingCalendar,
)
from core.contract.types import parse_type
from core.json import canonical_json
from core.landing.ingest_objects import ObjectFacts, TableObject, encode_facts
from core.landing.zone import landing_of
from core.time import epoch
from processing.partitions.commit import CommitContext, SourceRef, commit_rows

DATASET = "test"
HOUR = 3_600
TWO = epoch("2026-11-20T14:00:00Z")
CALENDAR = TradingCalendar("always", "1", 0, 4_102_444_800, ((0, 4_102_444_800),))
FACT = replace(QUOTES, source="quotes")
HOURLY = Table(
    "fact_quote_hourly",
    DATASET,
    "rollup",
    "hours of a test",
    ("symbol", "hour"),
    (
        column("symbol", "string", rule=GroupValue("symbol")),
        column("hour", "timestamp", rule=GroupValue("minute", "hour")),
        *(column(name, "int", rule=Aggregated(name)) for name in ("count", "expected", "repaired", "absent")),
        column("complete", "boolean", rule=Aggregated("complete")),
    ),
    source=FACT.name,
    partition_by=QUOTES.partition_by,
)
SYMBOLS = ("AAPL", "MSFT", "ZM")
Point = tuple[str, int]


def subject_of(contract: Contract, table: str) -> str:
    """Whose window a row of ``completeness`` is of: a database's tables are audited as the warehouse keeps them."""
    if not isinstance(contract.source, Database):
        return table
    return next(target.table.name for target in targets_of(contract) if target.source.name == table)


def instant(seconds: int) -> datetime:
    """As Arrow has it: without a zone."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def points_of(start: int, end: int, *, symbols: Iterable[str] = SYMBOLS) -> list[Point]:
    return [(symbol, slot) for symbol in symbols for slot in range(start, end, 60)]


def feed_contract(*, tables: tuple[Table, ...] = (FACT,), sample: Sample | None = None) -> Contract:
    """A contract whose feed owes a point every minute of every symbol, without an end."""
    provider = Provider("finnhub")
    source = SourceTable("quotes", ("symbol", "minute"), (Field("price", parse_type("decimal(18,6)")),))
    entities = tuple(Entity(symbol) for symbol in SYMBOLS)
    sampled = sample or Sample()
    feed = Feed(
        provider, provider, "", 60, "always", "symbol", "minute", entities, 180, 7200, 60, source, sample=sampled
    )
    return Contract(DATASET, feed, tables, hash="contract")


class AuditedFeed:
    """The buckets of a feed; ``now`` is set by the test."""

    def __init__(self, contract: Contract | None = None, *, now: int = TWO + HOUR + 600, **more: Any) -> None:
        self.contract = contract or feed_contract()
        assert isinstance(self.contract.source, Feed)
        self.feed: Feed = self.contract.source
        self.now = now
        self.ingest = MemoryObjects()
        self.partitions = MemoryPartitions()
        self.records = MemoryWarehouse(self.partitions)
        self.services = Services(
            contracts=Contracts((self.contract,), calendars=(CALENDAR,)),
            ingest=self.ingest,
            records=self.records,
            partitions=self.partitions,
            metrics=lambda _: MemoryMetrics(),
            log=MemoryLog(),
            now=lambda: datetime.fromtimestamp(self.now, UTC),
            code_version="test",
            **{"limits": Limits(workers=2), **more},
        )
        self._commits = 0

    def put(
        self, points: Iterable[Point], *, table: Table = FACT, provenance: str = "observed", price: str = "1"
    ) -> None:
        """Commit these points to a fact."""
        months: dict[str, list[Point]] = {}
        for symbol, slot in points:
            months.setdefault(f"symbol={symbol}/month={instant(slot):%Y-%m}", []).append((symbol, slot))
        for path, inside in months.items():
            records = [
                {"symbol": symbol, "minute": instant(slot), "price": Decimal(price), "provenance": provenance}
                for symbol, slot in inside
            ]
            self.commit(table, path, rows_of(table, records))

    def commit(self, table: Table, path: str, rows: pa.Table) -> str:
        """Commit rows to a partition; returns the new object's key."""
        self._commits += 1
        context = CommitContext("c", random=random.Random(self._commits), sleep=lambda _: None)
        source = SourceRef(f"object-{self._commits}", "etag")
        return commit_rows(self.partitions, table, path, rows, sources=[source], context=context).key


# ---------------------------------------------------------------- a database

CLOCK = datetime(2026, 11, 20, 15, tzinfo=UTC)
EARLY = datetime(2026, 11, 20, 12, tzinfo=UTC)
TABLE = SourceTable(
    "orders",
    ("order_id",),
    (Field("order_id", parse_type("int")), Field("updated", parse_type("timestamp"))),
    created_at="updated",
    changed_at="updated",
)
ORDER_FACT = replace(ORDERS, source="orders")


def database_contract(*tables: Table) -> Contract:
    """A contract of one source table; its fact is compared whole."""
    database = Database("postgresql", "secret", "UTC", 300, 60, 7_200, 0, 0, (TABLE,))
    return Contract(DATASET, database, tables or (ORDER_FACT,), hash="contract")


class AuditedDatabase:
    """The buckets of a database. ``source`` holds the version (epoch seconds) of each order."""

    def __init__(self, contract: Contract | None = None, **more: Any) -> None:
        self.contract = contract or database_contract()
        self.now = CLOCK
        self.source: dict[int, int] = {}
        self.asked: list[CountBuckets | ListPairs] = []
        self.described: Mapping[str, Any] = shapes_to_data({}, [])
        self.sought: list[FindWaiting] = []
        self.ingest = MemoryObjects(clock=lambda: EARLY)
        self.partitions = MemoryPartitions()
        self.records = MemoryWarehouse(self.partitions)
        self.services = Services(
            contracts=Contracts((self.contract,)),
            ingest=self.ingest,
            records=self.records,
            partitions=self.partitions,
            metrics=lambda _: MemoryMetrics(),
            log=MemoryLog(),
            now=lambda: self.now,
            code_version="test",
            source=self._answer,
            **{"limits": Limits(workers=2), **more},
        )
        self._commits = 0

    def put(self, orders: Mapping[int, int], *, deleted: Mapping[int, int] | None = None) -> None:
        """Commit orders by number and version (epoch seconds), and marks of deleted ones."""
        gone = deleted or {}
        records = [
            {"order_id": number, "updated": instant(version), "deleted_at": None} for number, version in orders.items()
        ]
        records += [
            {"order_id": number, "updated": instant(version), "deleted_at": instant(version)}
            for number, version in gone.items()
        ]
        self._commits += 1
        context = CommitContext("c", random=random.Random(self._commits), sleep=lambda _: None)
        source = SourceRef(f"object-{self._commits}", "etag")
        rows = rows_of(ORDER_FACT, records)
        commit_rows(self.partitions, ORDER_FACT, "", rows, sources=[source], context=context)

    def arrive(self, number: int, *, until: datetime = CLOCK, receipt: bool = True) -> str:
        """An ingest object of the table that holds all rows until then, and its receipt."""
        key = TableObject(DATASET, TABLE.name, number).key
        facts = ObjectFacts(EARLY, until, until, (0,), 1, "", last=True)
        self.ingest.write(key, b"{}", metadata=encode_facts(facts))
        if receipt:
            self.write_receipt(key)
        return key

    def write_receipt(self, key: str, **content: Any) -> None:
        landing = landing_of(key)
        assert landing is not None
        self.records.write(landing.receipt_key, canonical_json({"outcome": "committed", "object": key, **content}))

    def _answer(self, question: Mapping[str, Any]) -> Mapping[str, Any]:
        asked = question_from_data(question)
        if isinstance(asked, DescribeTables):
            return self.described
        if isinstance(asked, FindWaiting):
            self.sought.append(asked)
            bounds = epoch(asked.since[TABLE.name]), epoch(asked.until)
            return {WAITING: [TABLE.name] if any(bounds[0] <= at < bounds[1] for at in self.source.values()) else []}
        self.asked.append(asked)
        if isinstance(asked, CountBuckets):
            until = microseconds(pa.array([instant(epoch(asked.until))], pa.timestamp("us")))[0]
            keys, versions = self._source_columns()
            old = np.asarray(microseconds(versions)) < until
            spans = tuple(
                fingerprints(key_hashes([keys])[old], microseconds(versions)[old], asked.buckets) for _ in asked.spans
            )
            return {"spans": buckets_to_data(spans)}
        keys, versions = self._source_columns()
        wanted = np.isin(bucket_numbers(key_hashes([keys]), asked.buckets), asked.wanted)
        pairs = pa.Table.from_arrays([keys, versions], schema=pairs_schema(TABLE)).filter(pa.array(wanted))
        sink = pa.BufferOutputStream()
        pq.write_table(pairs, sink)
        self.records.write(asked.target, sink.getvalue().to_pybytes())
        return {}

    def _source_columns(self) -> tuple[pa.Array, pa.Array]:
        versions = [instant(version) for version in self.source.values()]
        return pa.array(list(self.source), pa.int32()), pa.array(versions, pa.timestamp("us"))
