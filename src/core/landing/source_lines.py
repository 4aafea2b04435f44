"""The JSON lines of a source's rows: their fields, and the cursor that orders them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from core.contract.model import SourceTable
from core.errors import InvalidData, MissingColumns
from core.landing.ingest_objects import KeyValue
from core.time import parse_instant

# JSON's own null, the value of a column of documents: SQL's null stands right behind its colon, as row_to_json writes
# it, this one behind a tab. Whoever reads JSON reads a null of both; processing alone tells them apart.
JSON_NULL = "\tnull"
LONG_NUMBER = 4_000  # digits; Python refuses to read more than 4,300


def parse_line(line: bytes) -> dict[str, Any]:
    """A line's fields; numbers that are not whole stay the text they are, for no float is exact.

    A whole number of more digits than Python reads (4,300) stays text too.
    """
    try:
        return json.loads(line, parse_float=str)  # type: ignore[no-any-return]
    except json.JSONDecodeError:
        raise
    except ValueError:
        return json.loads(line, parse_float=str, parse_int=_whole)  # type: ignore[no-any-return]


def _whole(text: str) -> int | str:
    return int(text) if len(text) < LONG_NUMBER else text


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
