"""Rows of a table as JSON lines, and the cursor of a line."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable
from datetime import UTC, datetime
from typing import Any

from core.contract.model import SourceTable
from core.errors import InvalidData, MissingColumns
from core.landing.ingest_objects import KeyValue, Position
from core.time import parse_instant
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


def parse_line(line: bytes) -> dict[str, Any]:
    """A line's fields; numbers that are not whole stay the text they are, for no float is exact."""
    return json.loads(line, parse_float=str)  # type: ignore[no-any-return]


def latest_timestamp(table: SourceTable, lines: Iterable[bytes], *, timezone: str = "UTC") -> datetime | None:
    """The newest changed_at of the lines, created_at where that is null; None where no line has either.

    Aware, unless the values carry no zone and the source's clock is not UTC. Raises ``MissingColumns`` (KeyError)
    where a line has neither of the two fields.
    """
    times = (cursor_of(table, parse_line(line), timezone=timezone) for line in lines)
    return max((at for at in times if at), default=None)


def cursor_of(table: SourceTable, row: dict[str, Any], *, timezone: str) -> datetime | None:
    """The time that orders this row; None where its times are null."""
    present = [name for name in (table.changed_at, table.created_at) if name in row]
    if not present:
        problem = f"a row has neither {table.changed_at or 'changed_at'} nor {table.created_at or 'created_at'}"
        raise MissingColumns("find cursor", table.name, problem, "Promise one of them in the contract")
    text = next((row[name] for name in present if row[name] is not None), None)
    if text is None:
        return None
    try:
        at = parse_instant(text)
    except ValueError as error:
        raise InvalidData("find cursor", table.name, f"{text!r} is no time") from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None and timezone == "UTC" else at


def resume_point(table: SourceTable, line: bytes, *, timezone: str) -> tuple[datetime, tuple[KeyValue, ...]]:
    """Cursor and key of a line: where the next object starts if this is the last line of one."""
    row = parse_line(line)
    at = cursor_of(table, row, timezone=timezone)
    if at is None:
        raise InvalidData("find cursor", table.name, "the row has no time")
    return at, tuple(row[name] for name in table.key)
