"""Reading of all that the report shows: pointers, receipts, and the auditor's files.

Nothing is written. A part that cannot be read costs that part and is noted, for a page that is missing because
something is broken helps nobody. Reading grows with the windows that are asked for, not with the age of the lake.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Any, TypeVar

import numpy as np

from auditor.alarms.conclude import ROOT as CAUSES
from auditor.evidence.absent import read_absences
from auditor.evidence.chain import ChainReader
from auditor.evidence.completeness import COMPLETENESS
from auditor.feeds.expect import expect
from auditor.feeds.partition_scan import PartitionScan, scan_partitions
from auditor.feeds.points import ABSENT, REPAIRED
from auditor.run_files import find_run_file
from auditor.windows import DAY, Window, facts_of, settled_until, windows_between
from cli.report.coverage import FeedView, Status, WindowSeen, shape_feed
from cli.report.shape import (
    Alarm,
    AuditView,
    Freshness,
    Processed,
    Report,
    freshness,
    shape_alarm,
    shape_audit,
    shape_receipt,
    shape_subjects,
)
from core.audit.certificate import LedgerEntry, window_name
from core.contract.model import Contract, Contracts, Feed, Table
from core.errors import StarmendError
from core.evolution.promised import read_promises
from core.feeds.grid import expected_slots
from core.landing.zone import RECEIPTS
from core.ports import ObjectInfo, ObjectReader, ParameterStore, PartitionStore
from core.time import at_epoch, iso

LOOKBACK = 7 * DAY  # what is shown unless a range is asked for
AT_LEAST = 8  # windows that are shown of a feed of which nothing has arrived
MOST_RUNS = 24  # audits
MOST_ATTEMPTS = 10
MOST_CERTIFICATES = 500  # that are read to learn which audits there were
NEWEST = 6  # receipts of each source table
RECEIPT_DAYS = (1, 7, 31)  # how far back a feed's receipts are looked for, until there are some

Newest = Callable[[Sequence[Table]], Mapping[str, dt.datetime | None]]
Runs = Callable[[], Sequence[str]]
Rows = list[dict[str, Any]]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Sources:
    """Stores and queries that the report reads.

    ``newest`` answers with the newest instant of each fact's rows: aware; None: no row. ``runs`` names the newest
    audits, the newest first; without it those are shown that the range's windows know of.
    """

    contracts: Contracts
    records: ObjectReader
    partitions: PartitionStore
    parameters: ParameterStore
    parameter_prefix: str
    newest: Newest
    runs: Runs = tuple
    workers: int = 16


@dataclass
class Notes:
    """Texts for the page about parts that could not be read."""

    texts: list[str] = field(default_factory=list)

    def unless(self, what: str, otherwise: Result, read: Callable[..., Result], *given: Any, **named: Any) -> Result:
        """The result of ``read``; where a service or the data failed, ``otherwise`` and a note."""
        try:
            return read(*given, **named)
        except (StarmendError, ValueError, KeyError, TypeError) as error:
            self.texts.append(f"{what} could not be read: {error or type(error).__name__}")
            return otherwise


@dataclass(frozen=True, slots=True)
class Range:
    """``[start, end)`` in epoch seconds; ``asked``: somebody named its start, so nothing of it is left out."""

    start: int
    end: int
    now: int
    asked: bool

    @classmethod
    def of(cls, start: int | None, end: int | None, now: int) -> Range:
        until = now if end is None else end
        return cls(until - LOOKBACK if start is None else start, until, now, asked=start is not None)


def gather(
    sources: Sources,
    span: Range,
    *,
    project: str,
    environment: str,
    on_dataset: Callable[[str], None] = lambda _: None,
) -> Report:
    """Read the report of a range, for every dataset that has a source."""
    notes = Notes()
    now = at_epoch(span.now)
    feeds: list[FeedView] = []
    alarms: list[Alarm] = []
    processed: list[Processed] = []
    runs: list[tuple[str, str, int]] = []
    by_rows: Rows = []
    for contract in sources.contracts:
        if contract.source is None:
            continue
        name = contract.dataset
        on_dataset(name)
        rows: Rows = notes.unless(f"completeness of {name}", [], _completeness, sources, name, span)
        runs += notes.unless(f"audits of {name}", [], _runs, sources, name, rows)
        if isinstance(contract.source, Feed):
            view = notes.unless(f"coverage of {name}", None, _feed, sources, contract, rows, span)
            feeds += [view] if view else []
        else:
            by_rows += [{"dataset": name, **row} for row in rows]
        alarms += notes.unless(f"alarms of {name}", [], _alarms, sources, name)
        processed += notes.unless(f"receipts of {name}", [], _receipts, sources, contract, now)
    return Report(
        project=project,
        environment=environment,
        made_at=now,
        start=at_epoch(span.start),
        end=at_epoch(span.end),
        feeds=tuple(feeds),
        subjects=tuple(notes.unless("rows of databases", [], shape_subjects, by_rows)),
        audits=tuple(_audits(sources, runs, notes)),
        alarms=tuple(alarms),
        freshness=tuple(notes.unless("freshness", [], read_freshness, sources, now)),
        processed=tuple(sorted(processed, key=lambda receipt: receipt.at, reverse=True)),
        notes=tuple(notes.texts),
    )


def _read_all(sources: Sources, keys: Sequence[str]) -> Iterator[dict[str, Any]]:
    """JSON objects, in order; those that are gone by now are left out."""
    with ThreadPoolExecutor(sources.workers) as pool:
        for stored in pool.map(sources.records.read, keys):
            if stored is not None:
                yield json.loads(stored.body)


# ---------------------------------------------------------------- coverage


def _completeness(sources: Sources, dataset: str, span: Range) -> Rows:
    """The auditor's rows of the range's days, but for those of halted objects, which are no windows."""
    days = dict.fromkeys(iso(second)[:10] for second in [*range(span.start, span.end, DAY), span.end - 1])
    keys = [info.key for day in days for info in sources.records.list(f"{COMPLETENESS}dataset={dataset}/day={day}/")]
    return [row for row in _read_all(sources, keys) if not row.get("object")]


def _feed(sources: Sources, contract: Contract, rows: Rows, span: Range) -> FeedView | None:
    """A feed's points as the auditor would count them now. None where the range has nothing that is owed."""
    promises = read_promises(sources.contracts, contract.dataset, sources.records, now=span.now)
    contract, feed = promises.dataset(contract.dataset), promises.feed(contract.dataset)
    calendar = promises.calendar(feed.calendar)
    owed_until = min(span.end, settled_until(feed, span.now), calendar.covers_to)
    windows = [window for window in windows_between(feed, calendar, span.start, span.end) if window.start < owed_until]
    if not windows or not facts_of(contract):
        return None
    expectation = expect(feed, calendar, windows, start=max(span.start, calendar.covers_from), end=owed_until)
    scan = scan_partitions(contract, expectation, sources.partitions, workers=sources.workers)
    for absence in read_absences(sources.records, contract.dataset, windows, workers=sources.workers):
        if absence.expires_at > span.now:
            scan.coverage.mark_absent(absence.entity, absence.ranges)
    names = [(window_name(feed.table.name, window.name), window.name) for window in expectation.windows]
    entries = ChainReader(sources.records, contract.dataset).entries(names)
    audited = {row["window_start"]: row["status"] for row in rows if row["subject"] == feed.table.name}
    statuses = [
        _status(window, scan.proofs[place], entries.get(names[place][0]), audited.get(window.name))
        for place, window in enumerate(expectation.windows)
    ]
    return shape_feed(
        contract.dataset,
        ", ".join(table.name for table in facts_of(contract)),
        feed.every,
        scan.coverage,
        statuses,
        due_before=span.now - feed.complete_within - feed.every + 1,
        first=0 if span.asked else _first(scan, statuses),
        held=[(window.partition, window.reason) for window in scan.held],
    )


