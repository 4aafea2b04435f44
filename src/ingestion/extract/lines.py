"""Rows of a table as JSON lines, and their newest time."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from datetime import datetime

from core.contract.model import SourceTable
from core.landing.ingest_objects import Position
from core.landing.source_lines import cursor_of, parse_line
from ingestion.engines.port import Engine, Session


def collect_rows(
    engine: Engine,
    session: Session,
    table: SourceTable,
    start: Position,
    until: datetime,
    *,
    timezone: str,
    seconds: float,
) -> Generator[list[bytes]]:
    """The rows of [``start``, ``until``) as JSON lines in order of (cursor, key): lists of lines, as they come.

    Raises ``UnknownTable`` (KeyError) where the database has no such table, ``MissingColumns`` (KeyError) where it
    lacks columns of the contract, and ``OutOfReach`` (ConnectionError) where the database cannot be reached.
    """
    reading = engine.catalog(session, [table]).reading(table, timezone=timezone)
    yield from reading.lines_between(session, start, until, seconds=seconds)


def latest_timestamp(table: SourceTable, lines: Iterable[bytes], *, timezone: str = "UTC") -> datetime | None:
    """The newest changed_at of the lines, created_at where that is null; None where no line has either.

    Aware, unless the values carry no zone and the source's clock is not UTC. Raises ``MissingColumns`` (KeyError)
    where a line has neither of the two fields.
    """
    times = (cursor_of(table, parse_line(line), timezone=timezone) for line in lines)
    return max((at for at in times if at), default=None)
