"""Databases that somebody else designed: contracts proposed, tables loaded, harmed, healed and compared by value."""

from __future__ import annotations

import json
import os
import random
import subprocess
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.database_simulation import with_source
from tests.support.extraction import ScratchDatabase, scratch_database
from tests.support.filling import Filled, columns_of, fill, quoted
from tests.support.proposed import ENGINE, loaded, proposed_text
from tests.support.sources import Source, distribution_binaries, distribution_server, shared_server
from tests.support.zoo import Cage, Zoo, canonical, grants

from core.audit.findings import REPORTED, OrphanKeys
from core.contract.model import Database as DatabaseSource
from core.contract.model import SourceTable, Take
from core.sources.judging import server_problems, table_problems
from core.time import NO_PLACE
from local.database import Database

ROWS = 12  # of a table that came without any
KINDS = ("deleted", "silent", "late")  # of harm, each to a row of every table
DATASET = "foreign"


# Of our own writing: each has a kind of fault that a public schema showed.
SMALL: dict[str, Sequence[str]] = {
    "without clocks": [
        "CREATE TABLE elements (number int PRIMARY KEY, symbol text NOT NULL, mass numeric)",
        "INSERT INTO elements SELECT n, 'E' || n, n * 2.0159 FROM generate_series(1, 300) AS n",  # in every bucket
        "CREATE TABLE lines (part int, line int, amount numeric(9,2) NOT NULL, PRIMARY KEY (part, line))",
        "ALTER TABLE lines ADD FOREIGN KEY (part) REFERENCES elements (number)",
    ],
    "words of the pipeline": [
        "CREATE TABLE nodes (node_id bigint, version bigint, visible boolean NOT NULL, PRIMARY KEY (node_id, version))",
        "CREATE TABLE edits (version int, line int, place text, stored int, changed_at timestamptz)",
        "ALTER TABLE edits ADD PRIMARY KEY (place, version)",
    ],
    "nothing in the clock": [
        "CREATE TABLE shows (id text PRIMARY KEY, title text, date_added date)",
        "INSERT INTO shows SELECT 's' || n, 't' || n, CASE WHEN n % 4 > 0 THEN DATE '2026-01-01' + n END"
        " FROM generate_series(1, 40) AS n",
    ],
    "clocks of two kinds": [
        "CREATE TABLE customers (id int PRIMARY KEY, create_date date NOT NULL, last_update timestamptz, name text)",
        "CREATE TABLE users (id int PRIMARY KEY, name text)",
        "CREATE TABLE sessions (id int PRIMARY KEY, user_id bigint NOT NULL REFERENCES users (id), token int)",
    ],
}


@dataclass
class ForeignTally:
    """What came of the schemas; ``faults`` name the schema and the table."""

    schemas: int = 0
    tables: int = 0
    promised: int = 0
    rows: int = 0
    made: int = 0
    found: int = 0
    planted: int = 0
    named: int = 0
    faults: list[str] = field(default_factory=list)


