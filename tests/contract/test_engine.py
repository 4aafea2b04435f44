"""What every engine of databases promises behind its port, on a real server of each."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from tests.fakes.secrets import MemorySecrets
from tests.support.extraction import SECRET, ScratchDatabase, scratch_database, source_table

from core.audit.fingerprint import fingerprints, key_hashes, microseconds
from core.audit.source_check import CountBuckets, ListPairs, Span
from core.contract.model import SourceTable
from core.errors import InvalidData, MissingColumns, OutOfReach, UnknownTable
from core.landing.ingest_objects import START, Position
from core.sources.catalog import SourceType
from ingestion.engines.build import engine_named
from ingestion.engines.port import Engine, Session, TableReading

pytestmark = pytest.mark.database
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FAR = NOON + timedelta(days=1)
ITEM = source_table("item", key=["id"], id="int", note="string?", amount="decimal(10,2)", last_updated="timestamp")
CREATE = "CREATE TABLE item (id int PRIMARY KEY, note varchar(20), amount decimal(10,2), last_updated timestamp)"
ROWS = [(1, "one", "0.10", 2), (2, "two", "-5.00", 0), (3, None, "7.25", 1), (10, "ten", "0.00", 1)]


@dataclass
class Served:
    """An engine, and a database of a server of its kind."""

    engine: Engine
    database: ScratchDatabase
    session: Session

    def reading(self, table: SourceTable = ITEM) -> TableReading:
        return self.engine.catalog(self.session, [table]).reading(table, timezone="UTC")


@pytest.fixture(params=["postgresql"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    values = ", ".join(
        f"({key}, {'NULL' if note is None else repr(note)}, {amount}, '2026-11-20 12:00:0{second}')"
        for key, note, amount, second in ROWS
    )
    with scratch_database(CREATE, f"INSERT INTO item VALUES {values}") as database:
        engine = engine_named(request.param)
        with closing(engine.connector(MemorySecrets(**{SECRET: database.secret()}), SECRET).open()) as session:
            yield Served(engine, database, session)


def rows(batches: Iterator[list[bytes]]) -> list[dict[str, Any]]:
    return [json.loads(line, parse_float=str) for batch in batches for line in batch]


def test_rows_come_in_order_of_cursor_and_key_with_exact_values(served: Served) -> None:
    lines = rows(served.reading().lines_between(served.session, START, FAR, seconds=10))
    assert [(row["id"], row["note"], row["amount"]) for row in lines] == [
        (2, "two", "-5.00"), (3, None, "7.25"), (10, "ten", "0.00"), (1, "one", "0.10")
    ]  # fmt: skip
    assert all(row.keys() == {"id", "note", "amount", "last_updated"} for row in lines)


@pytest.mark.parametrize(("at", "after", "keys"), [(1, None, [3, 10, 1]), (1, (3,), [10, 1]), (1, (10,), [1])])
def test_an_interval_begins_at_a_time_or_behind_a_row_and_leaves_out_its_end(
    served: Served, at: int, after: tuple[int] | None, keys: list[int]
) -> None:
    start, reading = Position(NOON + timedelta(seconds=at), after), served.reading()
    assert [row["id"] for row in rows(reading.lines_between(served.session, start, FAR, seconds=10))] == keys
    until = NOON + timedelta(seconds=2)
    assert 1 not in [row["id"] for row in rows(reading.lines_between(served.session, START, until, seconds=10))]


def test_rows_are_fetched_by_key_with_the_time_of_the_check(served: Served) -> None:
    lines = rows(served.reading().lines_of(served.session, [(10,), (4,), (1,)], checked_at=NOON, seconds=10))
    assert {row["id"]: row["checked_at"] for row in lines} == dict.fromkeys((1, 10), "2026-11-20T12:00:00.000000Z")


def test_fingerprints_are_those_that_the_auditor_computes_and_pairs_name_the_rows(served: Served) -> None:
    spans = (Span("2026-11-20T12:00:00Z", "2026-11-20T12:00:01Z"), Span("2026-11-20T12:00:01Z", "2026-11-20T13:00:00Z"))
    question = CountBuckets("shop", "item", spans, 1, "2026-11-21T00:00:00Z", column="last_updated")
    answers = served.reading().fingerprints(served.session, question, seconds=10).spans
    assert [answer[0].rows for answer in answers] == [1, 3]
    for answer, keys in zip(answers, ([2], [1, 3, 10]), strict=True):
        versions = [NOON.replace(tzinfo=None) + timedelta(seconds=second) for key, *_, second in ROWS if key in keys]
        hashes = key_hashes([pa.array(keys, pa.int32())])
        assert answer == fingerprints(hashes, microseconds(pa.array(versions, pa.timestamp("us"))), 1)
    asked = ListPairs("shop", "item", spans[1], 1, (0,), "", column="last_updated")
    lines = sorted(line for batch in served.reading().pairs(served.session, asked, seconds=10) for line in batch)
    assert [line.split(b",")[0] for line in lines] == [b"1", b"10", b"3"]


def test_rows_that_no_interval_holds_are_counted(served: Served) -> None:
    assert served.reading().count_unplaced(served.session, FAR, seconds=10) == 0
    served.database.run("INSERT INTO item VALUES (20, 'null', 1, NULL), (21, 'far', 1, '2999-01-01 00:00:00')")
    assert served.reading().count_unplaced(served.session, FAR, seconds=10) == 2
    assert served.reading().count_rows(served.session, seconds=10) == len(ROWS) + 2


def test_rows_of_an_interval_are_there_or_not_by_the_bounds_that_an_extraction_has(served: Served) -> None:
    reading, second = served.reading(), timedelta(seconds=1)

    def there(start: Position, until: datetime) -> bool:
        return reading.has_rows_between(served.session, start, until, seconds=10)

    assert there(START, FAR)
    assert there(Position(NOON + 2 * second), FAR), "the first instant is inside"
    assert not there(Position(NOON + 3 * second), FAR)
    assert not there(START, NOON), "the last is not"
    served.database.run("INSERT INTO item VALUES (30, 'null', 1, NULL)")
    assert not there(Position(NOON + 3 * second), FAR)


SPANS = (Span("2026-11-20T12:00:00Z", "2026-11-20T12:00:01Z"), Span("2026-11-20T12:00:01Z", "2026-11-21T00:00:00Z"))


@pytest.mark.parametrize(("spans", "column"), [((Span(),), ""), (SPANS, "last_updated")])
def test_rows_that_no_interval_holds_are_counted_by_the_scan_of_the_others(
    served: Served, spans: tuple[Span, ...], column: str
) -> None:
    """A sweep reads each row once, and what it counts of the rows that have a place is what it counted without."""
    without = CountBuckets("shop", "item", spans, 4, "2026-11-20T13:00:00Z", column)
    expected = served.reading().fingerprints(served.session, without, seconds=10).spans
    served.database.run(
        "INSERT INTO item VALUES (20, 'null', 1, NULL), (21, 'far', 1, '2999-01-01'), (22, 'never', 1, 'infinity'),"
        " (23, 'before', 1, '-infinity'), (24, 'old', 1, '0044-03-15 BC'), (25, 'soon', 1, '2026-11-20 13:30:00')"
    )
    before = rows_scanned(served)
    counted = served.reading().fingerprints(served.session, replace(without, beyond="2026-11-20T14:00:00Z"), seconds=10)
    assert (counted.spans, counted.unplaced) == (expected, 5)
    assert rows_scanned(served) - before == len(ROWS) + 6


def rows_scanned(served: Served) -> int:
    """The rows of the table that were read one after another, by the server's own count."""
    served.session.query("SELECT pg_stat_force_next_flush()")
    ((scanned,),) = served.session.query("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'item'")
    return int(scanned)


