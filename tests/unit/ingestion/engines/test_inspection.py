"""Databases inspected by a contract: tables sabotaged one way each, in random company, and each sabotage is named."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from tests.fakes.secrets import MemorySecrets
from tests.support.extraction import SECRET, ScratchDatabase, contract_of, scratch_database, source_table

from core import zones
from core.contract.model import Database, SourceTable
from core.errors import OutOfReach
from ingestion.engines.build import engine_named
from ingestion.engines.inspection import Inspection, Inspector

pytestmark = pytest.mark.database


@dataclass(frozen=True)
class Sabotage:
    """Statements over ``{t}``, and the place and gravity of the problem that must be named, with a word of it."""

    statements: Sequence[str]
    place: str
    gravity: str
    word: str


SABOTAGES = [
    Sabotage(["ALTER TABLE {t} DROP COLUMN note"], "{t}.note", "broken", "no such column"),
    Sabotage(["ALTER TABLE {t} RENAME COLUMN note TO remark"], "{t}.note", "broken", "it has remark"),
    Sabotage(["ALTER TABLE {t} ALTER units TYPE text"], "{t}.units", "broken", "Write string"),
    Sabotage(["ALTER TABLE {t} ALTER units TYPE bigint"], "{t}.units", "weak", "Write bigint"),
    Sabotage(["ALTER TABLE {t} ALTER price TYPE numeric(14,4)"], "{t}.price", "weak", "decimal(14,4)"),
    Sabotage(["ALTER TABLE {t} ALTER price TYPE numeric"], "{t}.price", "weak", "string"),
    Sabotage(["ALTER TABLE {t} ALTER units DROP NOT NULL"], "{t}.units", "note", "may be null"),
    Sabotage(["ALTER TABLE {t} ADD colour text"], "{t}", "note", "colour"),
    Sabotage(["ALTER TABLE {t} DROP CONSTRAINT {t}_pkey"], "{t}", "weak", "not unique"),
    Sabotage(["DROP TRIGGER touched ON {t}"], "{t}.last_updated", "note", "no trigger"),
    Sabotage(["ALTER TABLE {t} DISABLE TRIGGER touched"], "{t}.last_updated", "note", "no trigger"),
    Sabotage(["DROP INDEX {t}_cursor"], "{t}.last_updated", "note", "CREATE INDEX"),
    Sabotage(["ALTER TABLE {t} ENABLE ROW LEVEL SECURITY"], "{t}", "broken", "BYPASSRLS"),
    Sabotage(["REVOKE SELECT ON {t} FROM {reader}"], "{t}", "broken", "GRANT SELECT"),
    Sabotage(
        ["REVOKE SELECT ON {t} FROM {reader}", "GRANT SELECT (id, note, price, last_updated) ON {t} TO {reader}"],
        "{t}.units", "broken", "GRANT SELECT (units)",
    ),
    Sabotage(
        ["CREATE SCHEMA s{t}", "GRANT USAGE ON SCHEMA s{t} TO {reader}", "ALTER TABLE {t} SET SCHEMA s{t}"],
        "{t}", "broken", "relation: s{t}.{t}",
    ),
    Sabotage(["DROP TABLE {t}"], "{t}", "broken", "no table"),
    Sabotage(["ALTER TABLE {t} ALTER last_updated TYPE text"], "{t}.last_updated", "broken", "timestamps"),
    Sabotage(["UPDATE {t} SET last_updated = '2999-01-01' WHERE id = 1"], "{t}", "weak", "1 rows"),
    Sabotage(["GRANT UPDATE ON {t} TO {reader}"], "{database}", "weak", "may change rows"),
]  # fmt: skip
TOUCH = """CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN IF new.last_updated = old.last_updated THEN new.last_updated := timezone('UTC', now()); END IF; RETURN new; END
$$"""


def made(name: str) -> list[str]:
    return [
        f"CREATE TABLE {name} (id int PRIMARY KEY, note text, units int NOT NULL, price numeric(10,2), "
        "last_updated timestamp NOT NULL)",
        f"CREATE INDEX {name}_cursor ON {name} (last_updated, id)",
        f"CREATE TRIGGER touched BEFORE UPDATE ON {name} FOR EACH ROW EXECUTE FUNCTION touch()",
        f"INSERT INTO {name} SELECT n, 'note', n, n, '2026-11-01' FROM generate_series(1, 30) AS n",
    ]


def promised(name: str) -> SourceTable:
    return source_table(
        name, key=["id"], id="int", note="string?", units="int", price="decimal(10,2)?", last_updated="timestamp"
    )


def inspected(database: ScratchDatabase, *tables: SourceTable, secret: str = "", **options: object) -> Inspection:
    source = contract_of(*tables, **options).source  # type: ignore[arg-type]
    assert isinstance(source, Database)
    engine = engine_named("postgresql")
    connector = engine.connector(MemorySecrets(**{SECRET: secret or database.secret()}), SECRET)
    ticks = itertools.count()
    now = datetime(2026, 11, 20, tzinfo=UTC)
    return Inspector(engine, connector, source, now, lambda: float(next(ticks))).inspect()


def problems(inspection: Inspection) -> set[tuple[str, str]]:
    return {(problem.place, problem.problem) for problem in inspection.all_problems}


@pytest.mark.parametrize("seed", range(1))
def test_each_sabotage_is_named_at_its_place_and_no_neighbour_is_blamed(seed: int) -> None:
    draw = random.Random(seed)
    names = [f"t{number}" for number in range(len(SABOTAGES) + 3)]
    sabotages = dict(zip(draw.sample(names, len(SABOTAGES)), SABOTAGES, strict=True))
    tables = [promised(name) for name in names]
    with scratch_database(TOUCH, *(statement for name in names for statement in made(name))) as database:
        database.run(f"ALTER DATABASE {database.dbname} SET TimeZone = 'UTC'", "ANALYZE")
        clean = inspected(database, *tables)
        assert problems(clean) == set()
        assert {table.rows for table in clean.tables} == {30}
        assert all(table.first_load_minutes == pytest.approx(1 / 60) for table in clean.tables)  # one tick of the clock
        words = {"reader": clean.server.role, "database": database.dbname}
        for name, sabotage in sabotages.items():
            database.run(*(statement.format(t=name, **words) for statement in sabotage.statements))
        inspection = inspected(database, *tables)
        missed = []
        for name, sabotage in sabotages.items():
            place, word = sabotage.place.format(t=name, **words), sabotage.word.format(t=name)
            if not any(
                (problem.place, problem.gravity) == (place, sabotage.gravity)
                and word in f"{problem.problem} {problem.remedy}"
                for problem in inspection.all_problems
            ):
                missed.append((name, sabotage))
        assert missed == []
        blamed = {place.split(".")[0] for place, _ in problems(inspection)}
        assert blamed - {database.dbname} <= {*sabotages}
        assert [table.table for table in inspection.tables if not table.problems] == [
            name for name in names if name not in blamed
        ]
        assert not inspection.fine


def test_a_clock_that_the_server_fills_is_held_against_the_zone_of_the_contract() -> None:
    with scratch_database(TOUCH, *made("t")) as database:  # whose trigger writes UTC's, whatever the server's zone is
        database.run(f"ALTER DATABASE {database.dbname} SET TimeZone = 'Europe/Paris'")
        assert problems(inspected(database, promised("t"))) == set()
        (problem,) = inspected(database, promised("t"), timezone="Europe/Paris").tables[0].problems
        assert (problem.place, problem.gravity) == ("t.last_updated", "weak")
        assert "the server fills it with UTC's, the contract reads Europe/Paris" in problem.problem
        database.run("DROP TRIGGER touched ON t")
        places = {place for place, _ in problems(inspected(database, promised("t"), timezone="Asia/Tokyo"))}
        assert places == {"t.last_updated"}  # for it has no trigger now
        database.run("ALTER TABLE t ALTER last_updated SET DEFAULT now()")
        zoned = inspected(database, promised("t")).tables[0].problems[0]
        assert "now() fills it with Europe/Paris's, the contract reads UTC" in zoned.problem
        assert "Write timezone: Europe/Paris" in zoned.remedy


def test_a_table_that_was_never_analysed_is_counted_and_a_view_says_nothing_of_its_key() -> None:
    view = source_table("seen", key=["id"], id="int", last_updated="timestamp")
    with scratch_database(TOUCH, *made("t"), "CREATE VIEW seen AS SELECT * FROM t") as database:
        database.run(f"ALTER DATABASE {database.dbname} SET TimeZone = 'UTC'")
        plain, seen = inspected(database, promised("t"), view).tables
        assert (plain.rows, seen.rows) == (30, 30)
        assert {problem.gravity for problem in seen.problems} == {"note", "weak"}


def test_a_table_that_the_contract_reads_without_a_clock_is_looked_at_like_any_other() -> None:
    with scratch_database("CREATE TABLE plain (id int PRIMARY KEY)", "INSERT INTO plain VALUES (1), (2)") as database:
        inspection = inspected(database, replace(source_table("plain", key=["id"], id="int"), compare="keys"))
    assert [table.rows for table in inspection.tables] == [2]
    assert inspection.fine, problems(inspection)


def test_a_server_that_refuses_the_login_is_no_finding_of_a_table() -> None:
    with scratch_database(*made("t")[:1]) as database, pytest.raises(OutOfReach):
        inspected(database, promised("t"), secret=database.secret(password="wrong"))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia"])
def test_the_servers_time_zone_data_are_ours(zone: str) -> None:
    with scratch_database(*made("t")[:1]) as database:
        assert inspected(database, promised("t"), timezone=zone).problems == ()


def test_a_server_with_older_time_zone_data_and_one_that_knows_no_such_zone_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Egypt has had summer time again since 2023: as if ours were of before."""
    monkeypatch.setattr(zones, "zone_of", lambda _: ZoneInfo("Etc/GMT-2"))
    with scratch_database(*made("t")[:1]) as database:
        (problem,) = inspected(database, promised("t"), timezone="Africa/Cairo").problems
        assert (problem.place, problem.gravity) == ("Africa/Cairo", "weak")
        assert "from 2000-04-28 01:00:00 on it is 3:00:00 ahead of UTC there, 2:00:00 by ours" in problem.problem
        (unknown,) = inspected(database, promised("t"), timezone="Mars/Olympus").problems
        assert (unknown.place, unknown.gravity) == ("Mars/Olympus", "broken")
    zones._offset.cache_clear()
    zones._change_between.cache_clear()
