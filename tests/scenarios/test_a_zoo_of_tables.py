"""Tables of every shape and columns of every type: loaded, broken, healed, compared with the source cell by cell."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from tests.support.zoo import Cage, Zoo, zoo

from core.landing.source_lines import parse_line
from ingestion.engines.postgresql import content, rendering
from ingestion.extract.flow import TablesFailed

pytestmark = pytest.mark.database
AT = "timestamp '2026-11-10 12:00'"

# Columns by name: PostgreSQL's type, the contract's, two values.
CELLS: dict[str, tuple[str, str, str, str]] = {
    "smallint": ("smallint", "int", "-32768", "32767"),
    "bigint": ("bigint", "bigint", "-9223372036854775808", "9223372036854775807"),
    "oid": ("oid", "bigint", "4294967295", "0"),
    "money": ("money", "decimal(19,2)", "'-92233720368547758.08'", "'0.01'"),
    "amount": ("numeric(38,10)", "decimal(38,10)", "9999999999999999999999999999.0123456789", "-0.0000000001"),
    "any_number": ("numeric", "string", "'NaN'", "'-Infinity'"),
    "long_number": ("numeric", "string", "1e40 + 0.5", "0.10"),
    "double": ("float8", "double", "'1e-307'", "-0.1"),
    "wild_double": ("float8", "string", "'Infinity'", "'NaN'"),
    "infinite": ("float8", "double", "'-Infinity'", "'NaN'"),
    "infinite_real": ("float4", "double", "'Infinity'", "'Infinity'::float4 - 'Infinity'::float4"),
    "real": ("float4", "double", "0.1", "'3.4e38'"),
    "flag": ("boolean", "boolean", "true", "false"),
    "padded": ("char(5)", "string", "'ab'", "''"),
    "long_text": ("text", "string?", "'é\U0001f600 \"quoted\" \\ ''x'' ' || chr(10) || chr(9) || chr(1)", "NULL"),
    "one_letter": ('"char"', "string", "'x'", "'y'"),
    "day": ("date", "date", "'1066-10-14'", "'9999-12-31'"),
    "any_day": ("date", "string", "'infinity'", "'0044-03-15 BC'"),
    "wall": ("timestamp(3)", "timestamp", "'2026-02-28 23:59:59.9996'", "'0001-01-01'"),
    "instant": ("timestamptz", "timestamp", "'2026-11-10 12:00:00.000001+14'", "'1900-01-01 00:00Z'"),
    "any_time": ("timestamptz", "string", "'infinity'", "'2026-11-10 12:00+05:45'"),
    "clock": ("time", "string", "'24:00'", "'00:00:00.000001'"),
    "clock_zone": ("timetz", "string", "'12:00+05:30'", "'00:00-12'"),
    "span": ("interval", "string", "'1 year 2 mons -3 days 04:05:06.789'", "'-1 sec'"),
    "identity": ("uuid", "string", "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'", "'00000000-0000-0000-0000-000000000000'"),
    "bytes": ("bytea", "string", r"'\xDEADBEEF00'", r"'\x'"),
    "written": ("json", "json", "'{\"b\" : 1,\n \"a\": [1.50, null, 1e400]}'", "'\"x\"'"),
    "parsed": ("jsonb", "json", '\'{"b": 1, "a": [1.50, {"c": "\\u00e9"}]}\'', "'12345678901234567890.10'"),
    "written_null": ("json", "json", "E' null\\n'", "'\"null\"'"),
    "parsed_null": ("jsonb", "json", "'null'", "'\"null\"'"),
    "parsed_null_text": ("jsonb", "string", "'null'", "'\"null\"'"),
    "no_document": ("jsonb", "json?", "NULL", "'null'"),
    "parsed_text": ("jsonb", "string", "'\"a\"'", "'[1, 2]'"),
    "mood": ("mood", "string", "'so so'", "'Wild'"),
    "numbers": ("int[]", "json", "'{{1,2},{3,NULL}}'", "'{}'"),
    "words": ("text[]", "string", "ARRAY['a,b', 'c\"d', NULL, '']", "'{}'"),
    "documents": ("jsonb[]", "json", "ARRAY['{\"a\": 1}'::jsonb]", "'{}'"),
    "address": ("inet", "string", "'10.0.0.1'", "'::1/64'"),
    "network": ("cidr", "string", "'10.0.0.0/8'", "'192.168.0.0/16'"),
    "range": ("int4range", "string", "'[1,5)'", "'empty'"),
    "range_of_times": ("tstzrange", "string", "'[2026-01-01 00:00Z,)'", "'empty'"),
    "ranges": ("int4multirange", "string", "'{[1,3),[5,9)}'", "'{}'"),
    "bits": ("varbit", "string", "B'10110'", "B''"),
    "place": ("point", "string", "'(1.5,-2)'", "'(0,1e300)'"),
    "shape": ("polygon", "string", "'((0,0),(1,1),(2,0))'", "'((0,0))'"),
    "lexemes": ("tsvector", "string", "'fat:2 cat:3'::tsvector", "''::tsvector"),
    "composed": ("pair", "string", "ROW(1, 'a b')", "ROW(NULL, '\"')"),
    "composed_json": ("pair", "json", "ROW(1, 'a b')", "ROW(NULL, '')"),
    "deep_domain": ("deepest", "decimal(12,3)", "1.5", "-7"),
    "deep_moment": ("deep_moment", "timestamp", "'2026-11-10 12:00'", "'2000-01-01'"),
    "label": ("ltree_like", "string", "'a.b.c'", "'x'"),
}  # fmt: skip
TYPES = [
    "CREATE TYPE mood AS ENUM ('calm', 'Wild', 'so so')",
    "CREATE FUNCTION told(mood) RETURNS json LANGUAGE sql AS $$ SELECT json_build_object('mood', $1::text) $$",
    "CREATE CAST (mood AS json) WITH FUNCTION told(mood)",  # which row_to_json takes, as those of hstore and geometry
    "CREATE TYPE pair AS (number int, word text)",
    "CREATE DOMAIN deep AS numeric(12,3)",
    "CREATE DOMAIN deeper AS deep CHECK (VALUE > -1000)",
    "CREATE DOMAIN deepest AS deeper",
    "CREATE DOMAIN shallow_moment AS timestamp(3)",
    "CREATE DOMAIN deep_moment AS shallow_moment",
    "CREATE DOMAIN ltree_like AS text CHECK (VALUE ~ '^[a-z.]+$')",
]


def test_every_type_of_column_comes_through_and_is_healed_as_it_is() -> None:
    columns = {name: (kind, contract) for name, (kind, contract, *_) in CELLS.items()}
    cage = Cage("cells", {"id": ("int", "int"), **columns}, ("id",))
    with zoo(cage, extra=TYPES) as animals:
        for number in (0, 1):
            values = {name: cell[2 + number] for name, cell in CELLS.items()}
            for key in (number, 10 + number):
                animals.insert("cells", {"id": str(key), **values, "created_at": AT, "changed_at": AT})
        animals.extract()
        assert quarantined(animals) == []
        assert animals.differences() == []
        animals.heal(run="first")
        assert animals.findings("first") == []
        animals.run("delete from cells where id = 0")
        animals.run("update cells set padded = 'xy', changed_at = changed_at + interval '1 s' where id = 1")
        animals.heal(run="second")
        assert {finding.kind for finding in animals.findings("second")} == {"deleted_row", "stale_row"}
        assert animals.differences() == []
        assert animals.audited() == []


def test_the_null_of_json_comes_through_as_its_text_and_is_healed_to_it_from_before_lines_said_it() -> None:
    """A line had one null for both: a required document was refused for it, any other became SQL's null in the star."""
    cage = Cage("notes", {"id": ("int", "int"), "extra": ("jsonb", "json?"), "body": ("json", "json")}, ("id",))
    rows = {1: ("'null'", "'[1]'"), 2: ("NULL", "'{}'"), 3: ("'[null]'", "' null '"), 4: ("'\"null\"'", "'7'")}
    with zoo(cage) as animals, pytest.MonkeyPatch.context() as earlier:
        for module in (rendering, content):
            earlier.setattr(module, "is_json_null", lambda _column: "false")  # as lines and hashes were before
        for key, (extra, body) in rows.items():
            animals.insert("notes", {"id": str(key), "extra": extra, "body": body, "created_at": AT, "changed_at": AT})
        animals.extract()
        assert [row["extra"] for row in animals.lake.rows("fact_notes")] == [None, None, '"null"']
        animals.heal(run="before")
        assert {(finding.kind, finding.keys) for finding in animals.audited()} == {("refused_row", ((3,),))}
        earlier.undo()
        assert {(finding.kind, finding.keys) for finding in animals.audited()} == {
            ("changed_row", ((1,),)),
            ("missing_row", ((3,),)),
        }
        animals.heal(run="first")
        assert animals.audited() == animals.differences() == []
        kept = [(row["extra"], row["body"]) for row in animals.lake.rows("fact_notes") if row["is_latest"]]
        assert kept == [("null", "[1]"), (None, "{}"), ("[null]", "null"), ('"null"', "7")]
        animals.run("update notes set extra = case id when 2 then jsonb 'null' end where id in (1, 2)")
        assert {(finding.kind, finding.keys) for finding in animals.audited()} == {("changed_row", ((1,), (2,)))}
        animals.heal(run="second")
        assert animals.audited() == animals.differences() == []
        kept = [row["extra"] for row in animals.lake.rows("fact_notes") if row["is_latest"]]
        assert kept == [None, "null", "[null]", '"null"']


