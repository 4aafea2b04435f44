"""A pass: every table of a dataset is extracted, one after the other and independently.

In order: read the parameters; adopt the objects beyond them; read the catalog; take the horizon, in a statement of its
own; then, table by table, one snapshot each. A table's failure is logged, counted and kept in the result, and the
others go on; what all of them need (Parameter Store, the database, the horizon) fails them all.

A horizon holds for the server that it was taken of. A session that is opened anew may be another server's (one behind a
reader's name, a standby before its promotion), so catalog and horizon are taken again with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from typing import Any

from core.contract.model import Contract, Database, SourceTable
from core.errors import BadContract, OutOfReach, StarmendError, TransientFailure, UnknownTable
from core.landing.ingest_objects import ObjectFacts, TableObject
from core.landing.state import StoredState, TableState, plan_adoption
from core.metrics import (
    HORIZON_HELD,
    OBJECTS_EXTRACTED,
    OBJECTS_MISSING,
    PARAMETERS_REBUILT,
    ROWS_EXTRACTED,
    ROWS_UNPLACED,
    TABLE_FAILED,
    TABLE_OUT_OF_TIME,
)
from core.ports import Log, Metrics
from ingestion.engines.build import engine_named
from ingestion.engines.failures import StatementTimeOut
from ingestion.engines.port import Bound, Catalog, Connector, Engine, Session, TableReading
from ingestion.extract.budget import Budget
from ingestion.extract.hash_lists import HashLists
from ingestion.extract.packing import OBJECT_BYTES
from ingestion.extract.parameters import read_stored, rebuild
from ingestion.extract.table import Interval, Outcome, Sink, Stored, extract_table, plan_interval

STATEMENT_SECONDS = 840.0
UNPLACED_AFTER = timedelta(days=1)  # behind an interval: what lies nearer, one of the next passes holds


class TablesFailed(TransientFailure):
    """At least one table was not extracted; the others were."""


@dataclass(frozen=True, slots=True)
class TableResult:
    """The result of a pass for one table. ``number`` is that of its newest object."""

    table: str
    outcome: Outcome
    objects: int = 0
    rows: int = 0
    number: int = 0
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class PassResult:
    """The results of a pass, table by table."""

    dataset: str
    tables: tuple[TableResult, ...]

    @property
    def failures(self) -> tuple[TableResult, ...]:
        """The results of tables that failed."""
        return tuple(table for table in self.tables if table.outcome == "failed")

    def raise_failures(self) -> None:
        """Raises ``TablesFailed`` naming the tables and their errors, where there are any."""
        if self.failures:
            causes: dict[str, list[str]] = {}
            for failure in self.failures:
                causes.setdefault(str(failure.error), []).append(failure.table)
            problem = "; ".join(f"{', '.join(tables)}: {cause}" for cause, tables in causes.items())
            remedy = "The other tables were extracted; the next run tries again"
            if len(self.failures) == len(self.tables):
                remedy = "No table was extracted; the next run tries again"
            raise TablesFailed("extract", self.dataset, problem, remedy)

    def summary(self) -> dict[str, Any]:
        """JSON-ready: per table its outcome, objects, rows and newest number; of one that failed the error."""
        return {
            "dataset": self.dataset,
            "tables": {
                table.table: {
                    "outcome": table.outcome,
                    "objects": table.objects,
                    "rows": table.rows,
                    "number": table.number,
                    **({"error": str(table.error)} if table.outcome == "failed" else {}),
                }
                for table in self.tables
            },
        }


@dataclass(frozen=True, slots=True)
class Connected:
    """A session, and the catalog that its server shows. Whatever one operation promises is asked of this session."""

    session: Session
    catalog: Catalog


@dataclass(frozen=True, slots=True)
class Promised:
    """What one session has promised: the bound holds for what is read by it, and for nothing else."""

    session: Session
    catalog: Catalog
    bound: Bound


@dataclass
class Extraction:
    """A dataset's source, sink and session; built once, used for every pass.

    ``budget``: what the invocation at hand has; no statement goes on much longer.
    """

    contract: Contract
    connector: Connector
    sink: Sink
    metrics: Metrics
    log: Log
    held_seconds: float = 0.0
    statement_seconds: float = STATEMENT_SECONDS
    object_bytes: int = OBJECT_BYTES
    budget: Budget | None = None
    _session: Session | None = field(default=None, repr=False)

    @property
    def source(self) -> Database:
        """Raises ``BadContract`` where the dataset is no database."""
        source = self.contract.source
        if not isinstance(source, Database):
            raise BadContract("extract", self.contract.dataset, "is no database", "Name a dataset of kind database")
        return source

    @property
    def engine(self) -> Engine:
        """The kind of database that the source is."""
        return engine_named(self.source.engine)

    @property
    def held_threshold(self) -> float:
        """Seconds after which a held horizon is logged as a warning: half of the time until data must be queryable."""
        return self.held_seconds or self.source.complete_within / 2

    @property
    def is_open(self) -> bool:
        """Whether there is a session; the server may have ended it meanwhile."""
        return self._session is not None and not self._session.closed

    def renew(self) -> None:
        """Close the session that was kept open, where the secret or its server's name leads elsewhere by now.

        Each pass, job and question begins with it. Costs a look at the secret where there is a session.
        """
        if self._session is not None and self.is_open and not self.connector.still_names(self._session):
            self._session.close()

    def session(self) -> Session:
        """The session with the database, kept open from pass to pass; another one after a failure."""
        if self._session is None or self._session.closed:
            self._session = self.connector.open()
        if self.budget is not None:
            self._session.allow(self.budget.left + self.budget.grace)
        return self._session

    def connected(self, tables: Sequence[SourceTable]) -> Connected:
        """A session with the catalog of these tables. One that was kept open may have died: then another is opened."""
        was_open = self.is_open
        session = self.session()
        try:
            return Connected(session, self.engine.catalog(session, tables))
        except OutOfReach:
            if not was_open:
                raise
            session = self.session()
            return Connected(session, self.engine.catalog(session, tables))

    def reading(self, name: str) -> tuple[Session, TableReading]:
        """The columns by which one table is read, and the session to read it by.

        Raises ``UnknownTable`` or ``MissingColumns``.
        """
        connected = self.connected([self.table(name)])
        return connected.session, self.reading_of(connected.catalog, name)

    def reading_of(self, catalog: Catalog, name: str) -> TableReading:
        """The columns by which a table of a catalog is read. Raises ``UnknownTable`` or ``MissingColumns``."""
        return catalog.reading(self.table(name), timezone=self.source.timezone)

    def table(self, name: str) -> SourceTable:
        """A table of the contract. Raises ``UnknownTable``."""
        try:
            return self.contract.source_table(name)
        except KeyError as error:
            place = f"{self.contract.dataset}/{name}"
            raise UnknownTable("find table", place, str(error.args[0]), "Name a table of the contract") from error

    def promised(self, tables: Sequence[SourceTable]) -> Promised:
        """A session with the catalog of these tables, and the bound of its horizon.

        A session that gives no horizon is not kept: the next one may lead to another server, and so may a primary's.
        One that was kept open may have died, or its primary's may: then another is opened.
        """
        was_open = self.is_open
        try:
            return self._promised(tables)
        except StarmendError as error:
            self.close()
            if not was_open or not isinstance(error, OutOfReach):
                raise
        return self._promised(tables)

    def _promised(self, tables: Sequence[SourceTable]) -> Promised:
        connected = self.connected(tables)
        session, catalog = connected.session, connected.catalog
        may_write, lookback = catalog.role_may_write, self.source.lookback
        return Promised(session, catalog, self.engine.bound(session, own_role_may_write=may_write, lookback=lookback))

    @cached_property
    def lists(self) -> HashLists:
        """The numbered lists of hashed columns of the dataset's tables."""
        return HashLists(self.sink.objects, self.contract.dataset)

    def hashing(self, reading: TableReading) -> TableReading:
        """The table, whose lines say the hash of their content under a numbered list, which is stored before them."""
        return reading.hashing(self.lists.number(reading.table.name, reading.hash_list))

    def close(self) -> None:
        """End the session."""
        if self._session is not None:
            self._session.close()


