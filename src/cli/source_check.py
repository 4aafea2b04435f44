"""Databases held against their contracts, from this machine: what ``contract check --live`` and ``secret set`` ask."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from cli.output import out
from core.contract.model import Contracts, Database
from core.errors import StarmendError
from core.ports import SecretStore
from core.sources.catalog import ServerFacts
from core.sources.judging import SourceProblem
from ingestion.engines.build import engine_named
from ingestion.engines.inspection import Inspection, Inspector
from ingestion.engines.inspection import tried_login as try_connector
from ingestion.engines.port import Timeouts

APPLICATION = "starmend-check"
TIMEOUTS = Timeouts(connect=5.0, statement=60.0)
_COLOURS = {"broken": "red", "weak": "yellow", "note": "blue"}


@dataclass(frozen=True, slots=True)
class GivenSecret:
    """A secret's value that is not stored yet, in place of the store."""

    value: str

    def read(self, name: str, *, refresh: bool = False) -> str:  # noqa: ARG002
        """The value, whatever is asked for."""
        return self.value


@dataclass(frozen=True, slots=True)
class DatabaseCheck:
    """A dataset's database as it was found; ``inspection`` None: it could not be asked, ``problem`` says why."""

    dataset: str
    inspection: Inspection | None
    problem: SourceProblem | None = None

    @property
    def fine(self) -> bool:
        """Whether its contract can be held; what could not be asked is not known to be."""
        return self.inspection is not None and self.inspection.fine


def tried_login(engine: str, secrets: SecretStore, secret: str) -> ServerFacts | StarmendError:
    """The server that answers to a secret's login, or why none does."""
    kind = engine_named(engine)
    return try_connector(kind, kind.connector(secrets, secret, application=APPLICATION, timeouts=TIMEOUTS))


def inspect_databases(contracts: Contracts, *, secrets: SecretStore, now: datetime) -> list[DatabaseCheck]:
    """Every database of the contracts, one after the other; nothing is stored."""
    return [
        _inspected(contract.dataset, contract.source, secrets, now)
        for contract in contracts
        if isinstance(contract.source, Database)
    ]


def _inspected(dataset: str, source: Database, secrets: SecretStore, now: datetime) -> DatabaseCheck:
    engine = engine_named(source.engine)
    connector = engine.connector(secrets, source.secret, application=APPLICATION, timeouts=TIMEOUTS)
    try:
        return DatabaseCheck(dataset, Inspector(engine, connector, source, now, time.monotonic).inspect())
    except StarmendError as error:
        return DatabaseCheck(dataset, None, SourceProblem(error.place, "broken", error.problem, error.remedy))


def databases_data(checks: Sequence[DatabaseCheck]) -> list[dict[str, Any]]:
    """The checks as JSON-ready data."""
    return [{"fine": check.fine, **asdict(check)} for check in checks]


def show_databases(checks: Sequence[DatabaseCheck]) -> None:
    """Each database with its server, its tables' sizes, and each problem with its remedy below it."""
    for check in checks:
        if check.problem is not None:
            _show(check.dataset, check.problem)
        if check.inspection is not None:
            _show_inspection(check.dataset, check.inspection)


def _show_inspection(dataset: str, inspection: Inspection) -> None:
    server = inspection.server
    place = f"{server.version}, {server.database}, {server.encoding}, time zone {server.timezone}"
    out.print(f"{dataset}: {place}, {'a replica' if server.replica else 'a primary'}, as {server.role}")
    for problem in inspection.problems:
        _show(dataset, problem)
    for table in inspection.tables:
        rows = "rows unknown" if table.rows is None else f"about {table.rows:,} rows"
        out.print(f"{dataset}: {table.relation or table.table}: {rows}{_load(table.first_load_minutes)}")
        for problem in table.problems:
            _show(dataset, problem)
    minutes = sum(table.first_load_minutes or 0 for table in inspection.tables)
    out.print(f"{dataset}: {len(inspection.tables)} tables{_load(minutes)}")


def _load(minutes: float | None) -> str:
    if minutes is None:
        return ""
    return ", the first load takes less than a minute" if minutes < 1 else f", the first load takes {minutes:,.0f} min"


def _show(dataset: str, problem: SourceProblem) -> None:
    out.print(f"{problem.gravity:6}", style=_COLOURS[problem.gravity], end=" ")
    out.print(f"{dataset}: {problem.place}: {problem.problem}")
    if problem.remedy:
        out.print(f"       {problem.remedy}")