def quarantined(animals: Zoo) -> list[str]:
    stored = [animals.lake.records.read(info.key) for info in animals.lake.records.list("quarantine/")]
    return [entry.body.decode() for entry in stored if entry]


CLOCKS = '"created_at" timestamp NOT NULL, "changed_at" timestamp NOT NULL'
ODD = {"Order-Id": ("int", "int"), "select": ("text", "string?"), "Ünï code": ("text", "string?")}


def shapes() -> Sequence[Cage]:
    plain = {"id": ("int", "int"), "word": ("text", "string?")}
    columns = f"id int, word text, {CLOCKS}"
    return (
        Cage("odd", ODD, ("Order-Id",), relation='"Odd Schema"."Order-Items"', sql=[
            'CREATE SCHEMA "Odd Schema"',
            f'CREATE TABLE "Odd Schema"."Order-Items"'
            f' ("Order-Id" int PRIMARY KEY, "select" text, "Ünï code" text, {CLOCKS})',
        ]),
        Cage("user", plain, ("id",), relation="archive.user_rows", sql=[
            "CREATE SCHEMA archive", f"CREATE TABLE archive.User_Rows ({columns}, PRIMARY KEY (id))",
        ]),
        Cage("root", plain, ("id",), sql=[
            f"CREATE TABLE root ({columns}, PRIMARY KEY (id)) PARTITION BY RANGE (id)",
            "CREATE TABLE root_low PARTITION OF root FOR VALUES FROM (0) TO (10) PARTITION BY LIST (id)",
            "CREATE TABLE root_lowest PARTITION OF root_low FOR VALUES IN (0, 1, 2)",
            "CREATE TABLE root_rest PARTITION OF root_low DEFAULT",
            "CREATE TABLE root_high PARTITION OF root FOR VALUES FROM (10) TO (1000)",
        ]),
        Cage("leaf", plain, ("id",), sql=[
            f"CREATE TABLE branch ({columns}, PRIMARY KEY (id)) PARTITION BY HASH (id)",
            "CREATE TABLE leaf PARTITION OF branch FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
        ]),
        Cage("seen", plain, ("id",), sql=[
            f"CREATE TABLE behind ({columns}, PRIMARY KEY (id))",
            "CREATE VIEW seen AS SELECT * FROM behind",
        ]),
    )  # fmt: skip


