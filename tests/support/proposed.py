"""Contracts proposed for a database of the shared server, as ``starmend init --from`` proposes them."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.authoring.load import examine
from core.contract.model import Contract, Contracts
from core.proposing.database import propose
from ingestion.engines.port import Session
from ingestion.engines.postgresql.engine import PostgreSql

ENGINE = PostgreSql()


def proposed_text(session: Session, dataset: str, *, times: int = 1) -> str:
    """The proposal for what a session sees; ``times``: of so many times the rows that there are."""
    tables = ENGINE.listed(session)
    samples = {
        table.relation: ENGINE.sampled(session, table) for table in tables if table.kind in ("table", "partitioned")
    }
    samples = {name: replace(sample, total=sample.total * times) for name, sample in samples.items()}
    tables = [replace(table, rows=table.rows * times) for table in tables]
    server = ENGINE.server(session)
    return propose(dataset, "postgresql", server, tables, samples, today=dt.datetime.now(dt.UTC).date())


def loaded(text: str, folder: Path) -> Contracts:
    """The contracts of a text; it has to pass the check without any problem."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "proposed.yaml").write_text(text, encoding="utf-8")
    contracts, problems = examine(folder, today=dt.datetime.now(dt.UTC).date())
    assert list(problems) == [], f"{problems}\n{text}"
    return contracts


def taken(contract: Contract, table: str) -> dict[Any, tuple[str, str]]:
    """The columns of a star table by what they take, whatever they are called: type, and source that is referenced."""
    tables = {each.name: each for each in contract.tables}
    columns = {}
    for column in tables[table].columns:
        target = column.references.partition(".")[0]
        columns[column.rule] = (str(column.type), tables[target].source if target in tables else target)
    return columns