def run_pass(extraction: Extraction, *, budget: Budget, tables: Sequence[str] | None = None) -> PassResult:
    """Extract the named tables, or all of the dataset's. Without new rows there is no object and no change of state.

    Any number of passes may run at once, and a pass may end anywhere: the next one goes on where the objects end.
    """
    extraction.budget = budget
    by_keys = {table.name for table in extraction.source.tables if table.by_keys}  # those the audits alone fetch
    wanted = list(tables) if tables else [table.name for table in extraction.source.tables]
    names = [name for name in wanted if name not in by_keys]
    dataset = extraction.contract.dataset
    extraction.log.info("extraction started", dataset=dataset, tables=names)
    results = _Results(extraction)
    known = results.known(names)
    try:
        states = _states(extraction, known, results)
        if states:
            extraction.renew()
            _extract_all(extraction, states, budget, results)
    except StarmendError as error:  # what every table needs
        results.all_failed([table.name for table in known if table.name not in results.of], error)
    outcome = PassResult(dataset, tuple(results.of[name] for name in names if name in results.of))
    counts = {"failed": len(outcome.failures), "rows": sum(table.rows for table in outcome.tables)}
    extraction.log.info("extraction completed", dataset=dataset, **counts)
    return outcome


# ---------------------------------------------------------------- steps