def test_tables_of_every_shape_are_found_by_their_names_loaded_broken_and_healed() -> None:
    cages = shapes()
    with zoo(*cages) as animals:
        for cage in cages:
            key, word = list(cage.columns)[:2]
            for number in range(4):
                row = {key: str(number), word: f"'w{number}'", "created_at": AT, "changed_at": AT}
                animals.insert(cage.name, row)
        animals.extract()
        assert animals.differences() == []
        for cage in cages:
            key, word = list(cage.columns)[:2]
            table = animals.relation(cage.name)
            animals.run(f'delete from {table} where "{key}" = 0')
            change = f"\"{word}\" = 'new', changed_at = {AT} + interval '1 s'"
            animals.run(f'update {table} set {change} where "{key}" = 1')
            animals.insert(cage.name, {key: "7", word: "NULL", "created_at": AT, "changed_at": AT})
        animals.heal(run="heal")
        kinds = {(finding.table, finding.kind) for finding in animals.findings("heal")}
        assert kinds == {(cage.name, kind) for cage in cages for kind in ("deleted_row", "stale_row", "missing_row")}
        assert animals.differences() == []
        assert animals.audited() == []


def test_rows_whose_times_this_servers_transactions_do_not_bound_need_a_lookback_and_stop_alone() -> None:
    plain = {"id": ("int", "int")}
    fresh = Cage("fresh", plain, ("id",))
    cages = [
        fresh,
        Cage("copied", plain, ("id",), sql=["CREATE MATERIALIZED VIEW copied AS SELECT * FROM fresh"]),
        Cage("above", plain, ("id",), sql=["CREATE VIEW above AS SELECT * FROM copied"]),
    ]
    with zoo(*cages) as animals:
        animals.insert("fresh", {"id": "1", "created_at": AT, "changed_at": AT})
        animals.run("refresh materialized view copied")
        failures = animals.extracting.extract().failures
        assert {failure.table for failure in failures if "lookback" in str(failure.error)} == {"copied", "above"}
        assert len(failures) == 2
        assert animals.ingest_keys() == ["tables/zoo/fresh/000000000001.jsonl.gz"]
    with zoo(*cages, lookback=86_400) as animals:
        animals.insert("fresh", {"id": "1", "created_at": AT, "changed_at": AT})
        animals.run("refresh materialized view copied")
        animals.extract()
        assert animals.differences() == []


