"""What the lines say, and which rows an interval holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.extraction import LEDGER, ScratchDatabase, scratch_database, source_table
from tests.support.sources import shared_server

from core.contract.model import SourceTable
from core.errors import InvalidData, MissingColumns, UnknownTable
from core.landing.ingest_objects import EPOCH, START, ObjectFacts, Position, decode_facts, encode_facts
from core.landing.source_lines import resume_point
from ingestion.engines.postgresql.relation import read_relations
from ingestion.engines.postgresql.select import Reading, copy_interval, copy_keys, count_unplaced, plan_reading
from ingestion.engines.postgresql.session import PostgresSession

pytestmark = pytest.mark.database
FAR = datetime(2100, 1, 1, tzinfo=UTC)
DAY = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture
def database() -> Iterator[ScratchDatabase]:
    with scratch_database() as database:
        yield database


def make(database: ScratchDatabase, *statements: str) -> PostgresSession:
    database.run(*statements, f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {shared_server().extractor.user}")
    return database.session()


def reading_of(session: PostgresSession, table: SourceTable, *, timezone: str = "UTC") -> Reading:
    return plan_reading(table, read_relations(session, [table]).relation(table), timezone=timezone)


def lines(session: PostgresSession, statement: str) -> list[bytes]:
    return [line for batch in session.copy(statement) for line in batch]


def rows(
    session: PostgresSession, reading: Reading, start: Position = START, until: datetime = FAR
) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines(session, copy_interval(reading, start, until))]


# ---------------------------------------------------------------- lines


def test_values_are_exact_and_of_the_contracts_type(database: ScratchDatabase) -> None:
    columns = {
        "id": "bigint",
        "amount": "decimal(38,10)",
        "price": "decimal(10,2)",
        "ratio": "double",
        "day": "date",
        "clock": "string",
        "code": "string",
        "flag": "boolean",
        "doc": "json",
        "raw": "json",
        "tags": "json",
        "at": "timestamp",
        "last_updated": "timestamp",
    }
    session = make(
        database,
        """CREATE TABLE wide (id bigint PRIMARY KEY, amount numeric, price money, ratio float8, day date, clock time,
           code int, flag bool, doc jsonb, raw json, tags json[], at timestamptz, secret text DEFAULT 'account number',
           last_updated timestamp NOT NULL)""",
        r"""INSERT INTO wide VALUES (9223372036854775807, 1234567890123456789012345678.0123456789, 12.30, 0.1,
           '2026-11-20', '14:30:00.5', 7, true, '{"b": 1.10}', E'{"a":\n 1.10,\r\n "b": "x\\ny"}',
           ARRAY[E'{\n"t":1}'::json], '2026-11-20 15:30:00.123456+01', DEFAULT, '2026-11-20 14:30:00.000001')""",
    )
    table = source_table("wide", key=["id"], **columns)
    [line] = lines(session, copy_interval(reading_of(session, table), START, FAR))
    assert line == (
        b'{"id":9223372036854775807,"amount":1234567890123456789012345678.0123456789,"price":12.30,"ratio":0.1,'
        b'"day":"2026-11-20","clock":"14:30:00.5","code":"7","flag":true,"doc":{"b": 1.10},'
        b'"raw":{"a":  1.10,   "b": "x\\ny"},"tags":[{"t": 1}],"at":"2026-11-20T14:30:00.123456+00:00",'
        b'"last_updated":"2026-11-20T14:30:00.000001"}\n'
    )


def test_the_null_of_json_is_another_than_that_of_sql_in_a_line(database: ScratchDatabase) -> None:
    session = make(
        database,
        "CREATE TABLE notes (id int PRIMARY KEY, a jsonb, b json, c jsonb, d json, last_updated timestamp NOT NULL)",
        r"""INSERT INTO notes VALUES (1, 'null', E'\t null\n', 'null', ' null', '2026-11-20'),
           (2, NULL, NULL, NULL, NULL, '2026-11-20'), (3, '"null"', '"null"', '"null"', '"null"', '2026-11-20')""",
    )
    columns = {"a": "json?", "b": "json?", "c": "string?", "d": "string?"}
    table = source_table("notes", key=["id"], id="int", **columns, last_updated="timestamp")
    assert lines(session, copy_interval(reading_of(session, table), START, FAR)) == [
        b'{"id":1,"a":\tnull,"b":\tnull,"c":"null","d":" null","last_updated":"2026-11-20T00:00:00"}\n',
        b'{"id":2,"a":null,"b":null,"c":null,"d":null,"last_updated":"2026-11-20T00:00:00"}\n',
        b'{"id":3,"a":"null","b":"null","c":"\\"null\\"","d":"\\"null\\"","last_updated":"2026-11-20T00:00:00"}\n',
    ]


def test_only_the_contracts_columns_are_asked_for(database: ScratchDatabase) -> None:
    session = make(database, "CREATE TABLE ledger (id int PRIMARY KEY, iban text, last_updated timestamp NOT NULL)")
    database.run(f"REVOKE ALL ON ledger FROM {shared_server().extractor.user}")
    database.run(f"GRANT SELECT (id, last_updated) ON ledger TO {shared_server().extractor.user}")
    database.run("INSERT INTO ledger VALUES (1, 'DE02', '2026-11-20')")
    table = source_table("ledger", key=["id"], id="int", last_updated="timestamp")
    assert rows(session, reading_of(session, table)) == [{"id": 1, "last_updated": "2026-11-20T00:00:00"}]


def test_tables_and_columns_with_awkward_names_are_read(database: ScratchDatabase) -> None:
    session = make(
        database,
        """CREATE SCHEMA "odd; schema" """,
        """CREATE TABLE "odd; schema"."order" ("select" int PRIMARY KEY, "from" timestamp NOT NULL)""",
        """INSERT INTO "odd; schema"."order" VALUES (1, '2026-11-20')""",
        f"""GRANT USAGE ON SCHEMA "odd; schema" TO {shared_server().extractor.user}""",
        f"""GRANT SELECT ON "odd; schema"."order" TO {shared_server().extractor.user}""",
    )
    session.query("""SET search_path = "odd; schema" """)
    table = replace(
        source_table("order", key=["select"], select="int", **{"from": "timestamp"}), changed_at="from", created_at=""
    )
    assert rows(session, reading_of(session, table)) == [{"select": 1, "from": "2026-11-20T00:00:00"}]


# ---------------------------------------------------------------- errors


def test_a_table_that_the_database_lacks_is_a_key_error(database: ScratchDatabase) -> None:
    with pytest.raises(KeyError) as caught:
        reading_of(database.session(), LEDGER)
    assert isinstance(caught.value, UnknownTable)
    assert "ledger" in str(caught.value)


def test_columns_that_the_database_lacks_are_named(database: ScratchDatabase) -> None:
    session = make(database, "CREATE TABLE ledger (id int PRIMARY KEY, last_updated timestamp NOT NULL)")
    with pytest.raises(MissingColumns, match="note, created_at"):
        reading_of(session, LEDGER)


def test_a_table_without_any_time_is_a_key_error(database: ScratchDatabase) -> None:
    session = make(database, "CREATE TABLE plain (id int PRIMARY KEY)")
    with pytest.raises(KeyError, match="neither changed_at nor created_at"):
        reading_of(session, source_table("plain", key=["id"], id="int"))


def test_a_cursor_that_is_no_time_is_refused(database: ScratchDatabase) -> None:
    session = make(database, "CREATE TABLE plain (id int PRIMARY KEY, last_updated text NOT NULL)")
    with pytest.raises(InvalidData, match="last_updated is of type text"):
        reading_of(session, source_table("plain", key=["id"], id="int", last_updated="string"))


# ---------------------------------------------------------------- intervals


def ledger(database: ScratchDatabase, *times: str, kind: str = "timestamp(6)") -> PostgresSession:
    return make(
        database,
        f"""CREATE TABLE ledger (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, note text,
            created_at {kind} NOT NULL DEFAULT '2020-01-01', last_updated {kind} NOT NULL)""",
        "CREATE INDEX ON ledger (last_updated, id)",
        *[f"INSERT INTO ledger (last_updated) VALUES ('{at}')" for at in times],
    )


def ids(session: PostgresSession, reading: Reading, start: Position = START, until: datetime = FAR) -> list[int]:
    return [row["id"] for row in rows(session, reading, start, until)]


@pytest.mark.parametrize("kind", ["timestamp(6)", "timestamptz(6)"])
def test_an_interval_is_half_open_to_the_microsecond(database: ScratchDatabase, kind: str) -> None:
    session = ledger(
        database, "2026-11-20 00:00:00", "2026-11-20 00:00:00.000001", "2026-11-20 00:00:00.000002", kind=kind
    )
    reading, step = reading_of(session, LEDGER), timedelta(microseconds=1)
    assert ids(session, reading, Position(DAY), DAY + 2 * step) == [1, 2]
    assert ids(session, reading, Position(DAY + step), DAY + 3 * step) == [2, 3]
    assert ids(session, reading, Position(DAY), DAY) == []


def test_the_epoch_as_a_start_is_no_bound(database: ScratchDatabase) -> None:
    session = ledger(database, "0001-01-01 00:00:00", "1950-01-01 00:00:00", "2026-11-20 00:00:00")
    reading = reading_of(session, LEDGER)
    assert ids(session, reading) == [1, 2, 3]
    assert session.query(count_unplaced(reading, FAR)) == [[0]]


def test_ties_go_on_behind_the_key(database: ScratchDatabase) -> None:
    session = ledger(database, *["2026-11-20 00:00:00"] * 5, "2026-11-20 00:00:01")
    reading = reading_of(session, LEDGER)
    assert ids(session, reading, Position(DAY, (3,))) == [4, 5, 6]
    assert ids(session, reading, Position(DAY, (5,)), DAY + timedelta(seconds=1)) == []


def test_a_composite_key_has_an_order_that_no_collation_changes(database: ScratchDatabase) -> None:
    session = make(
        database,
        "CREATE TABLE part (code text, n numeric(20,2), last_updated timestamp NOT NULL, PRIMARY KEY (code, n))",
        "INSERT INTO part SELECT code, n, '2026-11-20' FROM unnest(ARRAY['a','B','ä','','a''b','Z','b\\'])"
        " AS code, unnest(ARRAY[1.5, -2, 100]) AS n",
    )
    table = source_table("part", key=["code", "n"], code="string", n="decimal(20,2)", last_updated="timestamp")
    reading = reading_of(session, table)
    statement = copy_interval(reading, START, FAR)
    assert 'ORDER BY "last_updated", stored."code" COLLATE "C", stored."n"' in statement
    whole = lines(session, statement)
    assert len(whole) == 21
    for number, line in enumerate(whole):
        at, key = resume_point(table, line, timezone="UTC")
        assert lines(session, copy_interval(reading, Position(at, key), FAR)) == whole[number + 1 :]


def test_an_index_on_cursor_and_key_gives_the_order_without_a_sort(database: ScratchDatabase) -> None:
    session = ledger(database)
    database.run(
        "INSERT INTO ledger (last_updated)"
        " SELECT '2026-11-20'::timestamp + n * interval '1 s' FROM generate_series(1, 5000) AS n",
        "ANALYZE ledger",
    )
    session.query("SET enable_bitmapscan = off")  # for so few rows the planner might rather sort
    statement = copy_interval(reading_of(session, LEDGER), Position(DAY + timedelta(hours=1), (7,)), FAR)
    query = statement.removeprefix("COPY (").rpartition(") TO STDOUT")[0]
    plan = "\n".join(row[0] for row in session.query(f"EXPLAIN {query}"))
    assert "Index Scan" in plan
    assert "Sort" not in plan


# ---------------------------------------------------------------- nulls


def nullable(database: ScratchDatabase) -> PostgresSession:
    return make(
        database,
        "CREATE TABLE ledger (id int PRIMARY KEY, note text, created_at timestamp, last_updated timestamp)",
        "INSERT INTO ledger VALUES (1, 'new', '2026-11-20 01:00', NULL),"
        " (2, 'changed', '2026-11-20', '2026-11-20 02:00'),"
        " (3, 'lost', NULL, NULL), (4, 'odd', NULL, '2026-11-20 00:30'), (5, 'never', '2020-01-01', 'infinity')",
    )


def test_a_null_changed_at_is_taken_by_created_at(database: ScratchDatabase) -> None:
    session = nullable(database)
    reading = reading_of(session, LEDGER)
    stored = rows(session, reading)
    assert [row["id"] for row in stored] == [4, 1, 2]
    assert stored[1] == {
        "id": 1,
        "note": "new",
        "created_at": "2026-11-20T01:00:00",
        "last_updated": "2026-11-20T01:00:00",
    }
    assert ids(session, reading, Position(DAY + timedelta(hours=1), (1,))) == [2]
    assert ids(session, reading, Position(DAY + timedelta(hours=1)), DAY + timedelta(hours=2)) == [1]


def test_rows_that_no_interval_can_hold_are_counted(database: ScratchDatabase) -> None:
    session = nullable(database)
    reading = reading_of(session, LEDGER)
    assert reading.needs_report
    assert session.query(count_unplaced(reading, DAY + timedelta(days=1))) == [[2]]
    assert session.query(count_unplaced(reading, DAY + timedelta(days=1), at_most=1)) == [[1]]


def test_rows_whose_time_is_to_come_have_no_place_before_it(database: ScratchDatabase) -> None:
    session = ledger(database, "2026-11-20", "2026-11-22", "2999-12-31", "infinity")
    reading = reading_of(session, LEDGER)
    assert session.query(count_unplaced(reading, DAY + timedelta(days=1))) == [[3]]
    assert session.query(count_unplaced(reading, DAY + timedelta(days=3))) == [[2]]


def test_a_time_that_may_be_null_needs_another_of_its_own_kind(database: ScratchDatabase) -> None:
    session = make(
        database,
        "CREATE TABLE ledger (id int PRIMARY KEY, note text, created_at timestamptz NOT NULL, last_updated timestamp)",
    )
    with pytest.raises(InvalidData, match="NOT NULL"):
        reading_of(session, LEDGER)


def test_without_changed_at_rows_go_by_created_at(database: ScratchDatabase) -> None:
    session = ledger(database, "2026-11-20")
    table = source_table("ledger", key=["id"], id="int", created_at="timestamp")
    assert rows(session, reading_of(session, table)) == [{"id": 1, "created_at": "2020-01-01T00:00:00"}]


# ---------------------------------------------------------------- precision and clocks


@pytest.mark.parametrize(
    ("kind", "unit"),
    [
        ("timestamp", timedelta(microseconds=1)),
        ("timestamp(3)", timedelta(milliseconds=1)),
        ("timestamptz(0)", timedelta(seconds=1)),
        ("date", timedelta(days=1)),
        ("when_changed", timedelta(milliseconds=10)),
    ],
)
def test_the_precision_of_the_cursor_is_known(database: ScratchDatabase, kind: str, unit: timedelta) -> None:
    database.run("CREATE DOMAIN when_changed AS timestamp(2)")
    session = ledger(database, kind=kind)
    assert reading_of(session, LEDGER).precision_column.precision == unit


def test_a_wall_clock_that_is_set_back_lets_no_row_slip_behind_the_bound(database: ScratchDatabase) -> None:
    # London set its clocks back from 02:00 to 01:00 on 2026-10-25, at 01:00 UTC.
    session = ledger(database, "2026-10-25 00:59", "2026-10-25 01:30", "2026-10-25 02:30")
    reading = reading_of(session, LEDGER, timezone="Europe/London")
    before = datetime(2026, 10, 25, 0, 45, tzinfo=UTC)  # 01:45 there, and 01:00 comes again
    after = datetime(2026, 10, 25, 1, 45, tzinfo=UTC)  # 01:45 there, for the second time
    assert ids(session, reading, START, before) == [1]
    assert ids(session, reading, Position(before), after) == [2]
    assert ids(session, reading, Position(after), after + timedelta(hours=1)) == [3]
    wall = datetime(2026, 10, 25, 1, 30)  # noqa: DTZ001
    assert resume_point(LEDGER, lines(session, copy_interval(reading, START, after))[-1], timezone="Europe/London") == (
        wall,
        (2,),
    )
    assert ids(session, reading, Position(wall, (1,)), after) == [2]
    assert ids(session, reading, Position(wall, (2,)), FAR) == [3]


def test_a_date_line_that_moves_lets_no_row_slip_behind_the_bound(database: ScratchDatabase) -> None:
    # Samoa lived the 4th of July 1892 twice, from 12:33:04 local mean time to 11:26:56 behind.
    session = ledger(database, "1892-07-03 23:00", "1892-07-04 01:00", "1892-07-05 01:00")
    reading = reading_of(session, LEDGER, timezone="Pacific/Apia")
    before = datetime(1892, 7, 4, 6, tzinfo=UTC)  # 18:33 there, and the same day begins again
    assert ids(session, reading, START, before) == [1]
    assert ids(session, reading, Position(before), before + timedelta(days=3)) == [2, 3]


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize(
    ("kind", "promised", "values"),
    [
        ("text", "string", r"""('a'), ('A'), ('ä'), (''), (' '), ('"'), (''''), ('\'), (E'\n\t\r'), ('😀'), ('%')"""),
        ("varchar(9)", "string", r"('b'), ('a '), ('a'), ('B'), (E'\u0001\u2028'), ('null'), ('1')"),
        ("char(4)", "string", "('b'), ('a'), ('A'), ('')"),
        ("uuid", "string", "('00000000-0000-0000-0000-00000000000a'), ('f0000000-0000-0000-0000-000000000000')"),
        ("numeric(38,10)", "decimal(38,10)", "(9999999999999999999999999999.9999999999), (-0.0000000001), (0), (1.5)"),
        ("numeric", "decimal(38,10)", "(1.50), (1.5000001), (-1e27), (0.0000000001)"),
        ("bigint", "bigint", "(9223372036854775807), (-9223372036854775808), (0)"),
        ("int", "string", "(10), (9), (-1)"),
        ("float8", "double", "(0.1), (1e300), (-1e-300), ('Infinity'), ('-Infinity'), (3)"),
        ("boolean", "boolean", "(true), (false)"),
        ("date", "date", "('2026-11-20'), ('0001-01-01'), ('infinity')"),
        ("timestamptz", "timestamp", "('2026-11-20 12:00:00.000001+02'), ('2026-11-20 10:00Z'), ('-infinity')"),
        ("timestamp(3)", "timestamp", "('2026-11-20 12:00:00.001'), ('2026-11-20 12:00:00.01')"),
        ("time", "string", "('24:00'), ('00:00:00.000001')"),
        ("interval", "string", "('1 month'), ('29 days 23:59:59.999999'), ('-1 s')"),
        ("bytea", "string", r"('\x00'), ('\xff5c27'), ('')"),
        ("inet", "string", "('10.0.0.2'), ('10.0.0.10'), ('::1')"),
        ("int[]", "string", "('{1,2}'), ('{10}'), ('{}'), ('{NULL}')"),
        ("text[]", "string", r"""('{a}'), ('{"a,b"}'), ('{"\\\""}')"""),
        ("mood", "string", "('sad'), ('happy'), ('o''k')"),
        ("code", "string", "('z'), ('a')"),
        ("money", "decimal(20,2)", "(1.10), (-1), (1000000)"),
    ],
    ids=lambda label: label if label.replace("(", "")[:1].isalpha() else "",
)
def test_a_cut_behind_any_row_goes_on_with_the_next_whatever_the_key_is(
    database: ScratchDatabase, kind: str, promised: str, values: str
) -> None:
    session = make(
        database,
        "CREATE TYPE mood AS ENUM ('sad', 'o''k', 'happy')",
        "CREATE DOMAIN code AS text CHECK (value <> '')",
        f"CREATE TABLE keyed (k {kind} NOT NULL, n int NOT NULL, last_updated timestamp NOT NULL)",
        f"INSERT INTO keyed SELECT v::{kind}, n, '2026-11-20' FROM (VALUES {values}) AS g (v), generate_series(1, 2) n",
    )
    table = source_table("keyed", key=["k", "n"], k=promised, n="int", last_updated="timestamp")
    reading = reading_of(session, table)
    whole = lines(session, copy_interval(reading, START, FAR))
    assert len(whole) == len({(row["k"], row["n"]) for row in map(json.loads, whole)}) >= 4
    for number, line in enumerate(whole):
        at, key = resume_point(table, line, timezone="UTC")
        facts = decode_facts(encode_facts(ObjectFacts(EPOCH, FAR, at, key, 1, "", last=False)), key="stored")
        assert lines(session, copy_interval(reading, facts.next_position, FAR)) == whole[number + 1 :]
        [again] = lines(session, copy_keys(reading, [key], checked_at=DAY))
        assert json.loads(again).items() >= json.loads(line).items()


def test_rows_are_found_again_by_their_keys(database: ScratchDatabase) -> None:
    session = ledger(database, *["2026-11-20"] * 5)
    reading = reading_of(session, LEDGER)
    stored = lines(session, copy_keys(reading, [(2,), (4,), (99,)], checked_at=DAY))
    assert sorted(json.loads(line)["id"] for line in stored) == [2, 4]
    assert {json.loads(line)["checked_at"] for line in stored} == {"2026-11-20T00:00:00.000000Z"}
    with pytest.raises(InvalidData, match="no key"):
        copy_keys(reading, [(1, 2)], checked_at=DAY)


def test_a_table_without_a_clock_is_read_whole_whatever_the_interval(database: ScratchDatabase) -> None:
    session = make(database, "CREATE TABLE plain (id int UNIQUE)", "INSERT INTO plain VALUES (2), (1), (NULL)")
    table = replace(source_table("plain", key=["id"], id="int"), compare="keys")
    reading = reading_of(session, table)
    assert rows(session, reading, Position(DAY), DAY) == [{"id": 1}, {"id": 2}]
    assert session.query(count_unplaced(reading, DAY))[0][0] == 1, "the row without a key alone"
