"""Extraction of one table in one pass: rows from its position on, in objects that are stored before the state moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from core.contract.model import Database
from core.errors import IdOutOfOrder, ObjectConflict, PipelineBug, TransientFailure
from core.landing.ingest_objects import START, ObjectFacts, Position, TableObject, can_resume_after, encode_facts
from core.landing.source_lines import resume_point
from core.landing.state import ParameterNames, TableState, safe_horizon
from core.ports import ObjectStore, ParameterStore
from ingestion.engines.failures import StatementTimeOut
from ingestion.engines.port import Bound, RowReader, Session, TableReading
from ingestion.extract.budget import Budget
from ingestion.extract.landing import Landing, write_object
from ingestion.extract.packing import OBJECT_BYTES, Packed, Packer
from ingestion.extract.parameters import advance
from ingestion.extract.serial_executor import SerialExecutor

Outcome = Literal["extracted", "unchanged", "held", "out of time", "beaten", "failed"]
OnStored = Callable[[TableObject, ObjectFacts], None]


@dataclass(frozen=True, slots=True)
class Stored:
    """The objects and rows that a pass stored for a table. ``number`` is that of the table's newest object."""

    objects: int = 0
    rows: int = 0
    number: int = 0
    outcome: Outcome = "unchanged"

    def after(self, before: Stored) -> Stored:
        """Both, where this was stored after ``before`` in the same pass."""
        objects, rows = before.objects + self.objects, before.rows + self.rows
        outcome = "extracted" if objects and self.outcome == "unchanged" else self.outcome
        return Stored(objects, rows, self.number, outcome)


@dataclass(frozen=True, slots=True)
class Sink:
    """The destination of a dataset's objects and state."""

    dataset: str
    objects: ObjectStore
    parameters: ParameterStore
    names: ParameterNames
    landing: Landing

    def store(self, target: TableObject, packed: Packed, facts: ObjectFacts) -> None:
        """Commit an object: first itself, then the timestamp, then the id.

        Raises ``ObjectConflict`` or ``IdOutOfOrder`` where another extraction has been faster.
        """
        write_object(self.objects, target.key, packed.body, metadata=encode_facts(facts))
        self.landing.remember(target, facts)
        advance(self.parameters, self.names, target.table, until=facts.durable_until, number=target.number)


@dataclass(frozen=True, slots=True)
class Interval:
    """The rows that a pass reads of a table: from ``start`` on, before ``until``."""

    start: Position
    until: datetime

    @property
    def empty(self) -> bool:
        """Whether no row can lie in it. Only the server can compare a wall-clock start."""
        return self.start.at.tzinfo is not None and self.start.at >= self.until


def horizon_of(bound: Bound, reading: RowReader, source: Database) -> datetime | None:
    """The safe horizon of one table, before which no row can come any more; None while it must not move."""
    margin = timedelta(seconds=source.margin)
    return safe_horizon(bound.at, margin=margin, precision=reading.precision) if bound.at else None


def plan_interval(state: TableState, bound: Bound, reading: RowReader, source: Database) -> Interval | None:
    """The interval to read; None where the horizon must not move and nothing older is left.

    An interval that was cut continues at its cut, at least up to its own end, for its horizon stays safe: unless the
    server is a replica that does not show so much, or its clock has not come to that end. With a ``lookback`` all
    others start that much earlier, and one that was cut ends where it would have at the latest: rows that were
    committed late while it stood still lie before its end, from which the next one looks back.

    Raises ``PipelineBug`` where another server's transactions wrote the rows, and ``TransientFailure`` where the
    server's clock has not come to the start yet: what is written until then would lie behind it.
    """
    place = reading.table.name
    if reading.written_elsewhere and not source.lookback:
        remedy = "Name the server that writes them in the secret, or choose a `lookback` in the contract"
        raise PipelineBug("take horizon", place, reading.written_elsewhere, remedy)
    horizon = horizon_of(bound, reading, source)
    if state.cut and state.newest is not None:
        until = _end_of_cut(state.newest.interval_to, bound, horizon, lookback=source.lookback)
        return Interval(state.position, until) if until else None
    if horizon is None:
        return None
    start = state.position
    if source.lookback and start != START:
        start = Position(start.at - timedelta(seconds=source.lookback))
    if start.at > bound.now:
        problem = (
            f"the server's clock shows {bound.now.isoformat()}, the table was extracted up to {start.at.isoformat()}"
        )
        remedy = "Set the server's clock; the next audit finds the rows that it wrote with times of the past"
        raise TransientFailure("take horizon", place, problem, remedy)
    return Interval(start, horizon)


def _end_of_cut(own_end: datetime, bound: Bound, horizon: datetime | None, *, lookback: int) -> datetime | None:
    """How far an interval that was cut is read; None where this server promises nothing of it."""
    if lookback:
        return min(own_end, horizon) if horizon else None
    if bound.lags or own_end > bound.now:
        return horizon
    return max(own_end, horizon) if horizon else own_end


