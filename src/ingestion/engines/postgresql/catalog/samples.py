"""Counts over some rows of a table, from which a contract is guessed: one statement a table, bounded by its sample."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import permutations
from typing import Any

from core.sources.catalog import CatalogColumn, CatalogTable
from core.sources.samples import ColumnSample, TableSample
from ingestion.engines.port import Session
from ingestion.engines.postgresql.quoting import identifier, qualified

ROWS = 20_000  # that are looked at, or twice as many where the server has estimated too few
MOST_COUNTED = 1_000_000  # of a table of which the server has no estimate
MOST_COMPARED = 6  # times of one table, each with each
_TIMES = ("wall", "instant", "date")
_DAY = "'^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$'"
_YEARS = "BETWEEN '0001-01-02' AND '9998-12-31'"


def sampled(session: Session, table: CatalogTable) -> TableSample:
    """Counts over about ``ROWS`` rows of a readable table, from pages all over it where it is larger."""
    columns = [column for column in table.columns if column.readable and column.type.kind in (*_TIMES, "text")]
    times = [column.name for column in columns if column.type.kind in _TIMES][:MOST_COMPARED]
    rows, total, *counted = session.query(_statement(table, columns, times))[0]
    counts = {column.name: _read(json.loads(text)) for column, text in zip(columns, counted, strict=False)}
    before = dict(zip(permutations(times, 2), counted[len(columns) :], strict=True))
    return TableSample(rows, max(total, rows), counts, before)


def _statement(table: CatalogTable, columns: Sequence[CatalogColumn], times: Sequence[str]) -> str:
    source = qualified(table.schema, table.name)
    chosen = ", ".join(identifier(column.name) for column in columns) or "1"
    part = ""
    if table.rows > ROWS and table.kind != "view":
        part = f" TABLESAMPLE SYSTEM ({100.0 * ROWS / table.rows:f}) REPEATABLE (0)"
    total = f"(SELECT count(*) FROM (SELECT FROM {source} LIMIT {MOST_COUNTED}) AS counted)"
    total = f"{table.rows:d}" if table.rows >= 0 else total
    counts = ", ".join(["count(*)", total, *map(_counts, columns), *_compared(times)])
    return f"SELECT {counts} FROM (SELECT {chosen} FROM {source}{part} LIMIT {2 * ROWS}) AS sample"


def _counts(column: CatalogColumn) -> str:
    name = identifier(column.name)
    if column.type.kind == "text":
        text = f"{name}::text"
        days = f"count(*) FILTER (WHERE {text} ~ {_DAY})"
        ends = ", ".join(f"{end}({text}) FILTER (WHERE {text} ~ {_DAY})" for end in ("min", "max"))
        return f"json_build_array(count({name}), {days}, {ends}, 0)::text"
    ends = ", ".join(f"{end}({name}::timestamp) FILTER (WHERE {name}::date {_YEARS})" for end in ("min", "max"))
    future = f"count(*) FILTER (WHERE {name} > now() + interval '1 day')"
    return f"json_build_array(count({name}), 0, {ends}, {future})::text"


def _compared(times: Sequence[str]) -> Iterator[str]:
    for first, second in permutations(times, 2):
        yield f"count(*) FILTER (WHERE {identifier(first)} < {identifier(second)})"


def _read(counts: Sequence[Any]) -> ColumnSample:
    values, days, earliest, latest, future = counts
    return ColumnSample(values, days, _instant(earliest), _instant(latest), future)


def _instant(text: str | None) -> datetime | None:
    """The server's session is in UTC. A text that looks like a day may be none (2026-02-30)."""
    if text is None:
        return None
    try:
        return datetime.fromisoformat(f"{text}+00:00" if "T" in text else f"{text}T00:00:00+00:00")
    except ValueError:
        return None
