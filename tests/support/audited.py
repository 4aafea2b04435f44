"""A small feed and what an audit needs of it, in memory: points are committed as processing does."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
from tests.fakes.log import MemoryLog
from tests.fakes.metrics import MemoryMetrics
from tests.fakes.objects import MemoryObjects
from tests.fakes.partitions import MemoryPartitions, MemoryWarehouse
from tests.support.tables import QUOTES, column, rows_of

from auditor.services import Limits, Services
from core.contract.model import (
    Aggregated,
    Contract,
    Contracts,
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
