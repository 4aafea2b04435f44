from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from tests.support.extraction import LEDGER, LEDGER_SQL, ScratchDatabase, scratch_database, source_table

from core.errors import InvalidData, MissingColumns, OutOfReach, UnknownTable
from core.landing.ingest_objects import START, Position
from core.landing.source_lines import resume_point
from ingestion.engines.postgresql.engine import PostgreSql
from ingestion.extract.lines import collect_rows, latest_timestamp

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FAR = datetime(2100, 1, 1, tzinfo=UTC)


def line(**values: object) -> bytes:
    return json.dumps(values).encode() + b"\n"


# ---------------------------------------------------------------- the latest timestamp


def test_the_latest_timestamp_is_the_newest_change_or_else_the_newest_creation() -> None:
    lines = [
        line(id=1, created_at="2026-11-20T09:00:00", last_updated="2026-11-20T12:00:00"),
        line(id=2, created_at="2026-11-20T12:00:00.000001", last_updated=None),
        line(id=3, created_at="2026-11-20T13:00:00", last_updated="2026-11-20T11:00:00"),
        line(id=4, created_at=None, last_updated=None),
    ]
    assert latest_timestamp(LEDGER, lines) == NOON.replace(microsecond=1)
    assert latest_timestamp(LEDGER, lines[:1]) == NOON
    assert latest_timestamp(LEDGER, lines[3:]) is None
    assert latest_timestamp(LEDGER, []) is None


def test_a_table_may_have_only_one_of_the_two() -> None:
    created = source_table("log", key=["id"], id="int", created_at="timestamp")
    assert latest_timestamp(created, [line(id=1, created_at="2026-11-20T13:00:00+01:00")]) == NOON


def test_with_neither_of_the_two_it_is_a_key_error() -> None:
    with pytest.raises(KeyError) as caught:
        latest_timestamp(LEDGER, [line(id=1, note="x")])
    assert isinstance(caught.value, MissingColumns)
    assert "neither last_updated nor created_at" in str(caught.value)


def test_a_time_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidData, match="'infinity'"):
        latest_timestamp(LEDGER, [line(id=1, created_at="x", last_updated="infinity")])


def test_without_zone_and_with_a_clock_that_is_not_utc_it_stays_wall_clock() -> None:
    latest = latest_timestamp(LEDGER, [line(id=1, last_updated="2026-11-20T12:00:00")], timezone="Europe/London")
    assert latest == NOON.replace(tzinfo=None)


def test_the_resume_point_keeps_exact_numbers() -> None:
    table = source_table("part", key=["n", "code"], n="decimal(38,20)", code="string", last_updated="timestamp")
    text = b'{"n":1.00000000000000000001,"code":"a\\"b","last_updated":"2026-11-20T12:00:00"}\n'
    assert resume_point(table, text, timezone="UTC") == (NOON, ("1.00000000000000000001", 'a"b'))


# ---------------------------------------------------------------- collecting


@pytest.fixture
def database() -> Iterator[ScratchDatabase]:
    with scratch_database(LEDGER_SQL) as database:
        database.run(
            "INSERT INTO ledger (id, note, created_at, last_updated) VALUES (2, 'b', '2026-11-20', '2026-11-20 12:00'),"
            " (1, 'a', '2026-11-20', '2026-11-20 12:00'), (3, 'c', '2026-11-20', '2026-11-20 13:00')"
        )
        yield database


@pytest.mark.database
def test_rows_come_as_json_lines_in_order(database: ScratchDatabase) -> None:
    session = database.session()
    batches = collect_rows(PostgreSql(), session, LEDGER, Position(NOON), FAR, timezone="UTC", seconds=10)
    rows = [json.loads(text) for batch in batches for text in batch]
    assert [(row["id"], row["note"], row["last_updated"]) for row in rows] == [
        (1, "a", "2026-11-20T12:00:00"),
        (2, "b", "2026-11-20T12:00:00"),
        (3, "c", "2026-11-20T13:00:00"),
    ]
    session.close()


@pytest.mark.database
def test_rows_of_an_unknown_table_are_a_key_error(database: ScratchDatabase) -> None:
    table = source_table("nothing", key=["id"], id="int", last_updated="timestamp")
    with pytest.raises(KeyError) as caught:
        list(collect_rows(PostgreSql(), database.session(), table, START, FAR, timezone="UTC", seconds=10))
    assert isinstance(caught.value, UnknownTable)


@pytest.mark.database
def test_rows_of_a_database_out_of_reach_are_a_connection_error(database: ScratchDatabase) -> None:
    session = database.session()
    database.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'starmend-extract'")
    with pytest.raises(ConnectionError) as caught:
        list(collect_rows(PostgreSql(), session, LEDGER, START, FAR, timezone="UTC", seconds=10))
    assert isinstance(caught.value, OutOfReach)
    assert database.dbname in str(caught.value)