def test_a_column_that_is_gone_stops_its_own_table_in_extraction_audit_and_heal_and_is_told_by_name() -> None:
    plain = {"id": ("int", "int"), "word": ("text", "string?")}
    with zoo(Cage("broken", plain, ("id",)), Cage("sound", plain, ("id",))) as animals:
        for table in ("broken", "sound"):
            animals.insert(table, {"id": "1", "word": "'a'", "created_at": AT, "changed_at": AT})
        animals.extract()
        animals.heal()
        animals.run("alter table broken rename column word to words")
        animals.run("insert into sound values (2, 'late', timestamp '2026-11-09 12:00', timestamp '2026-11-09 12:00')")
        animals.run("insert into broken values (2, 'late', timestamp '2026-11-09 12:00', timestamp '2026-11-09 12:00')")
        animals.insert("sound", {"id": "3", "word": "'new'", "created_at": "now()", "changed_at": "clock_timestamp()"})
        (failure,) = animals.extracting.extract().failures
        assert (failure.table, type(failure.error).__name__) == ("broken", "MissingColumns")
        animals.deliver()
        animals.heal(run="heal")
        assert {(finding.kind, finding.table) for finding in animals.findings("heal")} == {
            ("unreadable_table", "broken"), ("changed_source", "broken"), ("missing_row", "sound")
        }  # fmt: skip
        assert sorted(row["id"] for row in animals.lake.rows("fact_sound")) == [1, 2, 3]
        unreadable, changed = sorted(map(str, animals.mail.sent), key=lambda mail: "changed by itself" in mail)
        assert "broken" in unreadable
        assert "it has no word" in unreadable
        assert "column word was renamed to words" in changed
        animals.run("alter table broken rename column words to word")
        animals.extract()
        animals.heal()
        assert animals.differences() == []
        assert animals.audited() == [], "a change that was taken back is none"


def test_one_bad_secret_is_one_message_whatever_the_number_of_tables() -> None:
    cages = [Cage(f"t{number}", {"id": ("int", "int")}, ("id",)) for number in range(4)]
    with zoo(*cages) as animals:
        animals.extracting.secrets.values["shop-db"] = "{}"
        result = animals.extracting.extract()
        assert [failure.table for failure in result.failures] == [cage.name for cage in cages]
        (message,) = [line for line in animals.extracting.log if line["level"] == "ERROR"]
        assert (message["message"], message["tables"]) == ("extraction failed", [cage.name for cage in cages])
        assert "lacks host" in message["problem"]
        with pytest.raises(TablesFailed) as failed:
            result.raise_failures()
        assert str(failed.value).count("lacks host") == 1
        assert "No table was extracted" in str(failed.value)