class Foreign(Zoo):
    """The simulation of a proposed contract."""

    def __init__(self, database: ScratchDatabase, folder: Path) -> None:
        session = database.session()
        contracts = loaded(proposed_text(session, DATASET), folder)
        session.close()
        contracts = with_source(contracts, DATASET, margin=0, settle=0, sweep=1)
        super().__init__(Source(database.server, database.dbname), contracts=contracts, dataset=DATASET)
        self.scratch = database
        self.source_tables: Sequence[SourceTable] = self.contract.source.tables  # type: ignore[union-attr]
        self.cages = [self._cage(table) for table in self.source_tables]

    def _cage(self, table: SourceTable) -> Cage:
        relation = table.relation or quoted(table.name)
        statement = (
            f"SELECT attname, format_type(atttypid, -1) FROM pg_attribute WHERE attrelid = '{relation}'::regclass"
        )
        kinds = dict(self.scratch.rows(statement))
        columns = {each.name: (kinds[each.name], str(each.type)) for each in table.fields if not each.added}
        return Cage(table.name, columns, table.key, relation=relation)

    def differences(self) -> list[str]:
        """What of each table of the warehouse is not the source's, value by value."""
        wrong = []
        for table in self.source_tables:
            theirs = {self._key(table, row): self._placed(table, row) for row in self._source_rows(table)}
            documents = [each.name for each in table.fields if each.type.name == "json"]
            for name, taken, rows in self._current_rows(table.name):
                fields = {each: column for column, each in taken.items()}
                ours = {}
                for row in rows:
                    plain = {each: row[column] for each, column in fields.items()}
                    for each in documents:
                        if plain.get(each):
                            plain[each] = canonical(json.loads(plain[each], parse_float=str))
                    ours[self._key(table, plain)] = plain
                wrong += [f"{name} {key}: of one side alone" for key in sorted({*theirs} ^ {*ours})]
                wrong += [
                    f"{name} {key}: {each} {theirs[key][each]!r} is {ours[key][each]!r}"
                    for key in sorted({*theirs} & {*ours})
                    for each in fields
                    if repr(theirs[key][each]) != repr(ours[key][each])
                ]
        return wrong

    def _placed(self, table: SourceTable, row: dict[str, Any]) -> dict[str, Any]:
        """The row with the time that stands for none in the warehouse, where it has no time of change."""
        cursor = table.changed_at or table.created_at
        if not cursor or row[cursor] is not None:
            return row
        created = row[table.created_at] if table.created_at else None
        return row | {cursor: created or NO_PLACE.replace(tzinfo=None)}

    def has_orphans(self, finding: OrphanKeys) -> bool:
        """Whether the source has just as many rows whose reference names no row, as a finding says."""
        child, field = self._place(finding.table, finding.column)
        parent, key = self._place(*finding.references.split("."))
        without = f"NOT EXISTS (SELECT FROM {parent} AS p WHERE p.{key} = c.{field})"
        counted = self.scratch.rows(f"SELECT count(*) FROM {child} AS c WHERE c.{field} IS NOT NULL AND {without}")
        return bool(counted[0][0] == finding.rows)

    def _place(self, table: str, column: str) -> tuple[str, str]:
        """The relation and the column that a column of a star table takes."""
        star = next(each for each in self.contract.tables if each.name == table)
        rule = next(each.rule for each in star.columns if each.name == column)
        assert isinstance(rule, Take)
        return self.relation(star.source), quoted(rule.field)

    def _key(self, table: SourceTable, row: dict[str, Any]) -> str:
        return repr([row[name] for name in table.key])


def tried(name: str, script: Path | Sequence[str], tally: ForeignTally, *, seed: int, server: Database) -> None:
    """Load a schema, fill it, take what is proposed for it, harm it and have it healed."""
    tally.schemas += 1
    with scratch_database(server=server) as database:
        if isinstance(script, Path):
            _run_script(database, script)
        else:
            database.run(*script)
        database.run(grants(server.extractor.user))
        relations = [row[0] for row in database.rows(_TABLES)]
        for relation in relations:
            fill(database, relation, rows=ROWS, seed=seed)
        database.run("ANALYZE")
        tally.tables += len(relations)
        with tempfile.TemporaryDirectory() as folder:
            _promised(name, database, Path(folder), tally, seed)


_TABLES = """
SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND n.nspname !~ '^(pg_|information_schema)'
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e') ORDER BY 1
"""


def _run_script(database: ScratchDatabase, script: Path) -> None:
    """As psql runs it: dumps hold data between their statements, and what does not concern us may fail (roles)."""
    server, binaries = database.server, distribution_binaries()
    program = str(binaries / "psql") if binaries else "psql"
    login = ["-h", server.host, "-p", str(server.direct_port), "-U", server.owner.user, "-d", database.dbname]
    environment = {**os.environ, "PGPASSWORD": server.owner.password, "PGSSLMODE": "disable"}
    subprocess.run([program, "-X", "-q", "-f", str(script), *login], env=environment, capture_output=True, check=False)


