"""The catalog held against information_schema, which PostgreSQL fills itself, on tables of random shapes."""

from __future__ import annotations

import random
from collections import defaultdict

import pytest
from tests.support.extraction import scratch_database, source_table
from tests.support.zoo_keys import KEYS, TYPES

from core.sources.catalog import Reference
from ingestion.engines.postgresql.catalog.describe import described, listed
from ingestion.engines.postgresql.relation import parse_relation

pytestmark = pytest.mark.database
NAMES = ["id", "Order-Id", "select", "Ünï code", 'say "hi"', "a.b", "x" * 63, "$t", "last_updated"]
_NUMBERS = {"smallint": 16, "integer": 32, "bigint": 64}


def random_tables(draw: random.Random) -> list[str]:
    statements = [*TYPES, 'CREATE SCHEMA "Odd Schema"']
    for number in range(12):
        names = draw.sample(NAMES, draw.randint(1, 5))
        columns = [
            f'"{name.replace(chr(34), chr(34) * 2)}" {draw.choice([*KEYS.values()])[0]} {draw.choice(["", "NOT NULL"])}'
            for name in names
        ]
        key = draw.sample(names, draw.randint(0, min(2, len(names))))
        quoted = ", ".join('"' + name.replace('"', '""') + '"' for name in key)
        schema = draw.choice(["public", '"Odd Schema"'])
        constraint = f", {draw.choice(['PRIMARY KEY', 'UNIQUE'])} ({quoted})" if key else ""
        statements.append(f'CREATE TABLE {schema}."T {number}" ({", ".join(columns)}{constraint})')
    return statements


@pytest.mark.parametrize("seed", [*range(1), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 20))])
def test_columns_nullability_and_primary_keys_are_those_of_information_schema(seed: int) -> None:
    statements = random_tables(random.Random(seed))
    granted = 'GRANT USAGE ON SCHEMA "Odd Schema" TO PUBLIC'
    with scratch_database(*statements, granted) as database:
        theirs = defaultdict(list)
        for schema, table, column, nullable, precision, scale, kind in database.rows(
            "SELECT table_schema, table_name, column_name, is_nullable = 'YES', numeric_precision, numeric_scale, "
            "data_type FROM information_schema.columns WHERE table_schema IN ('public', 'Odd Schema') "
            "ORDER BY ordinal_position"
        ):
            size = (_NUMBERS.get(kind) or precision or 0, scale or 0) if kind in (*_NUMBERS, "numeric") else None
            theirs[schema, table].append((column, nullable, size))
        keys = defaultdict(list)
        for schema, table, column in database.rows(
            "SELECT table_schema, table_name, column_name FROM information_schema.table_constraints "
            "JOIN information_schema.key_column_usage USING (constraint_name, table_schema, table_name) "
            "WHERE constraint_type = 'PRIMARY KEY' AND table_schema <> 'pg_catalog' ORDER BY ordinal_position"
        ):
            keys[schema, table].append(column)
        tables = listed(database.session())
        ours = {
            (table.schema, table.name): [
                (
                    column.name,
                    column.nullable,
                    (column.type.size, column.type.scale)
                    if column.type.kind in ("integer", "decimal") and column.stated not in ("money", "oid", "xid8")
                    else None,
                )
                for column in table.columns
            ]
            for table in tables
        }
        assert ours == theirs
        assert {place: list(key) for place, key in keys.items()} == {
            (table.schema, table.name): list(table.key) for table in tables if (table.schema, table.name) in keys
        }
        assert {parse_relation(table.relation) for table in tables} == {(table.schema, table.name) for table in tables}


def test_partitions_views_triggers_policies_and_references_are_seen() -> None:
    clocks = "created_at timestamp NOT NULL, last_updated timestamp NOT NULL"
    body = "BEGIN new.last_updated := now(); RETURN new; END"
    statements = [
        f"CREATE TABLE parent (id int PRIMARY KEY, {clocks})",
        f"CREATE TABLE child (id int PRIMARY KEY, parent_id int REFERENCES parent, {clocks})",
        f"CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
        "CREATE TRIGGER touched BEFORE UPDATE ON child FOR EACH ROW EXECUTE FUNCTION touch()",
        "CREATE TRIGGER late AFTER UPDATE ON parent FOR EACH ROW EXECUTE FUNCTION touch()",
        f"CREATE TABLE whole (id int, {clocks}) PARTITION BY RANGE (id)",
        "CREATE TABLE low PARTITION OF whole FOR VALUES FROM (0) TO (10)",
        "CREATE TABLE high PARTITION OF whole FOR VALUES FROM (10) TO (1000)",
        "INSERT INTO whole SELECT n, now(), now() FROM generate_series(1, 500) AS n",
        "CREATE VIEW seen AS SELECT * FROM whole",
        "CREATE MATERIALIZED VIEW held AS SELECT * FROM whole",
        "ALTER TABLE parent ENABLE ROW LEVEL SECURITY",
        "CREATE INDEX few ON child (last_updated) WHERE id > 3",
        "CREATE UNIQUE INDEX chosen ON whole (id)",
        "ALTER TABLE whole ALTER id SET NOT NULL",
        "ANALYZE whole",
        "ANALYZE low",
        "ANALYZE high",
    ]
    wanted = [source_table(name, key=["id"], id="int") for name in ("parent", "child", "whole", "seen", "held")]
    with scratch_database(*statements, "REVOKE SELECT ON held FROM PUBLIC") as database:
        tables = described(database.session(), wanted)
        assert {name: table.kind for name, table in tables.items()} == {
            "parent": "table", "child": "table", "whole": "partitioned", "seen": "view", "held": "materialized view"
        }  # fmt: skip
        child = tables["child"]
        assert child.references == (Reference(("parent_id",), "public.parent", ("id",)),)
        assert [column.name for column in child.columns if column.kept] == ["last_updated"]
        assert (child.triggers, tables["parent"].triggers) == (("touched",), ())
        assert ("last_updated",) not in child.indexes
        assert (tables["whole"].rows, tables["whole"].key, tables["seen"].rows) == (500, ("id",), -1)
        assert (tables["parent"].filtered, child.filtered) == (True, False)
        assert {table.name for table in listed(database.session())} == {*tables}