def extract_table(
    session: Session,
    reading: TableReading,
    state: TableState,
    interval: Interval,
    *,
    sink: Sink,
    budget: Budget,
    statement_seconds: float,
    on_stored: OnStored,
    object_bytes: int = OBJECT_BYTES,
) -> Stored:
    """Read the interval in one snapshot and store its rows as objects numbered from the state's number on.

    Each object is one conditional put, stored while the next is being read and before the next is put. Out of time,
    what has been read so far is stored as the last object, and the next pass goes on behind it. Two extractions of the
    same table compete for whole objects: the slower one stops (``beaten``). ``on_stored`` is called for each object.
    Memory: three objects at most, each twice as large where the keys at its end are too long to resume
    after. Raises what ``lines.collect_rows`` and ``landing.write_object`` raise; what was stored before stays, and the
    state fits it.
    """
    seconds = min(statement_seconds, max(budget.left, 0.0) + budget.grace)
    lines = reading.lines_between(session, interval.start, interval.until, seconds=seconds)
    may_end = partial(_can_resume_after, reading)
    packer = Packer(max_rows=reading.table.rows_per_object, max_bytes=object_bytes, may_end=may_end)
    cutter = _Cutter(reading, state, interval, sink.dataset)
    tally = _Tally(sink, on_stored, Stored(number=state.number))
    overlap = interval.start != state.position
    try:
        with SerialExecutor() as executor:
            for packed, last in _objects(lines, packer, budget):
                target, facts = cutter.cut(packed, last=last)
                if overlap and _is_repeat(facts, target, state):
                    break
                executor.run(partial(tally.store, target, packed, facts))
    except StatementTimeOut:
        if not (budget.over and tally.stored.objects):
            raise
        return replace(tally.stored, outcome="out of time")
    except IdOutOfOrder:
        return replace(tally.stored, outcome="beaten")
    except ObjectConflict as error:
        if not _is_extraction(sink, error.place):
            raise
        return replace(tally.stored, outcome="beaten")
    finally:
        lines.close()
    return replace(tally.stored, outcome="out of time") if cutter.is_cut else tally.stored


class _Tally:
    """Stores objects and counts those that are durable."""

    def __init__(self, sink: Sink, on_stored: OnStored, stored: Stored) -> None:
        self._sink = sink
        self._on_stored = on_stored
        self.stored = stored

    def store(self, target: TableObject, packed: Packed, facts: ObjectFacts) -> None:
        self._sink.store(target, packed, facts)
        self.stored = Stored(self.stored.objects + 1, self.stored.rows + packed.rows, target.number, "extracted")
        self._on_stored(target, facts)


def _objects(lines: Iterable[list[bytes]], packer: Packer, budget: Budget) -> Iterable[tuple[Packed, bool]]:
    """Objects as they fill, each with whether it is the last, which is known when the next row comes or none."""
    for batch in lines:
        rest = packer.add(batch)
        while rest:
            yield packer.finish(), False
            if budget.over:
                return
            rest = packer.add(rest)
        if budget.over and packer.can_end:
            yield packer.finish(), False
            return
    if packer.rows:
        yield packer.finish(), True


def _can_resume_after(reading: RowReader, line: bytes) -> bool:
    _, key = resume_point(reading.table, line, timezone=reading.timezone)
    return can_resume_after(key)


def _is_repeat(facts: ObjectFacts, target: TableObject, state: TableState) -> bool:
    """Whether an overlapping interval holds nothing but what the newest object holds."""
    newest = state.newest
    return facts.last and newest is not None and target.number == state.number + 1 and facts.sha256 == newest.sha256


def _is_extraction(sink: Sink, place: str) -> bool:
    """Whether the object of that name was written by an extraction, which then was faster."""
    stat = sink.objects.stat(place)
    return stat is not None and "starmend-interval-to" in stat.metadata


class _Cutter:
    """Numbers the objects of an interval, and makes the facts of each."""

    def __init__(self, reading: RowReader, state: TableState, interval: Interval, dataset: str) -> None:
        self.is_cut = False
        self._table = reading.table
        self._reading = reading
        self._dataset = dataset
        self._until = interval.until
        self._number = state.number
        at = interval.start.at
        self._from = at if at.tzinfo is not None else state.durable_until

    def cut(self, packed: Packed, *, last: bool) -> tuple[TableObject, ObjectFacts]:
        """The next object's name and facts."""
        version, key = resume_point(self._table, packed.last_line, timezone=self._reading.timezone)
        facts = ObjectFacts(self._from, self._until, version, key, packed.rows, packed.sha256, last)
        self._from = self._from if version.tzinfo is None else version
        self._number += 1
        self.is_cut = not last
        return TableObject(self._dataset, self._table.name, self._number), facts
