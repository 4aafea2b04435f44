"""The hash of a row's content: values that differ hash otherwise, values that the database calls equal hash alike."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest
from tests.fakes.secrets import MemorySecrets
from tests.support.extraction import SECRET, ScratchDatabase, scratch_database, source_table

from core.contract.model import HASH, HASH_LIST, SourceTable
from core.landing.content import HashList
from core.landing.ingest_objects import START
from core.time import parse_instant
from ingestion.engines.build import engine_named
from ingestion.engines.postgresql.content import can_hash, content_hash
from ingestion.engines.postgresql.table import PostgresTable

pytestmark = pytest.mark.database

# Column, its type, the contract's type, and values in groups: those of a group are equal, any two of two groups differ.
KINDS: tuple[tuple[str, str, str, tuple[tuple[str, ...], ...]], ...] = (
    ("a_small", "smallint", "int?", (("0",), ("1",), ("-1",), ("32767",))),
    ("an_int", "integer", "bigint?", (("0",), ("7",), ("-7",), ("2147483647",))),
    ("a_bigint", "bigint", "bigint?", (("0",), ("9223372036854775807",), ("-9223372036854775808",), ("4294967296",))),
    ("a_text_of_int", "integer", "string?", (("0",), ("10",), ("-10",))),
    ("a_boolean", "boolean", "boolean?", (("true",), ("false",))),
    ("a_real", "real", "double?", (("0", "'-0'"), ("0.1",), ("'NaN'", "'nan'"), ("'Infinity'",), ("'-Infinity'",))),
    ("a_double", "double precision", "double?", (("0", "'-0'"), ("0.1",), ("'NaN'",), ("'Infinity'",))),
    ("money_of", "numeric(10,2)", "decimal(10,2)?", (("0", "0.00"), ("1", "1.0", "1.00"), ("-1",), ("'NaN'",))),
    ("a_number", "numeric", "decimal(38,9)?", (
        ("0", "0.000"), ("1", "1.0", "1.000000"), ("1.0000001",), ("'NaN'",), ("'Infinity'",), ("'-Infinity'",))),
    ("a_text_of_number", "numeric", "string?", (("1",), ("1.0",), ("1.00",))),
    ("cash", "money", "decimal(10,2)?", (("'0'",), ("'1.25'",), ("'-1.25'",))),
    ("a_text", "text", "string?", (("''",), ("'a'",), ("'A'",), ("'a '",), ("'\u00e4'",), ("'a\u0308'",))),
    ("a_letters", "varchar(9)", "string?", (("''",), ("'a'",), ("'a '",))),
    ("a_padded", "char(5)", "string?", (("'a'", "'a  '"), ("'b'",), ("''", "'  '"))),
    ("a_date", "date", "date?", (("'2026-11-20'",), ("'infinity'",), ("'5874897-12-31'",), ("'4713-01-01 BC'",))),
    ("a_time", "time", "string?", (("'00:00'",), ("'24:00'",), ("'12:34:56.789'",))),
    ("a_wall", "timestamp", "timestamp?", (("'2026-11-20 12:00'",), ("'infinity'",), ("'1970-01-01'",))),
    ("an_instant", "timestamptz", "timestamp?", (
        ("'2026-11-20 12:00+00'", "'2026-11-20 13:00+01'"), ("'2026-11-20 12:00+01'",), ("'infinity'",))),
    ("an_interval", "interval", "string?", (("'1 mon'",), ("'30 days'",), ("'720 hours'",))),
    ("a_uuid", "uuid", "string?", (("'00000000-0000-0000-0000-000000000000'",), ("gen_random_uuid()",))),
    ("an_enum", "mood", "string?", (("'glad'",), ("'sad'",))),
    ("some_bytes", "bytea", "string?", ((r"'\x'",), (r"'\x00'",), (r"'\x0000'",))),
    ("a_json", "json", "json?", (
        ("""'{"a":1}'""",), ("""'{"a":1.0}'""",), ("""'{"a": 2}'""",), ("'null'", "' null'"), ("""'"null"'""",),
        ("""'""'""",))),
    ("a_jsonb", "jsonb", "json?", (
        ("""'{"a":1,"b":2}'""", """'{"b":2,  "a":1}'"""), ("""'{"a":1}'""",), ("'null'",), ("""'"null"'""",))),
    ("an_array", "int[]", "json?", (("'{}'",), ("'{1}'",), ("'{1,NULL}'",), ("'{NULL,1}'",))),
    ("a_range", "int4range", "string?", (("'[1,3)'", "'[1,2]'"), ("'empty'",))),
    ("an_address", "inet", "string?", (("'10.0.0.1'",), ("'10.0.0.1/24'",))),
    ("a_domain", "positive", "int?", (("1",), ("2",))),
    ("a_typed_domain", "rate", "decimal(6,3)?", (("1.5", "1.500"), ("2",), ("'NaN'",))),
)  # fmt: skip
SETUP = (
    "CREATE TYPE mood AS ENUM ('glad', 'sad')",
    "CREATE DOMAIN positive AS integer CHECK (VALUE > 0)",
    "CREATE DOMAIN rate AS numeric(6,3)",
    f"CREATE TABLE zoo (id int PRIMARY KEY, {', '.join(f'{name} {kind}' for name, kind, *_ in KINDS)}, "
    "last_updated timestamp NOT NULL DEFAULT '2026-11-20')",
)
ZOO = source_table("zoo", key=["id"], id="int", last_updated="timestamp", **{name: kind for name, _, kind, _ in KINDS})


@pytest.fixture(scope="module")
def database() -> Iterator[ScratchDatabase]:
    with scratch_database(*SETUP) as scratch:
        yield scratch


def reading_of(scratch: ScratchDatabase, table: SourceTable = ZOO) -> PostgresTable:
    engine = engine_named("postgresql")
    with closing(engine.connector(MemorySecrets(**{SECRET: scratch.secret()}), SECRET).open()) as session:
        reading = engine.catalog(session, [table]).reading(table, timezone="UTC")
        assert isinstance(reading, PostgresTable)
        return reading


def lines(scratch: ScratchDatabase, reading: PostgresTable) -> dict[int, dict[str, object]]:
    connector = engine_named("postgresql").connector(MemorySecrets(**{SECRET: scratch.secret()}), SECRET)
    with closing(connector.open()) as session:
        batches = reading.lines_between(session, START, parse_instant("2026-11-21T00:00:00Z"), seconds=30)
        rows = [json.loads(line) for batch in batches for line in batch]
    return {row["id"]: row for row in rows}


def test_values_of_every_type_hash_alike_only_where_they_are_equal(database: ScratchDatabase) -> None:
    rows, where = [], []
    for name, _, _, groups in KINDS:
        for group, values in enumerate([("NULL",), *groups]):
            for value in values:
                rows.append(f"({len(rows)}, {value})")
                where.append((name, group))
    database.run("TRUNCATE zoo")
    database.run(*(f"INSERT INTO zoo (id, {name}) VALUES {row}" for (name, _), row in zip(where, rows, strict=True)))
    reading = reading_of(database)
    listed = reading.hash_list
    without_key = HashList(listed.server, tuple(column for column in listed.columns if column[0] != "id"))
    hashes = dict(database.rows(f"SELECT id, {content_hash(without_key, reading.reading.relation)} FROM zoo"))
    for (one, left), (other, right) in itertools.combinations(enumerate(where), 2):
        alike = left == right or (left[1] == right[1] == 0)  # rows of nulls alone are one row
        assert (hashes[one] == hashes[other]) == alike, (left, rows[one], right, rows[other])


def test_a_line_says_its_hash_and_the_list_and_the_hash_changes_with_any_column(database: ScratchDatabase) -> None:
    database.run("TRUNCATE zoo")
    draw = random.Random(23)
    values = [[draw.choice(draw.choice(groups)) for *_, groups in KINDS] for _ in range(20)]
    names = ", ".join(name for name, *_ in KINDS)
    database.run(
        *(f"INSERT INTO zoo (id, {names}) VALUES ({number}, {', '.join(row)})" for number, row in enumerate(values))
    )
    reading = reading_of(database).hashing(7)
    before = lines(database, reading)
    assert {row[HASH_LIST] for row in before.values()} == {7}
    assert len({row[HASH] for row in before.values()}) == len(values)
    chosen = [draw.choice(KINDS)[0] for _ in range(20)]
    database.run(*(f"UPDATE zoo SET {name} = NULL WHERE id = {number}" for number, name in enumerate(chosen)))
    after = lines(database, reading)
    for number in range(20):
        assert before[number][HASH] != after[number][HASH], chosen[number]
        assert before[number] | {chosen[number]: None, HASH: after[number][HASH]} == after[number]


def test_a_null_and_what_stands_for_it_differ_and_so_do_nulls_of_two_columns(database: ScratchDatabase) -> None:
    database.run("TRUNCATE zoo", "INSERT INTO zoo (id, an_int, a_bigint) VALUES (1, 0, NULL)")
    reading = reading_of(database).hashing(1)
    seen = {lines(database, reading)[1][HASH]}
    for an_int, a_bigint in (("NULL", "0"), ("NULL", "NULL"), ("0", "0")):
        database.run(f"UPDATE zoo SET an_int = {an_int}, a_bigint = {a_bigint}")
        seen.add(lines(database, reading)[1][HASH])
    assert len(seen) == 4


def test_a_null_that_the_contract_does_not_promise_is_hashed_too_and_is_not_what_stands_for_it(
    database: ScratchDatabase,
) -> None:
    """By that hash a row is remembered that was refused for it, until it changes."""
    database.run("TRUNCATE zoo", "INSERT INTO zoo (id, an_int, a_double) VALUES (1, NULL, NULL)")
    fields = tuple(replace(each, required=True) for each in ZOO.fields if each.name in ("id", "an_int", "a_double"))
    reading = reading_of(database, replace(ZOO, fields=fields)).hashing(1)
    seen = {lines(database, reading)[1][HASH]}
    for an_int, a_double in (("0", "NULL"), ("NULL", "'NaN'"), ("0", "'NaN'")):
        database.run(f"UPDATE zoo SET an_int = {an_int}, a_double = {a_double}")
        seen.add(lines(database, reading)[1][HASH])
    assert len(seen - {None}) == 3, "how many are null is told, and not which"


def test_a_list_names_server_columns_and_forms_and_holds_while_the_table_has_them(database: ScratchDatabase) -> None:
    reading = reading_of(database)
    listed = reading.hash_list
    assert listed.server.startswith("postgresql ")
    assert [name for name, _ in listed.columns] == sorted(field.name for field in ZOO.fields)
    assert dict(listed.columns)["id"] == "bigint"
    assert dict(listed.columns)["a_number"] == "number?"
    assert HashList.from_json(listed.to_json()) == listed
    assert reading.can_hash(listed)
    older = replace(reading, server="postgresql 12 UTF8 0").hash_list
    assert dict(older.columns)["a_number"] == "numeric?", "it has no trim_scale"
    assert reading.can_hash(older)
    fewer = replace(ZOO, fields=tuple(field for field in ZOO.fields if field.name != "a_text"))
    assert reading_of(database, fewer).hash_list != listed
    assert reading_of(database, fewer).can_hash(listed)
    relation = reading.reading.relation
    gone = {name: column for name, column in relation.columns.items() if name != "a_text"}
    assert not can_hash(replace(relation, columns=gone), listed)
    other = replace(relation.columns["a_text"], base="integer", category="N")
    assert not can_hash(replace(relation, columns={**relation.columns, "a_text": other}), listed)
    assert not can_hash(relation, HashList(listed.server, (("id", "a form of a later release"),)))


def test_a_list_of_reals_holds_no_more_once_their_column_is_of_doubles(database: ScratchDatabase) -> None:
    """The hash would be the same, and the line says 0.10000000149011612 where it said 0.1."""
    reading = reading_of(database)
    relation = reading.reading.relation
    (column,) = [column for column in relation.columns.values() if column.base == "real"]
    listed = HashList(reading.server, ((column.name, dict(reading.hash_list.columns)[column.name]),))
    doubled = replace(relation, columns={**relation.columns, column.name: replace(column, base="double precision")})
    assert can_hash(relation, listed)
    assert not can_hash(doubled, listed)
    assert can_hash(relation, HashList(reading.server, ((column.name, "double?"),))), "a list of an earlier release"
