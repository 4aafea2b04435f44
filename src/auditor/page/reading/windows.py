"""Reading of windows that overlap the range: what the auditor says of each, and the certificates that prove them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import Any

import numpy as np
import numpy.typing as npt

from auditor.databases.window_rows import row_keys_since
from auditor.evidence.absent import read_absences
from auditor.evidence.chain import ChainReader
from auditor.evidence.completeness import COMPLETENESS, seen_by_athena
from auditor.evidence.halts import halt_key
from auditor.feeds.expect import expect
from auditor.feeds.objects import began
from auditor.feeds.partition_scan import PartitionScan, scan_partitions
from auditor.feeds.points import ABSENT, MISSING, NOT_OWED, REPAIRED
from auditor.interventions.pauses import read_pauses
from auditor.page.coverage import FeedView, Status, WindowSeen, shape_feed
from auditor.page.reading.sources import Range, Sources
from auditor.page.report import Halt, WindowView, shape_windows
from auditor.state import read_state
from auditor.windows import DAY, Window, begin_of, facts_of, settled_until, windows_between
from core.audit.certificate import LedgerEntry, window_name
from core.contract.model import Contract, Database, Feed
from core.evolution.promised import read_promises
from core.feeds.partitions import entities_in, period_of
from core.landing.records import completeness_if_any
from core.time import iso

LOOKED_BACK = 62 * DAY  # at least, before a range: two monthly windows
AT_LEAST = 8  # windows that are shown of a feed of which nothing has arrived
HALTED = "halted-"  # before the names of rows of halted objects, which are no windows

Rows = list[dict[str, Any]]
Entries = Mapping[str, LedgerEntry]


def read_feed_rows(sources: Sources, contract: Contract, span: Range) -> Rows:
    """The auditor's rows of a feed's windows that overlap the range; they lie by the day of their start.

    All days are one listing, which costs what a day's does.
    """
    folder = f"{COMPLETENESS}dataset={contract.dataset}/"
    first, last = (f"{folder}day={iso(second)[:10]}/" for second in (span.start, span.end - 1))
    listed = (info.key for info in sources.records.list(folder, after=first))
    keys = takewhile(lambda key: key < f"{last}~", listed)
    return list(sources.read_all([key for key in keys if not _name(key).startswith(HALTED)], completeness_if_any))


def read_database_rows(sources: Sources, contract: Contract, span: Range) -> Rows:
    """The auditor's rows of a database's windows that may overlap the range: a month's begins before it.

    Of each table those that begin in the range, and the last one before it. What no time bounds has a row for each day
    on which it was audited, of which the newest says what is so. Rows are looked for from two sweeps before the range
    on, which come to every window; further back only where nothing was audited since.
    """
    sweep = contract.source.sweep if isinstance(contract.source, Database) else 0
    since = span.start - max(LOOKED_BACK, 2 * sweep)
    rows = _database_rows(sources, contract, span, since)
    if rows or read_state(sources.records, contract.dataset).frontier is None:
        return rows
    return _database_rows(sources, contract, span, 0)


def _database_rows(sources: Sources, contract: Contract, span: Range, since: int) -> Rows:
    newest: dict[tuple[str, str], str] = {}
    for key in row_keys_since(sources.records, contract, since):
        subject, _, stamp = _name(key).removesuffix(".json").rpartition("-")
        if subject and not _name(key).startswith(HALTED):
            newest[seen_by_athena(subject), stamp] = key  # keys come by day, and earlier releases' first
    first, last = _stamp(span.start), _stamp(span.end)
    chosen = {name for name in newest if first <= name[1] < last}
    before: dict[str, str] = {}
    for subject, stamp in newest:
        if stamp < first:
            before[subject] = max(stamp, before.get(subject, ""))
    chosen |= set(before.items())
    return list(sources.read_all([newest[name] for name in sorted(chosen)], completeness_if_any))


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _stamp(second: int) -> str:
    """An instant as the names of rows have it."""
    return iso(second).replace(":", "").replace("-", "")


def read_halts(sources: Sources, dataset: str, standing: Mapping[str, str]) -> list[Halt]:
    """The ingest objects that stand halted: ``standing`` by key, with the day on which they were found so."""
    keys = [halt_key(dataset, key, day) for key, day in sorted(standing.items())]
    return [
        Halt(row["object"], row["subject"], int(row["missing"]), row.get("reason") or "", row["window_start"])
        for row in sources.read_all(keys, completeness_if_any)
        if row["status"] == "halted" and row.get("object") and row.get("missing") is not None
    ]


# ---------------------------------------------------------------- databases


def read_windows(
    sources: Sources, dataset: str, rows: Sequence[Mapping[str, Any]], span: Range
) -> tuple[tuple[WindowView, ...], Entries]:
    """A database's windows, and the certificates that speak for them, by window name."""
    windows = shape_windows(rows, span.start, span.end)
    names = [(window_name(window.subject, iso(window.start)), iso(window.start)) for window in windows]
    return windows, ChainReader(sources.records, dataset).entries(names)


