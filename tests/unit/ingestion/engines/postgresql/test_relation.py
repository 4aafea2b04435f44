"""Tables found by their names, whatever our role may see of the others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.extraction import scratch_database, source_table

from core.errors import UnknownTable
from ingestion.engines.postgresql.relation import parse_relation, read_relations

THING = source_table("thing", key=["id"], id="int", last_updated="timestamp")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("thing", ("", "thing")), ("Thing", ("", "thing")), ('"Thing"', ("", "Thing")),
        ("archive.thing", ("archive", "thing")), ('archive."Order-Items"', ("archive", "Order-Items")),
        ('"a.b"."say ""hi"""', ("a.b", 'say "hi"')),
    ],
)  # fmt: skip
def test_a_relation_is_named_as_in_sql(text: str, place: tuple[str, str]) -> None:
    assert parse_relation(text) == place


@pytest.mark.database
def test_a_schema_that_our_role_may_not_use_hides_no_other_table() -> None:
    create = "CREATE TABLE {}thing (id int PRIMARY KEY, last_updated timestamp)"
    locked = replace(THING, name="locked", relation="locked.thing")
    absent = replace(THING, name="absent", relation='"Thing"')
    with scratch_database("CREATE SCHEMA locked", create.format("locked."), create.format("")) as database:
        relations = read_relations(database.session(), [locked, THING, absent])
        assert {name: of.schema for name, of in relations.relations.items()} == {"locked": "locked", "thing": "public"}
        with pytest.raises(UnknownTable, match='no table "Thing"'):
            relations.relation(absent)


@pytest.mark.database
def test_a_domain_over_domains_is_what_lies_beneath_them_and_origins_are_seen_through_views_and_partitions() -> None:
    statements = [
        "CREATE DOMAIN low AS timestamp(3)", "CREATE DOMAIN middle AS low", "CREATE DOMAIN high AS middle",
        "CREATE TABLE thing (id int, last_updated high) PARTITION BY LIST (id)",
        "CREATE TABLE part PARTITION OF thing DEFAULT",
        "CREATE MATERIALIZED VIEW kept AS SELECT * FROM thing",
        "CREATE VIEW seen AS SELECT * FROM kept", "CREATE VIEW twice AS SELECT s.* FROM seen s JOIN thing USING (id)",
    ]  # fmt: skip
    names = ["thing", "part", "kept", "seen", "twice"]
    with scratch_database(*statements) as database:
        relations = read_relations(database.session(), [replace(THING, name=name) for name in names]).relations
        column = relations["part"].columns["last_updated"]
        assert (column.base, column.modifier, column.type) == ("timestamp without time zone", 3, "high")
        assert {name: relations[name].elsewhere for name in names} == {
            "thing": "", "part": "", "kept": "materialized", "seen": "materialized", "twice": "materialized"
        }  # fmt: skip