def _status(window: Window, proofs: Mapping[str, Any], entry: LedgerEntry | None, row: str | None) -> WindowSeen:
    """A window's status: certified only where its rows are those of the certificate, else as the last audit left it."""
    if entry is not None and dict(entry.partitions) == dict(proofs):
        return WindowSeen(window, "certified", entry.number)
    status: Status = "changed" if entry is not None else "unaudited"
    if row == "open" or row == "alarmed":
        status = "alarmed" if row == "alarmed" else "open"
    return WindowSeen(window, status, entry.number if entry else 0)


def _first(scan: PartitionScan, statuses: Sequence[WindowSeen]) -> int:
    """Place of the first window of which anything is known: before it the feed was not collected."""
    known = scan.coverage.expectation.per_window(scan.coverage.cells >= min(ABSENT, REPAIRED)) > 0
    known |= np.array([window.status != "unaudited" for window in statuses])
    return int(np.argmax(known)) if known.any() else max(0, len(statuses) - AT_LEAST)


# ---------------------------------------------------------------- the auditor's files


def _runs(sources: Sources, dataset: str, rows: Rows) -> list[tuple[str, str, int]]:
    """The audits that the range's windows name, as (instant, run, certificate or 0).

    A row of ``completeness`` names the last audit of its window, its certificates those that found it whole.
    """
    known = [(row["audited_at"], row["run"], 0) for row in rows]
    chain = ChainReader(sources.records, dataset)
    wanted = {row["certificate"] for row in rows if row["certificate"]}
    seen: set[int] = set()
    while wanted and len(seen) < MOST_CERTIFICATES:
        seen |= wanted
        with ThreadPoolExecutor(sources.workers) as pool:
            read = pool.map(chain.certificate, sorted(wanted))
            certificates = [certificate for certificate in read if certificate is not None]
        known += [(certificate.verified_at, certificate.run, certificate.number) for certificate in certificates]
        wanted = {certificate.replaces for certificate in certificates if certificate.replaces} - seen
    return known


