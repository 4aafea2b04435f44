"""Repairs: rows fetched again for the auditor, beside the sequence: ``repair/<dataset>/<table>/<name>.jsonl.gz``.

Each line is the row as the source has it now, with ``checked_at``: between two lines of the same version the later
check wins. No state moves, and an object's name is made of its content, so that doing it again changes nothing.

An event asks for keys or for an interval::

    {"dataset": "sales", "repair": {"table": "sales_order", "name": "job-7", "checked_at": "2026-11-20T15:00:00Z",
                                    "keys": [[17], [18]]}}
    {"dataset": "sales", "repair": {"table": "sales_order", "name": "job-8", "checked_at": "2026-11-20T15:00:00Z",
                                    "from": "2026-11-20T14:00:00Z", "to": "2026-11-20T14:05:00Z"}}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from core.audit.key_values import Key, canonical_keys
from core.errors import InvalidData
from core.json import UNREADABLE
from core.landing.ingest_objects import START, Keys, KeyValue, Position, RepairObject
from core.landing.source_lines import parse_line
from core.time import format_instant, parse_instant
from ingestion.engines.port import RowReader, Session, TableReading
from ingestion.extract.flow import Extraction
from ingestion.extract.landing import write_object
from ingestion.extract.packing import Packed, Packer

KEYS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Repaired:
    """The objects written, the rows in them, and the keys asked for that the source does not have."""

    objects: tuple[str, ...]
    rows: int
    absent: Keys = ()

    def summary(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"objects": list(self.objects), "rows": self.rows, "absent": [list(key) for key in self.absent]}


def repair(extraction: Extraction, request: Mapping[str, Any]) -> Repaired:
    """Do what an event's ``repair`` asks for. Raises ``InvalidData`` naming what it lacks.

    A replica is waited for, as far as the secret names its primary.
    """
    try:
        table, name = str(request["table"]), str(request["name"])
        checked_at = parse_instant(request["checked_at"])
        keys = [tuple(key) for key in request["keys"]] if "keys" in request else None
        start, until = (
            (START.at, START.at) if keys is not None else map(parse_instant, (request["from"], request["to"]))
        )
    except UNREADABLE as error:
        if isinstance(error, InvalidData):
            raise
        remedy = "It needs table, name, checked_at, and keys or from and to"
        raise InvalidData("repair", repr(dict(request))[:200], f"no request ({error!r})", remedy) from error
    extraction.renew()
    session, reading = extraction.reading(table)
    extraction.engine.catch_up(session)
    if keys is not None:
        return extract_keys(extraction, session, reading, keys, checked_at=checked_at, name=name)
    return extract_interval_again(
        extraction, session, reading, Position(start), until, checked_at=checked_at, name=name
    )


def extract_keys(
    extraction: Extraction,
    session: Session,
    reading: TableReading,
    keys: Sequence[Sequence[KeyValue]],
    *,
    checked_at: datetime,
    name: str,
) -> Repaired:
    """The rows that have these keys, as they are now. Each thousand keys come from one snapshot, all by this session.

    Times of keys that name no zone are in UTC.
    """
    reading = extraction.hashing(reading)
    wanted = canonical_keys(reading.table, keys)
    remaining, present = iter(wanted), set[Key]()

    def lines() -> Iterable[list[bytes]]:
        while chunk := list(islice(remaining, KEYS_AT_ONCE)):
            seconds = extraction.statement_seconds
            for batch in reading.lines_of(session, chunk, checked_at=checked_at, seconds=seconds):
                rows = map(parse_line, batch)
                stored = [[row[column] for column in reading.table.key] for row in rows]
                present.update(canonical_keys(reading.table, stored, timezone=reading.timezone))
                yield batch

    objects, rows = store_lines(extraction, reading, lines(), checked_at=checked_at, name=name)
    return Repaired(objects, rows, tuple(key for key in wanted if key not in present))


def extract_interval_again(
    extraction: Extraction,
    session: Session,
    reading: TableReading,
    start: Position,
    until: datetime,
    *,
    checked_at: datetime,
    name: str,
) -> Repaired:
    """The rows whose cursor is in [``start``, ``until``) now: those of a lost object, but for later changes."""
    reading = extraction.hashing(reading)
    seconds = extraction.statement_seconds
    lines = reading.lines_between(session, start, until, seconds=seconds, checked_at=checked_at)
    return Repaired(*store_lines(extraction, reading, lines, checked_at=checked_at, name=name))


def store_lines(
    extraction: Extraction, reading: RowReader, lines: Iterable[list[bytes]], *, checked_at: datetime, name: str
) -> tuple[tuple[str, ...], int]:
    """Store lines in repair objects; returns the objects' keys and the number of lines."""
    packer = Packer(max_rows=reading.table.rows_per_object, max_bytes=extraction.object_bytes)
    keys, rows = [], 0
    for packed in _packed(packer, lines):
        target = RepairObject(extraction.contract.dataset, reading.table.name, f"{name}-{packed.sha256[:16]}")
        metadata = {
            "starmend-checked-at": format_instant(checked_at),
            "starmend-rows": str(packed.rows),
            "starmend-sha256": packed.sha256,
        }
        write_object(extraction.sink.objects, target.key, packed.body, metadata=metadata)
        keys.append(target.key)
        rows += packed.rows
    return tuple(keys), rows


def _packed(packer: Packer, lines: Iterable[list[bytes]]) -> Iterable[Packed]:
    for batch in lines:
        rest = batch
        while rest:
            rest = packer.add(rest)
            if rest:
                yield packer.finish()
    if packer.rows:
        yield packer.finish()