def _states(extraction: Extraction, tables: Sequence[SourceTable], results: _Results) -> dict[str, TableState]:
    """Each table's state, with the objects beyond the parameters adopted."""
    sink = extraction.sink
    stored = read_stored(sink.parameters, sink.names, [table.name for table in tables])
    states: dict[str, TableState] = {}
    for table in tables:
        with results.guard(table.name):
            state = sink.landing.state(table.name, stored[table.name])
            rebuild(sink.parameters, sink.names, table.name, state)
            _report_adoption(extraction, table.name, state)
            states[table.name] = state
    return states


def _promised(extraction: Extraction, states: Mapping[str, TableState]) -> Promised:
    promised = extraction.promised([extraction.contract.source_table(name) for name in states])
    _report(extraction, promised.bound)
    return promised


def _extract_all(extraction: Extraction, states: Mapping[str, TableState], budget: Budget, results: _Results) -> None:
    """Extract each table within its share, and then those that need more time, by what is left."""
    rounds = _Rounds(extraction, states, budget, results, _promised(extraction, states))
    names = in_turn(list(states), rounds.promised.bound.now)
    kept = budget.left / 2
    unfinished: list[str] = []
    for place, name in enumerate(names):
        waiting = len(names) - place
        alone = waiting == 1 and not unfinished
        share = budget if alone else budget.share(among=waiting, kept=kept)
        if not rounds.extract(name, share):
            unfinished.append(name)
    for name in unfinished:
        rounds.extract(name, budget)


def in_turn(names: Sequence[str], now: datetime) -> list[str]:
    """The tables in an order that is another one at each moment, and the same wherever it is asked for."""
    return sorted(names, key=lambda name: hashlib.sha256(f"{now.isoformat()} {name}".encode()).digest())


@dataclass
class _Rounds:
    """The tables of a pass, each extracted once or, where its share of the time was too short, twice."""

    extraction: Extraction
    states: Mapping[str, TableState]
    budget: Budget
    results: _Results
    promised: Promised
    stored: dict[str, Stored] = field(default_factory=dict)

    def extract(self, name: str, share: Budget) -> bool:
        """Whether the table is done with, extracted or failed; if not, it wants more time than its share."""
        if self.promised.session.closed and not self.budget.over:  # where none can be opened, no table is tried
            self.promised = _promised(self.extraction, self.states)
        with self.results.guard(name):
            stored = self._stored(name, share)
            if stored.outcome == "out of time" and share is not self.budget and not self.budget.over:
                return False
            self.results.done(name, stored)
        return True

    def _stored(self, name: str, share: Budget) -> Stored:
        """What the pass has stored of a table so far, this time's included."""
        before = self.stored.get(name)
        state = self._state(name, before)
        if self.budget.over:
            return replace(before or Stored(number=state.number), outcome="out of time")
        try:
            stored = _extract(self.extraction, name, state, self.promised, share)
        except StatementTimeOut:
            has_rows = before is not None and before.objects > 0
            if not has_rows and (share is self.budget or self.budget.over):
                raise
            stored = Stored(number=state.number, outcome="out of time")
        self.results.count(stored)
        if before is not None:
            stored = stored.after(before)
        self.stored[name] = stored
        return stored

    def _state(self, name: str, before: Stored | None) -> TableState:
        if before is None or not before.objects:
            return self.states[name]
        sink = self.extraction.sink
        newest = sink.landing.facts(TableObject(sink.dataset, name, before.number))
        return plan_adoption(StoredState(newest.durable_until if newest else None, before.number), [], newest)


def _extract(extraction: Extraction, name: str, state: TableState, promised: Promised, budget: Budget) -> Stored:
    source, table = extraction.source, extraction.contract.source_table(name)
    session, reading = promised.session, promised.catalog.reading(table, timezone=source.timezone)
    interval = plan_interval(state, promised.bound, reading, source)
    started = {"table": name, "from": state.durable_until.isoformat(), "number": state.number}
    extraction.log.info("table started", **started, until=interval.until.isoformat() if interval else None)
    if interval is None:
        return Stored(number=state.number, outcome="held")
    if interval.empty:
        return Stored(number=state.number)
    stored = extract_table(
        session,
        extraction.hashing(reading),
        state,
        interval,
        sink=extraction.sink,
        budget=budget,
        statement_seconds=extraction.statement_seconds,
        on_stored=partial(_updated, extraction),
        object_bytes=extraction.object_bytes,
    )
    if (reading.needs_report or state.number == 0 or state.cut) and not budget.over:
        _report_unplaced(extraction, session, reading, interval, seconds=min(extraction.statement_seconds, budget.left))
    return stored


# ---------------------------------------------------------------- log and metrics


