"""The database of the simulation held to PostgreSQL: the same rows give the same lines, fingerprints and pairs."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from tests.fakes.secrets import MemorySecrets
from tests.simulation.database import Row, SimulatedConnector, SimulatedDatabase, SimulatedEngine
from tests.simulation.functions import Container
from tests.simulation.weather import Weather
from tests.simulation.world import World
from tests.support.extraction import SECRET, scratch_database, source_table

from core.audit.source_check import CountBuckets, ListPairs, Span
from core.landing.ingest_objects import START, Position
from ingestion.engines.build import engine_named
from ingestion.engines.port import Engine, Session, TableReading

pytestmark = pytest.mark.database
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FAR = NOON + timedelta(days=1)
ITEM = source_table(
    "item", key=["id"], id="int", note="string?", amount="decimal(10,2)", created_at="timestamp",
    last_updated="timestamp",
)  # fmt: skip
CREATE = (
    "CREATE TABLE item (id int PRIMARY KEY, note text, amount numeric(10,2) NOT NULL, created_at timestamp NOT NULL,"
    " last_updated timestamp NOT NULL)"
)
NOTES = [None, "", "plain", 'with "quotes", commas', "line\nbreak", "ünï", "\\ back"]


def drawn_rows(draw: random.Random, count: int) -> list[Row]:
    """Ties, microseconds, nulls, and texts that have to be escaped."""
    rows = []
    for number in draw.sample(range(-1000, 1000), count):
        at = NOON.replace(tzinfo=None) + timedelta(
            seconds=draw.randrange(20), microseconds=draw.choice([0, 120_000, 7])
        )
        amount = Decimal(draw.randint(-(10**6), 10**6)).scaleb(-2)
        row = {"id": number, "note": draw.choice(NOTES), "amount": amount}
        rows.append({**row, "created_at": at - timedelta(seconds=draw.randrange(5)), "last_updated": at})
    return rows


Reading = tuple[TableReading, Session]


@pytest.fixture
def both() -> Iterator[tuple[Reading, Reading]]:
    """The table as PostgreSQL reads it, and as the simulation does."""
    rows = drawn_rows(random.Random(7), 60)
    world = World(1, NOON)
    model = SimulatedDatabase(lambda: world.now)
    model.create(
        "item", ["id"], id="int", note="string?", amount="decimal", created_at="timestamp", last_updated="timestamp"
    )
    transaction = model.begin()
    for row in rows:
        model.put(transaction, "item", row)
    model.commit(transaction)
    simulated = SimulatedConnector(model, Container(world, Weather(1), "test", 0.0)).open()
    with scratch_database(CREATE) as database:
        for row in rows:
            database.run("INSERT INTO item VALUES (" + ", ".join(map(_literal, row.values())) + ")")
        engine = engine_named("postgresql")
        with closing(engine.connector(MemorySecrets(**{SECRET: database.secret()}), SECRET).open()) as session:
            yield _reading(engine, session), _reading(SimulatedEngine(), simulated)  # type: ignore[arg-type]


def _literal(value: Any) -> str:
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


def _reading(engine: Engine, session: Session) -> Reading:
    return engine.catalog(session, [ITEM]).reading(ITEM, timezone="UTC"), session


def parsed(batches: Iterable[list[bytes]]) -> list[dict[str, Any]]:
    return [json.loads(line, parse_float=str) for batch in batches for line in batch]


@pytest.mark.parametrize("start", [START, Position(NOON + timedelta(seconds=3)), Position(NOON, (0,))])
def test_an_interval_has_the_same_lines_in_the_same_order(both: tuple[Reading, Reading], start: Position) -> None:
    until = NOON + timedelta(seconds=15)
    ours, theirs = (parsed(reading.lines_between(session, start, until, seconds=10)) for reading, session in both)
    assert ours == theirs
    assert ours


def test_rows_by_key_fingerprints_and_pairs_are_the_same(both: tuple[Reading, Reading]) -> None:
    keys = [(row["id"],) for row in drawn_rows(random.Random(7), 60)[:9]] + [(5_000,)]
    lines = [parsed(reading.lines_of(session, keys, checked_at=NOON, seconds=10)) for reading, session in both]
    first, second = (sorted(each, key=lambda row: row["id"]) for each in lines)
    assert first == second
    spans = (Span("2026-11-20T11:59:50Z", "2026-11-20T12:00:05Z"), Span("2026-11-20T12:00:05Z", "2026-11-21T00:00:00Z"))
    question = CountBuckets(
        "shop", "item", spans, 4, "2026-11-20T12:00:12Z", column="created_at", beyond="2026-11-21T00:00:00Z"
    )
    counted = [reading.fingerprints(session, question, seconds=10) for reading, session in both]
    assert counted[0] == counted[1]
    for seconds in range(-1, 21, 3):
        start, until = Position(NOON + timedelta(seconds=seconds)), NOON + timedelta(seconds=seconds, microseconds=8)
        there = [reading.has_rows_between(session, start, until, seconds=10) for reading, session in both]
        assert there[0] == there[1]
    asked = ListPairs("shop", "item", spans[1], 4, (0, 2), "", column="created_at")
    pairs = [sorted(_csv(reading.pairs(session, asked, seconds=10))) for reading, session in both]
    assert pairs[0] == pairs[1]


def _csv(batches: Iterable[list[bytes]]) -> list[list[str]]:
    return [line.decode().strip().replace("T", " ").split(",") for batch in batches for line in batch]
