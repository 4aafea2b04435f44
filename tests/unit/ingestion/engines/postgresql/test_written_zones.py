"""The zone that a default writes, held against the wall clock that the server then has in the row."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from tests.support.extraction import scratch_database, source_table

from core.sources.catalog import SESSION
from ingestion.engines.postgresql.catalog.describe import described
from ingestion.engines.postgresql.catalog.zones import zone_written

ZONES = {"utc": "UTC", "UTC": "UTC", "Etc/UTC": "UTC", "Europe/Berlin": "Europe/Berlin", "asia/tokyo": "Asia/Tokyo"}
SERVER = "America/New_York"


@pytest.mark.parametrize(
    ("expression", "zone"),
    [
        ("(now() AT TIME ZONE 'utc'::text)", "UTC"),
        ("timezone('UTC'::text, now())", "UTC"),
        ("((CURRENT_TIMESTAMP AT TIME ZONE 'UTC'::text))::timestamp(3) without time zone", "UTC"),
        ("timezone('europe/berlin', statement_timestamp())", "Europe/Berlin"),
        ("CURRENT_TIMESTAMP(3)", SESSION),
        ("(now())::timestamp without time zone", SESSION),
        ("LOCALTIMESTAMP", SESSION),
        ("(now() AT TIME ZONE 'CET'::text)", ""),  # an abbreviation to the server: no summer time
        ("(now() AT TIME ZONE '01:00:00'::interval)", ""),
        ("(now() + '01:00:00'::interval)", ""),
        ("((now())::timestamp without time zone AT TIME ZONE 'utc'::text)", ""),
        ("((now() AT TIME ZONE 'utc'::text) AT TIME ZONE 'Europe/Berlin'::text)", ""),
        ("'2026-01-01 00:00:00'::timestamp without time zone", ""),
        ("", ""),
    ],
)
def test_an_expression_says_the_zone_of_its_wall_clock_or_nothing(expression: str, zone: str) -> None:
    assert zone_written(expression) == zone


def random_default(draw: random.Random) -> str:
    """A time of now, in one of the ways in which people write it, with odds and ends round it."""
    now = draw.choice(
        [
            "now()",
            "CURRENT_TIMESTAMP",
            "current_timestamp(3)",
            "statement_timestamp()",
            "clock_timestamp()",
            "localtimestamp",
        ]
    )
    for _ in range(draw.randint(0, 3)):
        zone = draw.choice([*ZONES])
        now = draw.choice(
            [
                f"timezone('{zone}', {now})",
                f"({now} AT TIME ZONE '{zone}')",
                f"({now})::timestamp(3)",
                f"({now})::timestamptz",
                f"date_trunc('second', {now})",
                f"({now} + interval '5 hours')",
            ]
        )
    return f"({now})"


@pytest.mark.database
def test_what_is_understood_of_a_default_is_what_the_server_writes() -> None:
    draw = random.Random(20261130)
    defaults = [random_default(draw) for _ in range(200)]
    columns = ", ".join(f'"c{number}" timestamp DEFAULT {text}' for number, text in enumerate(defaults))
    with scratch_database(f"CREATE TABLE t (id int PRIMARY KEY, {columns})") as database:
        table = described(database.session(), [source_table("t", key=["id"], id="int")])["t"]
        database.run(f"SET TimeZone = '{SERVER}'; INSERT INTO t (id) VALUES (1)")
        understood: Counter[str] = Counter()
        clocks = {"UTC": "UTC", "Europe/Berlin": "Europe/Berlin", "Asia/Tokyo": "Asia/Tokyo", SESSION: SERVER}
        for number, text in enumerate(defaults):
            column = table.column(f"c{number}")
            assert column is not None
            for zone in column.zones:
                understood[zone] += 1
                near = f"abs(extract(epoch FROM c{number} - (now() AT TIME ZONE '{clocks[zone]}'))) < 600"
                assert database.rows(f"SELECT {near} FROM t") == [[True]], (text, zone)
        assert understood.keys() == clocks.keys()


@pytest.mark.database
def test_defaults_domains_and_triggers_say_the_zones_of_a_column() -> None:
    body = "BEGIN IF new.a = old.a THEN new.a := timezone('UTC', now()); END IF; new.\"B\" = now(); RETURN new; END"
    statements = [
        "CREATE DOMAIN stamp AS timestamp DEFAULT now()",
        'CREATE TABLE t (id int PRIMARY KEY, a timestamp DEFAULT now(), "B" timestamp, c stamp, d timestamptz DEFAULT '
        "now(), e timestamp GENERATED ALWAYS AS ('2026-01-01'::timestamp) STORED, f timestamp)",
        f"CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
        "CREATE TRIGGER touched BEFORE UPDATE ON t FOR EACH ROW EXECUTE FUNCTION touch()",
    ]
    with scratch_database(*statements) as database:
        table = described(database.session(), [source_table("t", key=["id"], id="int")])["t"]
    zones = {column.name: column.zones for column in table.columns if column.zones}
    assert zones == {"a": (SESSION, "UTC"), "B": (SESSION,), "c": (SESSION,)}