@pytest.mark.parametrize("encoding", ["SQL_ASCII", ""])
def test_a_row_that_cannot_be_printed_or_read_is_refused_alone_and_quarantined_with_its_key(encoding: str) -> None:
    """Bytes that are no UTF-8, and numbers of 5,000 digits."""
    columns = {"id": ("int", "int"), "word": ("text", "string?"), "size": ("numeric", "decimal(20,2)?")}
    broken, values = (5, 6, 299), "chr(255) || 'x', 1" if encoding else "'x', 10::numeric ^ 5000"
    row = f"timestamp '2026-11-10 12:00' + n * interval '1 s', {AT}"
    with zoo(Cage("notes", columns, ("id",)), Cage("others", columns, ("id",)), encoding=encoding) as animals:
        animals.run(
            "insert into notes (id, word, size, changed_at, created_at)"
            f" select n, 'w', n, {row} from generate_series(1, 300) as n where n not in {broken}"
        )
        for n in broken:
            statement = f"insert into notes (id, word, size, changed_at, created_at) select {n}, {values}, {row}"
            animals.run(f"{statement} from (values ({n})) as of_row (n)")
        animals.insert("others", {"id": "1", "created_at": AT, "changed_at": AT})
        animals.extract()
        assert sorted(row["id"] for row in animals.lake.rows("fact_notes")) == [
            n for n in range(1, 301) if n not in broken
        ]
        (told,) = quarantined(animals)
        assert [parse_line(json.loads(line)["content"].encode())["id"] for line in told.splitlines()] == [*broken]
        reasons = {json.loads(line)["reason"] for line in told.splitlines()}
        if encoding:
            assert all("invalid byte sequence" in reason and "word" in reason for reason in reasons)
        animals.run(f"insert into notes values (400, 'late', 1, {AT}, {AT})")
        animals.heal(run="heal")
        (missing,) = animals.findings("heal")
        assert missing.keys == (*((n,) for n in broken), (400,))
        assert 400 in [row["id"] for row in animals.lake.rows("fact_notes")]
        animals.run(f"update notes set word = 'mended', size = 1, changed_at = clock_timestamp() where id in {broken}")
        animals.extract()
        assert animals.audited() == []
        assert animals.differences() == []


def test_a_row_that_is_refused_for_a_null_or_has_no_place_is_remembered_and_fetched_again_once_it_changes() -> None:
    """Neither was: each audit called it missing and fetched it."""
    cage = Cage(
        "picky",
        {"n": ("int", "int"), "x": ("numeric", "decimal(9,2)"), "changed_at": ("timestamp", "timestamp?")},
        ("n",),
    )
    with zoo(cage) as animals:
        for n, value, changed in ((1, "1", AT), (2, "null", AT), (3, "'NaN'", "'infinity'"), (4, "null", "null")):
            changed_at = f"{changed}::timestamp"
            animals.insert(
                "picky",
                {"n": str(n), "x": value, "created_at": f"{AT} + {n} * interval '1 s'", "changed_at": changed_at},
            )
        animals.extract()
        animals.heal(run="first")
        animals.heal(run="second")
        found = {finding.kind: sorted(finding.keys) for finding in animals.findings("second")}
        assert found == {"refused_row": [(2,), (3,), (4,)], "unplaced_row": [(3,)]}
        animals.run("update picky set x = 0")
        animals.heal(run="third")
        assert {finding.kind for finding in animals.audited()} == {"unplaced_row"}
        assert [(row["n"], row["x"]) for row in animals.lake.rows("fact_picky") if row["is_latest"]] == [
            (n, 0) for n in (1, 2, 3, 4)
        ]


