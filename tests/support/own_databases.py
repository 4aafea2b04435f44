"""A foreign database on its way: proposed, checked, loaded whole, changed behind the extraction's back, and healed."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.database_simulation import DatabaseSimulation, with_source
from tests.support.extraction import ScratchDatabase, scratch_database
from tests.support.foreign_databases import ForeignDatabase, ForeignTable, differences, foreign_database, quoted
from tests.support.proposed import ENGINE, loaded, proposed_text
from tests.support.sources import Source, shared_server

from core.contract.model import Contract, Database
from core.sources.judging import server_problems, table_problems
from ingestion.engines.login import Login
from ingestion.engines.port import Session, Timeouts
from ingestion.engines.postgresql.session import connect

DATASET = "foreign"
PLACES = "paid on"  # a time that was never null, by which a fact without a time of creation is partitioned
UNBOUNDED = "is numeric, and a row whose value is no decimal"  # which the proposal says beside the column


@dataclass
class Tally:
    """What came of the databases so far. ``faults`` begin with the seed that brings them back."""

    databases: int = 0
    tables: int = 0
    star_tables: int = 0
    rows: int = 0
    changes: int = 0
    faults: list[str] = field(default_factory=list)


def session_of(dbname: str) -> Session:
    """A session as the role that extracts."""
    server = shared_server()
    user = server.extractor
    certificate = server.certificate.read_text()
    login = Login(server.host, server.port, dbname, user.user, user.password, "verify-full", certificate)
    return connect(login, application="proposing", timeouts=Timeouts(5, 60))


def judged(contract: Contract, session: Session) -> list[str]:
    """What whoever holds a contract against its database has to say of it, beside remarks."""
    database = contract.source
    assert isinstance(database, Database)
    server, described = ENGINE.server(session), ENGINE.described(session, database.tables)
    problems = list(server_problems(database, server))
    for table in database.tables:
        problems += table_problems(database, table, described.get(table.name), server)
    return [f"{each.place}: {each.problem}" for each in problems if each.gravity != "note"]


def try_own_database(seed: int, folder: Path, tally: Tally) -> None:
    """One database of a seed: each way in which its star is not its source is a fault of the tally."""
    dump = foreign_database(seed, reader=shared_server().extractor.user)
    with scratch_database(*dump.statements) as database:
        with closing(session_of(database.dbname)) as session:
            contracts = loaded(proposed_text(session, DATASET), folder / str(seed))
            wrong = [each for each in judged(contracts.dataset(DATASET), session) if UNBOUNDED not in each]
        contract = contracts.dataset(DATASET)
        tally.databases += 1
        tally.tables += len(dump.tables)
        tally.star_tables += len(contract.tables)
        if len(contract.needed_source.tables) != len(dump.tables):
            wrong.append(f"{len(contract.needed_source.tables)} of {len(dump.tables)} tables are promised")
        immediate = with_source(contracts, DATASET, margin=0, settle=0, sweep=1)
        with closing(
            DatabaseSimulation(Source(shared_server(), database.dbname), contracts=immediate, dataset=DATASET)
        ) as simulation:
            simulation.extract()
            simulation.heal()
            wrong += [f"after the first load: {each}" for each in _differing(contract, simulation, database)]
            tally.changes += _change_unseen(random.Random(f"changes/{seed}"), dump, database)
            simulation.extract()
            simulation.heal()
            wrong += [f"after the gap: {each}" for each in _differing(contract, simulation, database)]
            wrong += [f"not proven: {each}" for each in simulation.verified()]
            tally.rows += sum(table.rows for table in dump.tables)
    tally.faults += [f"seed {seed}: {each}" for each in wrong]


def _differing(contract: Contract, simulation: DatabaseSimulation, database: ScratchDatabase) -> list[str]:
    with closing(database.connect()) as connection:
        return differences(contract, simulation.lake.rows, connection)


def _change_unseen(draw: random.Random, dump: ForeignDatabase, database: ScratchDatabase) -> int:
    """Delete rows that nothing refers to, and change others past every trigger and clock; how many."""
    made = 0
    for table in dump.tables:
        free = not database.rows(f"SELECT 1 FROM pg_constraint WHERE confrelid = '{table.relation}'::regclass")
        for statement in [_deletion(table), *_update(draw, table)] if free else _update(draw, table):
            database.run("SET session_replication_role = replica", statement)
            made += 1
    return made


def _deletion(table: ForeignTable) -> str:
    return f"DELETE FROM {table.relation} WHERE {_row(table, 'min')}"


def _update(draw: random.Random, table: ForeignTable) -> list[str]:
    """A statement that sets a column that may be null to null; none where all columns are keys, clocks or not null."""
    clocks = {table.created_at, table.changed_at, *table.key, PLACES}
    names = [
        name for name, kind, _ in table.columns if name not in clocks and "NOT NULL" not in kind and " " not in kind
    ]
    if not names:
        return []
    return [f"UPDATE {table.relation} SET {quoted(draw.choice(names))} = NULL WHERE {_row(table, 'max')}"]


def _row(table: ForeignTable, which: str) -> str:
    key = quoted(table.key[0])
    order = "DESC" if which == "max" else "ASC"
    return f"{key} = (SELECT {key} FROM {table.relation} ORDER BY 1 {order} LIMIT 1)"
