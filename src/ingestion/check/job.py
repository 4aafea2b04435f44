"""Repair jobs for a database: rows by key, rows that are gone or moved, or a lost object's interval, into ``repair/``.

The job lies in the warehouse bucket, and so does its outcome. ``checked_at`` is the safe horizon, taken before the rows
are read: whatever is committed later bears a later time, so that a row fetched here yields to every later version and
to no earlier one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.audit.efforts import measured
from core.audit.key_values import Key, canonical_keys
from core.audit.repair_jobs import ExtractAgain, FetchRows, Repair, RepairOutcome, read_job, write_outcome
from core.errors import InvalidData, StarmendError, TransientFailure
from core.landing.ingest_objects import Position
from core.landing.whereabouts import repair_name
from core.ports import ObjectStore
from core.time import parse_instant
from ingestion.check.last_seen import LastSeen, marked_deleted
from ingestion.engines.port import RowReader
from ingestion.extract.flow import Extraction, Promised
from ingestion.extract.parameters import read_stored
from ingestion.extract.repair import Repaired, extract_interval_again, extract_keys, store_lines
from ingestion.extract.table import horizon_of

MOMENT = timedelta(microseconds=1)  # the shortest time that a timestamp of the warehouse can tell


@dataclass(frozen=True, slots=True)
class RepairClients:
    """Ports of a repair job: the datasets' extractions, and the warehouse bucket for jobs and outcomes alone.

    ``memory_mb`` is what the function has, 0 outside of one.
    """

    extraction: Callable[[str], Extraction]
    records: ObjectStore
    now: Callable[[], datetime]
    memory_mb: int = 0


def carry_out(clients: RepairClients, job: str) -> dict[str, int]:
    """Do the job under this key, leave its outcome, and return the counts. Safe to do again.

    Raises ``InvalidData`` where there is no such job; whatever else fails raises too, after the outcome was left.
    """
    repair, started = read_job(clients.records, job).repair, clients.now()
    try:
        done, lost = _do(clients, repair, job)
    except Exception as error:
        reason = str(error) if isinstance(error, StarmendError) else repr(error)
        _leave(clients, job, "failed", started, reason=reason)
        raise
    counts = {"objects": len(done.objects), "rows": done.rows, "absent": len(done.absent), "lost": lost}
    _leave(clients, job, "done", started, counts=counts)
    return counts


def _leave(
    clients: RepairClients,
    job: str,
    result: str,
    started: datetime,
    *,
    reason: str = "",
    counts: Mapping[str, int] | None = None,
) -> None:
    counts, now = counts or {}, clients.now()
    effort = measured(
        (now - started).total_seconds(),
        clients.memory_mb,
        rows=counts.get("rows", 0),
        writes=counts.get("objects", 0),
    )
    outcome = RepairOutcome(result, reason, int(now.timestamp()), counts=counts, effort=effort)
    write_outcome(clients.records, job, outcome)


def _do(clients: RepairClients, repair: Repair, job: str) -> tuple[Repaired, int]:
    """The rows written, and how many rows that are gone are in no ingest object."""
    if not isinstance(repair, FetchRows | ExtractAgain):
        raise InvalidData("repair", repair.kind, "is no job for this function", "See repair_jobs.executor_of")
    extraction = clients.extraction(repair.dataset)
    extraction.renew()
    promised = extraction.promised(extraction.source.tables)
    session, reading = promised.session, extraction.reading_of(promised.catalog, repair.table)
    checked_at = checked_horizon(extraction, promised, reading)
    mark = hashlib.sha256(job.encode()).hexdigest()[:12]
    if isinstance(repair, ExtractAgain):
        name = repair_name(checked_at, f"hole-{repair.number:012d}")
        start, until = parse_instant(repair.start), parse_instant(repair.end)
        return extract_interval_again(
            extraction, session, reading, Position(start), until, checked_at=checked_at, name=name
        ), 0
    keys = canonical_keys(reading.table, repair.keys)
    name = repair_name(checked_at, f"rows-{mark}")
    fetched = extract_keys(extraction, session, reading, [*dict.fromkeys(keys)], checked_at=checked_at, name=name)
    if not repair.deleted:
        return fetched, 0
    return _marked(extraction, reading, repair, keys, fetched, checked_at, mark)


def _marked(
    extraction: Extraction,
    reading: RowReader,
    repair: FetchRows,
    keys: Sequence[Key],
    fetched: Repaired,
    checked_at: datetime,
    mark: str,
) -> tuple[Repaired, int]:
    """Mark the versions that the warehouse has as deleted, and count those that no ingest object holds.

    A row that the source has elsewhere was fetched just now. Its old version is marked as of a moment earlier, so that
    the fetched row outranks the mark in every table that has both, whatever their own times.
    """
    last_seen = LastSeen(
        extraction.sink.objects,
        repair.dataset,
        reading.table,
        extraction.source.timezone,
        _newest(extraction, repair.table),
    )
    absent, lost = {*fetched.absent}, 0
    lines: dict[str, list[bytes]] = {"gone": [], "moved": []}
    for wanted in _once_each(keys, list(zip(repair.versions, repair.checked, strict=True))):
        last = last_seen.lines(wanted)
        lost += len(wanted) - len(last)
        for key, line in last.items():
            lines["gone" if key in absent else "moved"].append(line)
    objects, rows = fetched.objects, fetched.rows
    for purpose, at in (("gone", checked_at), ("moved", checked_at - MOMENT)):
        marked = [[marked_deleted(reading.table, line, at) for line in lines[purpose]]] if lines[purpose] else []
        name = repair_name(at, f"{purpose}-{mark}")
        more, count = store_lines(extraction, reading, marked, checked_at=at, name=name)
        objects, rows = (*objects, *more), rows + count
    return Repaired(objects, rows, fetched.absent), lost


def _once_each(keys: Sequence[Key], hints: Sequence[tuple[str, str]]) -> list[dict[Key, tuple[str, str]]]:
    """The versions by key; a key that several partitions have comes once in each of as many dictionaries."""
    rounds: list[dict[Key, tuple[str, str]]] = []
    seen: dict[Key, int] = {}
    for key, hint in zip(keys, hints, strict=True):
        number = seen[key] = seen.get(key, -1) + 1
        if number == len(rounds):
            rounds.append({})
        rounds[number][key] = hint
    return rounds


def checked_horizon(extraction: Extraction, promised: Promised, reading: RowReader) -> datetime:
    """The safe horizon of now. Raises ``TransientFailure`` while it must not move.

    Of a table that is compared by keys it is the server's clock: nothing but another check will ever bring its rows,
    and the later check has to win while a transaction holds the horizon too. A replica that does not show what its
    primary has is refused for each table: rows that it lacks would be marked as deleted.
    """
    source, bound, place = extraction.source, promised.bound, reading.table.name
    if source.lookback:  # then the bound is the clock alone, which waits for no replica
        extraction.engine.catch_up(promised.session)
    horizon = horizon_of(bound, reading, source)
    if bound.lags or (horizon is None and not reading.table.by_keys):
        raise TransientFailure("take horizon", place, bound.reason, "The next attempt tries again")
    return bound.now if horizon is None or reading.table.by_keys else horizon


def _newest(extraction: Extraction, table: str) -> int:
    sink = extraction.sink
    stored = read_stored(sink.parameters, sink.names, [table])[table]
    return sink.landing.state(table, stored).number
