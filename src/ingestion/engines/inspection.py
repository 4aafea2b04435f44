"""Inspection of a database by a contract: what its server says of each table, tried by reading some rows of it.

Reads only, one table after the other; what is wrong with one keeps none of the others from being looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.contract.model import Database, SourceTable
from core.errors import InvalidData, OutOfReach, PipelineBug, StarmendError
from core.sources.catalog import CatalogTable, ServerFacts
from core.sources.judging import Gravity, SourceProblem, server_problems, table_problems, zone_problem
from core.zones import clock_changes
from ingestion.engines.failures import UnprintableValue
from ingestion.engines.port import Connector, Engine, Session, TableReading

SAMPLE_ROWS = 20_000
SECONDS = 30.0  # of one statement
FIRST_HOUR = datetime(2000, 1, 1)  # noqa: DTZ001 - of a wall clock: from when on time zone data are compared


@dataclass(frozen=True, slots=True)
class TableInspection:
    """A table of the contract as the database has it.

    ``rows`` is the server's estimate, or counted where it has none; None where neither could be had.
    ``first_load_minutes`` goes by how fast a sample of its rows came here just now.
    """

    table: str
    relation: str
    rows: int | None
    first_load_minutes: float | None
    problems: tuple[SourceProblem, ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """A database under a contract."""

    server: ServerFacts
    problems: tuple[SourceProblem, ...]
    tables: tuple[TableInspection, ...]

    @property
    def all_problems(self) -> tuple[SourceProblem, ...]:
        """The server's and those of all tables."""
        return (*self.problems, *(problem for table in self.tables for problem in table.problems))

    @property
    def fine(self) -> bool:
        """Whether every promise can be held."""
        return not any(problem.gravity == "broken" for problem in self.all_problems)


@dataclass(frozen=True, slots=True)
class Inspector:
    """Inspects the source of a contract. ``seconds`` is a clock that only counts."""

    engine: Engine
    connector: Connector
    source: Database
    now: datetime
    seconds: Callable[[], float]

    def inspect(self) -> Inspection:
        """Raises ``OutOfReach`` where no server answers or it refuses the login, ``InvalidData`` for a wrong secret."""
        session = self.connector.open()
        try:
            server = self.engine.server(session)
            catalog = self.engine.described(session, self.source.tables)
            is_any_lost = any(table.name not in catalog for table in self.source.tables)
            listed = self.engine.listed(session) if is_any_lost else []
            problems = [*server_problems(self.source, server), *self._zone(session)]
            tables = []
            for table in self.source.tables:
                if session.closed:  # by a statement that failed
                    session = self.connector.open()
                tables.append(self._table(session, table, catalog.get(table.name), server, listed))
        finally:
            session.close()
        return Inspection(server, tuple(problems), tuple(tables))

    def _zone(self, session: Session) -> Iterator[SourceProblem]:
        """The problem of time zone data that are not ours, where times are of a zone."""
        zone = self.source.timezone
        if zone == "UTC":
            return
        hours = FIRST_HOUR, datetime(self.now.year + 2, 1, 1)  # noqa: DTZ001 - of a wall clock
        try:
            theirs = self.engine.clock_changes(session, zone, hours)
        except (OutOfReach, PipelineBug) as error:
            yield SourceProblem(zone, "broken", error.problem, "Write a timezone that the server knows")
            return
        if problem := zone_problem(zone, clock_changes(zone, hours), theirs):
            yield problem

    def _table(
        self,
        session: Session,
        table: SourceTable,
        catalog: CatalogTable | None,
        server: ServerFacts,
        listed: Sequence[CatalogTable],
    ) -> TableInspection:
        others = [other.relation for other in listed if other.name.lower() == table.name.lower()]
        problems = [*table_problems(self.source, table, catalog, server, others)]
        if catalog is None:
            return TableInspection(table.name, "", None, None, tuple(problems))
        rows: int | None = catalog.rows if catalog.rows >= 0 else None
        minutes: float | None = None
        if not any(problem.gravity == "broken" for problem in problems):
            rows, minutes = self._tried(session, table, catalog, problems)
        return TableInspection(table.name, catalog.relation, rows, minutes, tuple(problems))

    def _tried(
        self, session: Session, table: SourceTable, catalog: CatalogTable, problems: list[SourceProblem]
    ) -> tuple[int | None, float | None]:
        """The rows and the first load's minutes, by reading; whatever is in the way becomes a problem."""
        rows: int | None = catalog.rows if catalog.rows >= 0 else None
        try:
            reading = self.engine.catalog(session, [table]).reading(table, timezone=self.source.timezone)
            problems += self._elsewhere(reading)
            began, sampled = self.seconds(), 0
            for batch in reading.sample(session, SAMPLE_ROWS, seconds=SECONDS):
                sampled += len(batch)
            took = self.seconds() - began
            if rows is None:
                rows = sampled if sampled < SAMPLE_ROWS else reading.count_rows(session, seconds=SECONDS)
            problems += self._unplaced(session, reading)
        except UnprintableValue as error:
            problem = f"a row holds what the server cannot print: {error.problem}"
            problems.append(SourceProblem(table.name, "note", problem, "It is refused alone, and lies in quarantine"))
            return rows, None
        except (InvalidData, PipelineBug) as error:
            problems.append(SourceProblem(table.name, "broken", error.problem, error.remedy))
            return rows, None
        except OutOfReach as error:  # a statement that takes too long, most of all
            problems.append(SourceProblem(table.name, "weak", error.problem, error.remedy))
            return rows, None
        return rows, max(rows, sampled) * took / max(1, sampled) / 60

    def _elsewhere(self, reading: TableReading) -> Iterator[SourceProblem]:
        if reading.written_elsewhere:
            remedy = "Name the server that writes them in the secret, or choose a `lookback` in the contract"
            gravity: Gravity = "note" if self.source.lookback else "broken"
            yield SourceProblem(reading.table.name, gravity, reading.written_elsewhere, remedy)

    def _unplaced(self, session: Session, reading: TableReading) -> Iterator[SourceProblem]:
        count = reading.count_unplaced(session, self.now, seconds=SECONDS)
        if count:
            problem = f"{count} rows have no key or no time, or a time in the future: no interval holds them"
            remedy = "Give them a key, and a changed_at or created_at that is not in the future"
            yield SourceProblem(reading.table.name, "weak", problem, remedy)


def tried_login(engine: Engine, connector: Connector) -> ServerFacts | StarmendError:
    """The server that answers to a login, or why none does."""
    try:
        session = connector.open()
    except StarmendError as error:
        return error
    try:
        return engine.server(session)
    except StarmendError as error:
        return error
    finally:
        session.close()
