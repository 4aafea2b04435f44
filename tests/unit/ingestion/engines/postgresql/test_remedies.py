"""Statements that people are told to run, run by the server: over names that need quotes, and partitioned tables."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.extraction import ScratchDatabase, scratch_database
from tests.support.foreign_databases import quoted
from tests.support.own_databases import session_of
from tests.support.proposed import ENGINE, loaded, proposed_text

from core.contract.model import Database, SourceTable
from core.sources.catalog import CatalogTable, ServerFacts
from core.sources.identifiers import sql_name
from core.sources.judging import SourceProblem, server_problems, table_problems
from ingestion.engines.port import Session
from ingestion.engines.postgresql.horizon.bound import grant_to

pytestmark = pytest.mark.database
NAMES = ["Order", "user", "select", "updatedAt", 'say "hi"', "with space", "Ünï", "a-b", "it's", "plain", "a$b", "1st"]
ROLE = 'the "Reader" role'


def forms(draw: random.Random) -> list[str]:
    """A plain table, a partitioned one and one with partitions below partitions, all with odd names and no index."""
    schema, *names = (quoted(name) for name in draw.sample(NAMES, 6))
    key, note = (quoted(f"{name} {place}") for place, name in enumerate(draw.sample(NAMES, 2)))
    made, changed = draw.choice([("createdAt", "updatedAt"), ("created on", "changed on"), ("created", "Updated")])
    clocks = ", ".join(f'"{name}" timestamptz NOT NULL' for name in (made, changed))
    columns = f"{key} int NOT NULL PRIMARY KEY, {clocks}, {note} text"
    plain, whole, deep = (f"{schema}.{name}" for name in names[:3])
    below = [f"{schema}.{quoted(f'part {number}')}" for number in range(4)]
    return [
        f"CREATE SCHEMA {schema}",
        f"GRANT USAGE ON SCHEMA {schema} TO PUBLIC",
        f"CREATE TABLE {plain} ({columns})",
        f"CREATE TABLE {whole} ({columns}) PARTITION BY RANGE ({key})",
        f"CREATE TABLE {below[0]} PARTITION OF {whole} FOR VALUES FROM (0) TO (10)",
        f"CREATE TABLE {below[1]} PARTITION OF {whole} DEFAULT",
        f"CREATE TABLE {deep} ({columns}) PARTITION BY RANGE ({key})",
        f"CREATE TABLE {below[2]} PARTITION OF {deep} DEFAULT PARTITION BY RANGE ({key})",
        f"CREATE TABLE {below[3]} PARTITION OF {below[2]} DEFAULT",
        *(f"GRANT SELECT ON {name} TO PUBLIC" for name in (plain, whole, deep)),
    ]


def statements(problems: list[SourceProblem]) -> list[str]:
    """What of the remedies is SQL."""
    remedies = [problem.remedy for problem in problems]
    return [text for text in remedies if text.startswith(("CREATE ", "GRANT ", "ALTER "))]


def run(database: ScratchDatabase, remedies: list[str]) -> None:
    for remedy in remedies:
        database.run(remedy.partition("; or ")[0])


def refused(catalog: CatalogTable) -> CatalogTable:
    """The table as a role sees it that may read nothing of it, and then no column."""
    return replace(catalog, readable=False, filtered=True)


def blind(catalog: CatalogTable) -> CatalogTable:
    return replace(catalog, columns=tuple(replace(column, readable=False) for column in catalog.columns))


def judged(
    session: Session, source: Database, server: ServerFacts
) -> tuple[dict[str, CatalogTable], list[SourceProblem]]:
    described = ENGINE.described(session, source.tables)
    return described, [p for t in source.tables for p in table_problems(source, t, described[t.name], server)]


@pytest.mark.parametrize("seed", range(3))
def test_every_statement_that_a_check_proposes_runs_as_it_is(seed: int, tmp_path: Path) -> None:
    with scratch_database(*forms(random.Random(seed))) as database, closing(session_of(database.dbname)) as session:
        source = loaded(proposed_text(session, "odd"), tmp_path).dataset("odd").source
        assert isinstance(source, Database)
        server = ENGINE.server(session)
        described, problems = judged(session, source, server)
        indexes = statements(problems)
        assert len(indexes) == 3
        run(database, indexes)
        assert statements(judged(session, source, server)[1]) == []
        role = replace(server, role=ROLE, sees_transactions=False, grant=grant_to(ROLE))
        told = [*server_problems(replace(source, lookback=0), role)]
        for table in source.tables:
            for view in (refused, blind):
                told += table_problems(source, table, view(described[table.name]), role)
        grants = [text for text in statements(told) if not text.startswith("CREATE INDEX")]
        assert len(grants) >= 3 * 6
        database.run(f"CREATE ROLE {quoted(ROLE)}")
        try:
            run(database, grants)
        finally:
            database.run(f"DROP OWNED BY {quoted(ROLE)}", f"DROP ROLE {quoted(ROLE)}")


def test_a_partitioned_table_takes_the_indexes_that_were_made_concurrently_on_its_partitions() -> None:
    table = SourceTable("Order", ("id",), (), changed_at="updatedAt", relation='public."Order"')
    with scratch_database(
        'CREATE TABLE "Order" (id int, "updatedAt" timestamptz NOT NULL) PARTITION BY RANGE (id)',
        'CREATE TABLE "first" PARTITION OF "Order" DEFAULT',
    ) as database:
        session = database.session()
        catalog = ENGINE.described(session, [table])["Order"]
        source = Database("postgresql", "db", "UTC", 60, 600, 1800, 0, 0, (table,))
        (remedy,) = statements([*table_problems(source, table, catalog, ENGINE.server(session))])
        assert remedy.startswith('CREATE INDEX ON public."Order" ("updatedAt", id); -- it locks writes')
        database.run(remedy.partition(";")[0].replace('INDEX ON public."Order"', "INDEX CONCURRENTLY ON first"))
        run(database, [remedy])
        assert database.rows("SELECT count(*) FROM pg_index WHERE indrelid = 'first'::regclass") == [[1]]


def test_names_are_quoted_as_the_server_does_it() -> None:
    draw = random.Random(20261130)
    names = [*NAMES, *("".join(draw.choices("ab_Z9 $.\"'é\\", k=draw.randint(1, 6))) for _ in range(500))]
    with scratch_database() as database:
        rows = database.rows("SELECT word, quote_ident(word) FROM pg_get_keywords()")
        values = ", ".join("('" + name.replace("'", "''") + "')" for name in names)
        rows += database.rows(f"SELECT name, quote_ident(name) FROM (VALUES {values}) AS names (name)")
    assert [sql_name(name) for name, _ in rows] == [theirs for _, theirs in rows]
