"""Lines to try a contract with: the newest ingest objects of a deployment, or rows of a database as they are now."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta

from cli.source_check import APPLICATION, TIMEOUTS
from cli.trying.lines import Body
from core.contract.model import Contract, Database, SourceTable
from core.errors import InvalidData, PipelineBug
from core.landing.ingest_objects import table_prefix
from core.landing.zone import FEEDS
from core.ports import ObjectReader, SecretStore
from ingestion.engines.build import engine_named
from ingestion.engines.failures import StatementTimeOut
from ingestion.engines.port import Engine, Session

LOOK_BACK_DAYS = 14  # in which an object of a feed is looked for
SECONDS = 60.0


def newest_objects(objects: ObjectReader, contract: Contract, *, table: str, most: int, now: datetime) -> list[Body]:
    """The newest ``most`` ingest objects of each table (or of one)."""
    bodies = []
    for source in contract.source.tables if contract.source else ():
        if table and source.name != table:
            continue
        keys = _newest_keys(objects, contract, source, most, now)
        bodies += [Body(source.name, key, stored.body) for key in keys if (stored := objects.read(key)) is not None]
        if not keys:
            bodies.append(Body(source.name, "", problem="there is no ingest object of it yet"))
    return bodies


def _newest_keys(objects: ObjectReader, contract: Contract, source: SourceTable, most: int, now: datetime) -> list[str]:
    if isinstance(contract.source, Database):
        return [*deque((info.key for info in objects.list(table_prefix(contract.dataset, source.name))), maxlen=most)]
    for days in range(LOOK_BACK_DAYS):
        prefix = f"{FEEDS}{contract.dataset}/{now - timedelta(days=days):%Y/%m/%d}/"
        keys = [*deque((info.key for info in objects.list(prefix)), maxlen=most)]
        if keys:
            return keys
    return []


def source_rows(source: Database, secrets: SecretStore, *, table: str, most: int) -> Iterator[Body]:
    """So many rows of each table (or of one) as the database has them, read only.

    Raises ``OutOfReach`` where nobody answers, ``InvalidData`` where the secret is wrong; what is wrong with one table
    is its own problem.
    """
    engine = engine_named(source.engine)
    connector = engine.connector(secrets, source.secret, application=APPLICATION, timeouts=TIMEOUTS)
    session = connector.open()
    try:
        for each in source.tables:
            if table and each.name != table:
                continue
            if session.closed:  # by a statement that failed
                session = connector.open()
            yield _rows_of(engine, session, each, source, most)
    finally:
        session.close()


def _rows_of(engine: Engine, session: Session, table: SourceTable, source: Database, most: int) -> Body:
    try:
        reading = engine.catalog(session, [table]).reading(table, timezone=source.timezone)
        lines = b"".join(line for batch in reading.sample(session, most, seconds=SECONDS) for line in batch)
    except (InvalidData, PipelineBug, StatementTimeOut) as error:
        return Body(table.name, "", problem=f"{error.problem}. {error.remedy}")
    return Body(table.name, f"{session.place}/{table.name}", lines)