def _audits(sources: Sources, known: Sequence[tuple[str, str, int]], notes: Notes) -> list[AuditView]:
    """The newest audits, the newest first: those that ``runs`` names, and those that the windows name."""
    newest: dict[str, str] = {}
    issued: dict[str, set[int]] = {}
    for at, run, certificate in known:
        newest[run] = max(newest.get(run, ""), at)
        issued.setdefault(run, set()).update({certificate} - {0})
    latest: list[str] = notes.unless("the list of audits", [], lambda: list(sources.runs())[:MOST_RUNS])
    names = dict.fromkeys([*latest, *sorted(newest, key=lambda run: newest[run], reverse=True)[:MOST_RUNS]])
    with ThreadPoolExecutor(sources.workers) as pool:
        views = pool.map(
            lambda run: notes.unless(f"audit {run}", None, _audit, sources, run, len(issued.get(run, ()))), names
        )
        ordered = sorted((view for view in views if view), key=lambda view: view.at, reverse=True)
    return ordered[:MOST_RUNS]


def _audit(sources: Sources, run: str, certified: int) -> AuditView | None:
    attempts = []
    for attempt in range(MOST_ATTEMPTS + 1):
        result = find_run_file(sources.records, run, f"audit-{attempt}")
        if result is None:
            break
        attempts.append(result)
    triage = find_run_file(sources.records, run, "judgement") or {}
    return shape_audit(run, attempts, alarmed=int(triage.get("alarmed", 0)), certified=certified)


def _alarms(sources: Sources, dataset: str) -> list[Alarm]:
    """The causes that were mailed to the admins and are not over."""
    keys = [info.key for info in sources.records.list(f"{CAUSES}{dataset}/")]
    return [shape_alarm(memory) for memory in _read_all(sources, keys) if memory.get("open")]


# ---------------------------------------------------------------- freshness


def read_freshness(sources: Sources, now: dt.datetime) -> list[Freshness]:
    """Freshness of every fact: a feed's against its calendar, a database's against the clock."""
    facts = [
        (contract, table)
        for contract in sources.contracts
        if contract.source is not None
        for table in contract.tables
        if table.kind == "fact"
    ]
    newest = sources.newest([table for _, table in facts])
    return [
        freshness(
            contract.dataset,
            table.name,
            feed=isinstance(contract.source, Feed),
            newest=newest.get(table.name),
            owed=_owed(sources, contract, now),
            limit=contract.source.complete_within if contract.source else 0,
        )
        for contract, table in facts
    ]


def _owed(sources: Sources, contract: Contract, now: dt.datetime) -> dt.datetime | None:
    """The newest instant that rows should have by now; a feed's is its newest settled slot."""
    if not isinstance(contract.source, Feed):
        return now
    calendar = sources.contracts.calendar(contract.source.calendar)
    until = min(settled_until(contract.source, int(now.timestamp())), calendar.covers_to)
    since = max(until - 14 * DAY, calendar.covers_from)
    slots = expected_slots(calendar, every=contract.source.every, start=since, end=until)
    return at_epoch(int(slots[-1])) if len(slots) else None


# ---------------------------------------------------------------- processing


def _receipts(sources: Sources, contract: Contract, now: dt.datetime) -> list[Processed]:
    """The newest receipts of each source table."""
    keys: list[str] = []
    for source in contract.needed_source.tables:
        prefix = f"{RECEIPTS}dataset={contract.dataset}/source_table={source.name}/"
        if isinstance(contract.source, Feed):
            newest = _of_feed(sources, prefix, now)
        else:
            known = f"{sources.parameter_prefix}/{contract.dataset}/{source.name}/latest_object"
            latest = sources.parameters.get_many([known]).get(known, "")
            first = max(0, int(latest) - NEWEST) if latest.isdigit() else 0
            newest = nlargest(NEWEST, sources.records.list(prefix, after=f"{prefix}{first:012d}~"), key=_modified)
        keys += [info.key for info in newest]
    return [shape_receipt(receipt) for receipt in _read_all(sources, keys)]


def _of_feed(sources: Sources, prefix: str, now: dt.datetime) -> list[ObjectInfo]:
    """The newest receipts of a feed; their names begin with the hour of arrival."""
    for days in RECEIPT_DAYS:
        after = f"{prefix}{now - dt.timedelta(days=days):%Y-%m-%d-%H}"
        if newest := nlargest(NEWEST, sources.records.list(prefix, after=after), key=_modified):
            return newest
    return []


def _modified(object_info: ObjectInfo) -> tuple[dt.datetime, str]:
    return object_info.modified, object_info.key