# ---------------------------------------------------------------- feeds


def read_coverage(
    sources: Sources, contract: Contract, rows: Sequence[Mapping[str, Any]], span: Range
) -> tuple[FeedView | None, Entries]:
    """A feed's points as the auditor would count them now, and the certificates of its windows.

    No view where the range has nothing that is owed; nobody owes what had not settled when a pause began.
    """
    promises = read_promises(sources.contracts, contract.dataset, sources.records, now=span.now)
    contract, feed = promises.dataset(contract.dataset), promises.feed(contract.dataset)
    calendar = promises.calendar(feed.calendar)
    pause = read_pauses(sources.records, contract.dataset).standing
    settled = settled_until(feed, min(span.now, pause.since) if pause else span.now)
    owed_until = min(span.end, settled, calendar.covers_to)
    owed_from = max(span.start, begin_of(contract))
    windows = [window for window in windows_between(feed, calendar, owed_from, span.end) if window.start < owed_until]
    if not windows or not facts_of(contract):
        return None, {}
    expectation = expect(feed, calendar, windows, start=max(owed_from, calendar.covers_from), end=owed_until)
    scan = scan_partitions(contract, expectation, sources.services.partitions, workers=sources.workers)
    for absence in read_absences(sources.records, contract.dataset, windows, workers=sources.workers):
        if absence.expires_at > span.now:
            scan.coverage.mark_absent(absence.entity, absence.ranges)
    names = [(window_name(feed.table.name, window.name), window.name) for window in expectation.windows]
    entries = ChainReader(sources.records, contract.dataset).entries(names)
    audited = {row["window_start"]: row["status"] for row in rows if row["subject"] == feed.table.name}
    held = _held_back(contract, feed, scan)
    held_windows = expectation.per_window(held).astype(bool)
    statuses = [
        _status(window, scan.proofs[place], entries.get(names[place][0]), audited.get(window.name))
        if not held_windows[place]
        else WindowSeen(window, "held")
        for place, window in enumerate(expectation.windows)
    ]
    begin = None if span.asked else began(sources.services, contract.dataset)
    if begin is not None:
        _forget_what_was_before(scan, statuses, begin, feed.every)
    view = shape_feed(
        contract.dataset,
        ", ".join(table.name for table in facts_of(contract)),
        feed.every,
        scan.coverage,
        statuses,
        due_before=span.now - feed.complete_within - feed.every + 1,
        first=0 if span.asked else _first(scan, statuses),
        held=[(f"{finding.table}/{finding.partition}", finding.reason) for finding in scan.held],
        held_back=held,
    )
    return view, entries


def _held_back(contract: Contract, feed: Feed, scan: PartitionScan) -> npt.NDArray[np.bool_]:
    """The cells of partitions that are held."""
    expectation = scan.coverage.expectation
    tables, entities = {fact.name: fact for fact in facts_of(contract)}, expectation.grid.entities
    cells = np.zeros(scan.coverage.cells.shape, bool)
    for finding in scan.held:
        table = tables[finding.table]
        start, end = period_of(table, feed, finding.partition)
        of = np.isin(entities, list(entities_in(table, feed, finding.partition)))
        cells |= of[:, np.newaxis] & (expectation.grid.slots >= start) & (expectation.grid.slots < end)
    return cells


def _forget_what_was_before(scan: PartitionScan, seen: Sequence[WindowSeen], begin: int, every: int) -> None:
    """Owe no missing point of before the feed was collected, unless an audit was given its window."""
    expectation = scan.coverage.expectation
    for place, window in enumerate(seen):
        if window.status == "unaudited":
            cells = scan.coverage.cells[:, expectation.columns(place)]
            early = expectation.grid.slots[expectation.columns(place)] + every <= begin
            cells[(cells == MISSING) & early] = NOT_OWED


def _status(window: Window, proofs: Mapping[str, Any], entry: LedgerEntry | None, row: str | None) -> WindowSeen:
    """A window's status: certified only where its rows are those of the certificate, else as the last audit left it."""
    if row == "held":
        return WindowSeen(window, "held")
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