def _promised(name: str, database: ScratchDatabase, folder: Path, tally: ForeignTally, seed: int) -> None:
    simulation = Foreign(database, folder)
    try:
        tally.promised += len(simulation.source_tables)
        tally.faults += [f"{name}: told without cause: {problem}" for problem in live_problems(simulation)]
        simulation.extract()
        simulation.heal()
        tally.rows += sum(len(rows) for table in simulation.tables for *_, rows in simulation._current_rows(table))
        tally.faults += [f"{name}, loaded: {text}" for text in [*simulation.differences(), *_amiss(simulation)]]
        _harmed(name, simulation, tally, random.Random(seed))
        _planted(name, simulation, tally)
    finally:
        simulation.close()


# ---------------------------------------------------------------- harm


@dataclass(frozen=True)
class _Harmer:
    """One who harms rows of a table: no reference is broken by it, for that is another finding."""

    relation: str
    table: SourceTable
    columns: Sequence[Filled]
    referring: frozenset[str]
    is_referred_to: bool

    def statement(self, kind: str, place: str, draw: random.Random) -> str:
        """SQL that harms the row at a place; empty where no row of the table can be harmed so."""
        if kind == "deleted":
            return "" if self.is_referred_to else f"DELETE FROM {self.relation} WHERE {place}"
        return self._copied(place, draw) if kind == "late" else self._changed(place, draw)

    def _copied(self, place: str, draw: random.Random) -> str:
        """The row once more under another key."""
        number = draw.randrange(20_000, 29_000)
        free = [each.name for each in self.columns if each.name in self.table.key and not self._refers(each)]
        if not free:
            return ""
        names = ", ".join(quoted(each.name) for each in self.columns)
        values = ", ".join(each.value(number) if each.name in free else quoted(each.name) for each in self.columns)
        return (
            f"INSERT INTO {self.relation} ({names}) OVERRIDING SYSTEM VALUE"
            f" SELECT {values} FROM {self.relation} WHERE {place}"
        )

    def _changed(self, place: str, draw: random.Random) -> str:
        """Another value without a new time."""
        fields = {each.name for each in self.table.fields if not each.added}
        kept = {*self.table.key, self.table.changed_at, self.table.created_at}
        plain = [
            each
            for each in self.columns
            if each.name in fields - kept and each.category in "NSB" and each.kind == "b" and not self._refers(each)
        ]
        if not plain:
            return ""
        column = draw.choice(plain)
        name = quoted(column.name)
        value = f"NOT coalesce({name}, false)" if column.category == "B" else column.value(77)
        return f"UPDATE {self.relation} SET {name} = {value} WHERE {place} AND {name} IS DISTINCT FROM {value}"

    def _refers(self, column: Filled) -> bool:
        return column.refers or column.name in self.referring


def _harmer(simulation: Foreign, table: SourceTable) -> _Harmer:
    stars = {star.name: star for star in simulation.contract.tables}
    ours = [star for star in stars.values() if star.source == table.name]
    referring = {
        column.rule.field
        for star in ours
        for column in star.columns
        if column.references and isinstance(column.rule, Take)
    }
    targets = {column.references.partition(".")[0] for star in stars.values() for column in star.columns}
    joined = {join.table for star in stars.values() for join in star.joins}
    relation = simulation.relation(table.name)
    is_referred_to = table.name in joined or any(star.name in targets for star in ours)
    columns = columns_of(simulation.scratch, relation)
    return _Harmer(relation, table, columns, frozenset(referring), is_referred_to)