def test_rows_without_the_time_that_their_fact_is_partitioned_by_are_named_by_audits() -> None:
    """They are in no slice of it, where nobody looked for them."""
    cage = Cage("homeless", {"n": ("int", "int"), "created_at": ("timestamp", "timestamp?")}, ("n",))
    with zoo(cage) as animals:
        for n, created in enumerate(
            (AT, "null", "timestamp 'infinity'", "timestamp '0044-03-15 BC'", "timestamp '2001-01-01'")
        ):
            animals.insert("homeless", {"n": str(n), "created_at": created, "changed_at": AT})
        animals.extract()
        animals.heal(run="first")
        assert [(finding.kind, *sorted(finding.keys)) for finding in animals.audited()] == [
            ("unplaced_row", (1,), (2,), (3,))  # the last one is from before the fact begins, which is no promise
        ]


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz"])
def test_rows_that_no_extraction_and_no_partition_holds_are_fetched_once_and_lie_in_quarantine(kind: str) -> None:
    """Nobody fetched them, and the alarm said to look for them in the quarantine."""
    columns = {"n": ("int", "int"), "created_at": (kind, "timestamp"), "changed_at": (kind, "timestamp?")}
    with zoo(Cage("events", columns, ("n", "created_at"))) as animals:
        animals.run("set timezone = 'UTC'")
        for n, at in enumerate((AT, f"{kind} 'infinity'", f"{kind} '-infinity'", f"{kind} '9999-12-31'")):
            animals.insert("events", {"n": str(n), "created_at": at, "changed_at": at})
        animals.extract()
        assert quarantined(animals) == []
        animals.heal(run="first")
        rejected = [json.loads(line) for body in quarantined(animals) for line in body.splitlines()]
        assert sorted((json.loads(line["content"])["n"], line["reason"]) for line in rejected) == [
            (1, 'created_at: "infinity" is no timestamp'),
            (2, 'created_at: "-infinity" is no timestamp'),
            (3, "created_at: 9999-12-31 00:00:00.000000 is more than a month in the future"),
        ]
        assert [(each.kind, each.rows) for each in animals.audited()] == [("unplaced_row", 3)]
        animals.run(f"update events set created_at = {AT}, changed_at = {AT} where n = 1")
        animals.heal(run="second")
        assert len([line for body in quarantined(animals) for line in body.splitlines()]) == 3
        assert [row["n"] for row in animals.lake.rows("fact_events")] == [0, 1]


class Events(Cage):
    """One row an event, whose time is part of its key and its time of change, too."""

    @property
    def all_columns(self) -> dict[str, tuple[str, str]]:
        return {"n": ("int", "int"), "at": ("timestamp", "timestamp")}

    def source(self) -> dict[str, object]:
        return {"key": ["n", "at"], "created_at": "at", "columns": {"n": "int", "at": "timestamp"}}

    def fact(self) -> dict[str, object]:
        own = {"n": {"type": "int", "from": "n"}, "at": {"type": "timestamp", "from": "at"}}
        return {
            "kind": "fact", "from": self.name, "grain": "one row per event", "key": ["n", "at"],
            "version": ["at", "checked_at"], "partition_by": [*self.partition_by], "since": "2020-01-01",
            "columns": own | {"deleted_at": "timestamp", "checked_at": "timestamp"},
        }  # fmt: skip


@pytest.mark.parametrize("part", ["month(at)", "bucket(n, 4)"])
def test_a_key_with_a_time_of_change_that_is_none_is_refused_and_no_row_of_another_key(part: str) -> None:
    """It was stored as 9999-12-30, marked as deleted, for the source has no such key, and fetched again for ever."""
    with zoo(Events("events", {}, ("n", "at"), partition_by=(part,))) as animals:
        for n, at in ((1, AT), (2, "timestamp 'infinity'"), (3, "timestamp '0044-03-15 BC'")):
            animals.insert("events", {"n": str(n), "at": at})
        animals.extract()
        for run in ("first", "second"):
            animals.heal(run=run)
        rejected = [json.loads(line) for body in quarantined(animals) for line in body.splitlines()]
        assert [line["reason"] for line in rejected] == [
            'at: "infinity" is no timestamp',
            'at: "0044-03-15T00:00:00 BC" is no timestamp',
        ]
        assert [row["n"] for row in animals.lake.rows("fact_events")] == [1]
        animals.run(f"update events set at = {AT} where n = 2")
        animals.heal(run="third")
        assert sorted(row["n"] for row in animals.lake.rows("fact_events")) == [1, 2]