def test_a_transaction_that_may_still_write_holds_the_horizon(served: Served) -> None:
    open_ = served.database.connect(autocommit=False)
    open_.cursor().execute("SELECT 1")
    held = served.engine.bound(served.session, own_role_may_write=False)
    open_.rollback()
    open_.close()
    assert held.at is not None
    assert held.at < held.now
    assert held.holder is not None


def test_a_server_that_is_no_replica_shows_all_it_has_at_once(served: Served) -> None:
    served.engine.catch_up(served.session)
    assert not served.session.closed


def test_what_the_server_lacks_is_named_table_by_table(served: Served) -> None:
    other = source_table("nowhere", key=["id"], id="int", last_updated="timestamp")
    more = source_table("item", key=["id"], id="int", colour="string", last_updated="timestamp")
    with pytest.raises(UnknownTable, match="nowhere"):
        served.reading(other)
    with pytest.raises(MissingColumns, match="colour"):
        served.reading(more)
    assert served.reading().table is ITEM


def test_tables_are_described_with_columns_key_indexes_and_size_and_the_server_with_our_role(served: Served) -> None:
    served.database.run("CREATE INDEX ON item (last_updated, id)", "ANALYZE item", "COMMENT ON TABLE item IS 'sold'")
    absent = source_table("nowhere", key=["id"], id="int", last_updated="timestamp")
    described = served.engine.described(served.session, [ITEM, absent])
    assert [*described] == ["item"]
    item = described["item"]
    assert (item.kind, item.key, item.rows, item.comment) == ("table", ("id",), len(ROWS), "sold")
    assert ("last_updated", "id") in item.indexes
    assert [(column.name, column.type, column.nullable) for column in item.columns] == [
        ("id", SourceType("integer", 32), False),
        ("note", SourceType("text"), True),
        ("amount", SourceType("decimal", 10, 2), True),
        ("last_updated", SourceType("wall"), True),
    ]
    assert (item.readable, item.visible, item.filtered, item.bytes > 0) == (True, True, False, True)
    assert item in served.engine.listed(served.session)
    facts = served.engine.server(served.session)
    assert (facts.database, facts.replica, facts.sees_transactions) == (served.database.dbname, False, True)
    assert facts.may_write is False


def test_a_wrong_login_is_named_by_its_field_or_refused_by_the_server(served: Served) -> None:
    with pytest.raises(InvalidData, match="host"):
        served.engine.login("{}", secret=SECRET)
    wrong = MemorySecrets(**{SECRET: served.database.secret(password="wrong")})
    with pytest.raises(OutOfReach):
        served.engine.connector(wrong, SECRET).open()


def test_a_failed_statement_closes_the_session(served: Served) -> None:
    reading = served.reading()
    served.database.run("DROP TABLE item")
    with pytest.raises(UnknownTable):
        rows(reading.lines_between(served.session, START, FAR, seconds=10))
    assert served.session.closed


def test_all_pairs_of_a_table_without_a_clock_are_listed_whose_key_is_never_null(served: Served) -> None:
    reading = served.reading(replace(ITEM, created_at="", changed_at="", compare="keys"))
    asked = ListPairs("shop", "item", Span(), 1, (0,), "")
    pairs = [line for batch in reading.pairs(served.session, asked, seconds=10) for line in batch]
    assert sorted(line.split(b",")[0] for line in pairs) == [b"1", b"10", b"2", b"3"]
    question = CountBuckets("shop", "item", (Span(),), 1, "2026-11-21T00:00:00Z")
    assert reading.fingerprints(served.session, question, seconds=10).spans[0][0].rows == len(ROWS)