def _harmed(name: str, simulation: Foreign, tally: ForeignTally, draw: random.Random) -> None:
    harms: dict[str, list[str]] = {}
    for table in simulation.source_tables:
        harmer = _harmer(simulation, table)
        rows = simulation.scratch.rows(f"SELECT ctid::text, tableoid::text FROM {harmer.relation} LIMIT 500")
        places = [f"ctid = '{place}' AND tableoid = {part}" for place, part in rows]
        for kind, place in zip(KINDS, draw.sample(places, min(len(KINDS), len(places))), strict=False):
            statement = harmer.statement(kind, place, draw)
            if statement and _done(simulation.scratch, statement):
                harms.setdefault(table.name, []).append(kind)
    found: Counter[str] = Counter()
    for finding in simulation.audited():
        if finding.kind not in REPORTED:
            found[getattr(finding, "table", "")] += len(getattr(finding, "keys", ()))
    for table_name, kinds in harms.items():
        tally.made += len(kinds)
        tally.found += min(len(kinds), found[table_name])
        if found[table_name] != len(kinds):
            tally.faults.append(f"{name}: {table_name} harmed ({', '.join(kinds)}), {found[table_name]} rows named")
    for _ in range(2):
        simulation.heal()
    left = [*simulation.differences(), *_amiss(simulation), *simulation.verified()]
    tally.faults += [f"{name}, healed: {text}" for text in left]


def _done(database: ScratchDatabase, statement: str) -> bool:
    """Whether the server took it, with triggers and foreign keys asleep, and it touched a row."""
    connection = database.connect()
    cursor = connection.cursor()
    cursor.execute("SET session_replication_role = replica")
    try:
        cursor.execute(statement)
        return bool(cursor.rowcount == 1)
    except Exception:  # noqa: BLE001  # an index or a CHECK of theirs does not want the row
        return False
    finally:
        connection.close()


def _amiss(simulation: Foreign) -> list[str]:
    """What an audit finds and does not only report, but for orphans that the source has, as many as it has."""
    findings = [each for each in simulation.audited() if each.kind not in REPORTED]
    return [str(each)[:300] for each in findings if each.kind != "orphan_key" or not simulation.has_orphans(each)]


# ---------------------------------------------------------------- contract check --live


def live_problems(simulation: Foreign) -> list[str]:
    """What ``contract check --live`` says is broken; of a proposal for the same database nothing may be."""
    source = simulation.contract.source
    assert isinstance(source, DatabaseSource)
    session = simulation.scratch.session()
    try:
        server, described = ENGINE.server(session), ENGINE.described(session, source.tables)
        problems = list(server_problems(source, server))
        for table in source.tables:
            problems += table_problems(source, table, described.get(table.name), server)
    finally:
        session.close()
    return [f"{each.place}: {each.problem}" for each in problems if each.gravity == "broken"]


def _planted(name: str, simulation: Foreign, tally: ForeignTally) -> None:
    """A grant that is taken back, a column of another type and one of another name: each has to be named."""
    user = simulation.scratch.server.extractor.user
    wanted = []
    for number, table in enumerate(simulation.source_tables[:6]):
        relation = simulation.relation(table.name)
        column = next((each.name for each in table.fields if not each.added and each.name not in table.key), "")
        if number % 2 == 0 or not column:
            statement, place = f"REVOKE SELECT ON {relation} FROM {user}", table.name
        else:
            statement = f"ALTER TABLE {relation} RENAME COLUMN {quoted(column)} TO another_name"
            place = f"{table.name}.{column}"
        if _altered(simulation.scratch, statement):
            wanted.append(place)
    told = live_problems(simulation)
    tally.planted += len(wanted)
    tally.named += sum(any(problem.startswith(f"{place}:") for problem in told) for place in wanted)
    tally.faults += [
        f"{name}: {place} was harmed, and is not named"
        for place in wanted
        if not any(problem.startswith(f"{place}:") for problem in told)
    ]


def _altered(database: ScratchDatabase, statement: str) -> bool:
    try:
        database.run(statement)
    except Exception:  # noqa: BLE001  # a view of theirs rests on it
        return False
    return True


def server_for_extensions() -> Database:
    """The system's own server, which has extensions, or where there is none the project's."""
    return distribution_server() if distribution_binaries() else shared_server()