def _updated(extraction: Extraction, target: TableObject, facts: ObjectFacts) -> None:
    fields = {"table": target.table, "object": target.key, "rows": facts.rows, "until": facts.durable_until.isoformat()}
    extraction.log.info("table updated", **fields)


def _report(extraction: Extraction, bound: Bound) -> None:
    """Measure how long a transaction has held the horizon back; name it once that is too long, or nothing moves."""
    extraction.metrics.add(HORIZON_HELD, bound.held_seconds)
    if bound.at is not None and bound.held_seconds < extraction.held_threshold:
        return
    fields: dict[str, Any] = {"reason": bound.reason, "seconds": bound.held_seconds}
    if bound.holder:
        holder = bound.holder
        fields |= {"kind": holder.kind, "pid": holder.pid, "user": holder.user, "application": holder.application}
        fields |= {"state": holder.state, "since": holder.since.isoformat()}
    extraction.log.warning("horizon held back", **fields)


def _report_adoption(extraction: Extraction, table: str, state: TableState) -> None:
    if state.write_number is not None or state.write_timestamp is not None:
        fields = {"table": table, "number": state.number, "timestamp": state.durable_until.isoformat()}
        extraction.log.warning("parameters rebuilt from the objects", **fields)
        extraction.metrics.add(PARAMETERS_REBUILT, 1)
    if state.missing or state.newest_lost:
        missing = [*state.missing, *([state.number] if state.newest_lost else [])]
        extraction.log.warning("objects are missing", table=table, numbers=missing[:100])
        extraction.metrics.add(OBJECTS_MISSING, len(missing))


def _report_unplaced(
    extraction: Extraction, session: Session, reading: TableReading, interval: Interval, *, seconds: float
) -> None:
    try:
        count = reading.count_unplaced(session, interval.until + UNPLACED_AFTER, seconds=seconds)
    except OutOfReach as error:  # the rows that have a place are stored, and the next pass counts again
        extraction.log.warning("rows without cursor or key were not counted", problem=str(error))
        return
    if count:
        remedy = "give them a key, and a changed_at or created_at that is not in the future"
        fields = {"table": reading.table.name, "rows": count, "remedy": remedy}
        extraction.log.warning("rows without cursor or key are not extracted", **fields)
        extraction.metrics.add(ROWS_UNPLACED, count)


class _Results:
    """The results so far, each logged and counted when it comes."""

    def __init__(self, extraction: Extraction) -> None:
        self._extraction = extraction
        self.of: dict[str, TableResult] = {}

    def known(self, names: Sequence[str]) -> list[SourceTable]:
        """The tables of these names; a name that the contract does not know is a failed result."""
        tables = []
        for name in names:
            try:
                tables.append(self._extraction.contract.source_table(name))
            except KeyError as error:
                place = f"{self._extraction.contract.dataset}/{name}"
                self.failed(name, UnknownTable("extract", place, str(error.args[0]), "Add it to the contract"))
        return tables

    def done(self, name: str, stored: Stored) -> None:
        self.of[name] = TableResult(name, stored.outcome, stored.objects, stored.rows, stored.number)
        fields = {"table": name, "outcome": stored.outcome, "objects": stored.objects, "rows": stored.rows}
        self._extraction.log.info("table completed", **fields, number=stored.number)
        if stored.outcome == "out of time":
            self._extraction.metrics.add(TABLE_OUT_OF_TIME, 1)

    def count(self, stored: Stored) -> None:
        """Measure what was stored, whatever becomes of the rest of the table."""
        self._extraction.metrics.add(ROWS_EXTRACTED, stored.rows)
        self._extraction.metrics.add(OBJECTS_EXTRACTED, stored.objects)

    def failed(self, name: str, error: Exception) -> None:
        self.of[name] = TableResult(name, "failed", error=error)
        fields = {"table": name, "error": type(error).__name__, "problem": str(error)}
        self._extraction.log.error("table failed", **fields, exc_info=error)
        self._extraction.metrics.add(TABLE_FAILED, 1)

    def all_failed(self, names: Sequence[str], error: Exception) -> None:
        """Tables that fail by one cause, which is told once."""
        self.of |= {name: TableResult(name, "failed", error=error) for name in names}
        fields = {"tables": list(names), "error": type(error).__name__, "problem": str(error)}
        self._extraction.log.error("extraction failed", **fields, exc_info=error)
        self._extraction.metrics.add(TABLE_FAILED, len(names))

    def guard(self, name: str) -> _Guard:
        return _Guard(self, name)


class _Guard:
    """Turns any failure inside its block into the failed result of one table."""

    def __init__(self, results: _Results, name: str) -> None:
        self._results = results
        self._name = name

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, Exception):
            self._results.failed(self._name, error)
            return True
        return False
