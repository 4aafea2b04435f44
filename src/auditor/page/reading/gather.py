"""Reading of the whole page, dataset by dataset.

A part that cannot be read costs that part and is noted, for a page that is missing because something is broken helps
nobody. Reading grows with the windows that are asked for, not with the age of the lake.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from auditor.canary import canary_healed
from auditor.changes.progress import ChangeProgress, change_progress
from auditor.databases.choose import AUDITED_EVERY
from auditor.evidence.journal import Entry, newest_entries
from auditor.interventions.pauses import Pauses, read_pauses
from auditor.page.condition import Facts, banner, conditions
from auditor.page.coverage import FeedView
from auditor.page.reading.audits import Known, read_alarms, read_audits, read_known_audits
from auditor.page.reading.freshness import read_freshness, read_receipts
from auditor.page.reading.sources import Notes, Range, Sources
from auditor.page.reading.stories import read_stories
from auditor.page.reading.tables import read_tables
from auditor.page.reading.windows import (
    Entries,
    Rows,
    read_coverage,
    read_database_rows,
    read_feed_rows,
    read_halts,
    read_windows,
)
from auditor.page.report import Alarm, DatasetView, Freshness, Halt, Processed, Progress, Report, WindowView
from auditor.page.tables import TableView
from auditor.standing.silent import silent_since
from auditor.state import DatasetState, read_state
from core.contract.model import Contract, Feed
from core.evolution.deployments import read_deployments
from core.time import at_epoch, epoch

MOST_ENTRIES = 24  # of the journal, of a dataset: the last day's


@dataclass(frozen=True)
class _Dataset:
    """What was read of a dataset."""

    contract: Contract
    rows: Rows
    entries: Entries
    journal: tuple[Entry, ...]
    alarms: tuple[Alarm, ...]
    halts: tuple[Halt, ...]
    changes: tuple[ChangeProgress, ...]
    deployed: int | None
    pauses: Pauses
    canary: bool | None
    coverage: FeedView | None = None
    windows: tuple[WindowView, ...] = ()
    known: tuple[Known, ...] = field(default=())
    audited_at: int | None = None
    silent_since: int | None = None
    unread: int = 0


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
    fresh: list[Freshness] = notes.unless("freshness", [], read_freshness, sources, now)
    everything = [table for contract in sources.contracts for table in contract.tables]
    views: list[DatasetView] = []
    tables: list[TableView] = []
    processed: list[Processed] = []
    read: list[_Dataset] = []
    for contract in sources.contracts:
        on_dataset(contract.dataset)
        entries: Entries = {}
        if contract.source is not None:
            dataset = _read(sources, contract, span, notes)
            stale = [fact.table for fact in fresh if fact.dataset == contract.dataset and _is_stale(fact)]
            views.append(_view(dataset, span, stale))
            read.append(dataset)
            entries = dataset.entries
            processed += notes.unless(f"receipts of {contract.dataset}", [], read_receipts, sources, contract, now)
        tables += read_tables(sources, contract, everything, entries, notes)
    journal = {entry.run: entry for dataset in read for entry in dataset.journal}
    audits = read_audits(sources, [known for dataset in read for known in dataset.known], journal, notes)
    stories = read_stories(sources, [view.coverage for view in views if view.coverage], notes)
    notes.texts += [f"{key} could not be read: it was altered" for key in sources.damaged]
    return Report(
        project=project,
        environment=environment,
        made_at=now,
        start=at_epoch(span.start),
        end=at_epoch(span.end),
        banner=banner([(view.facts, view.conditions) for view in views], unread=len(notes.texts)),
        datasets=tuple(views),
        tables=tuple(tables),
        audits=tuple(audits),
        alarms=tuple(alarm for dataset in read for alarm in dataset.alarms),
        freshness=tuple(fresh),
        processed=tuple(sorted(processed, key=lambda receipt: receipt.at, reverse=True)),
        stories=stories,
        notes=tuple(notes.texts),
    )


def _read(sources: Sources, contract: Contract, span: Range, notes: Notes) -> _Dataset:
    """All that is stored about a dataset in the range."""
    name, is_feed, before = contract.dataset, isinstance(contract.source, Feed), len(notes.texts)
    reader = read_feed_rows if is_feed else read_database_rows
    rows: Rows = notes.unless(f"completeness of {name}", [], reader, sources, contract, span)
    covered: tuple[FeedView | None, Entries] = (None, {})
    seen: tuple[tuple[WindowView, ...], Entries] = ((), {})
    if is_feed:
        covered = notes.unless(f"coverage of {name}", covered, read_coverage, sources, contract, rows, span)
    else:
        seen = notes.unless(f"windows of {name}", seen, read_windows, sources, name, rows, span)
    records, now = sources.records, span.now
    state = notes.unless(f"state of {name}", DatasetState(), read_state, records, name)
    journal: list[Entry] = notes.unless(
        f"journal of {name}", [], newest_entries, records, name, span.start, span.now + 1, most=MOST_ENTRIES
    )
    alarms: list[Alarm] = notes.unless(f"alarms of {name}", [], read_alarms, sources, name, now=now)
    halts: list[Halt] = notes.unless(f"halted objects of {name}", [], read_halts, sources, name, state.halted)
    changes: list[ChangeProgress] = notes.unless(
        f"contract changes of {name}", [], change_progress, records, contract, now=now
    )
    known: list[Known] = notes.unless(f"audits of {name}", [], read_known_audits, sources, name, rows)
    canary: bool | None = None
    if contract.needed_source.canary:
        canary = notes.unless(f"canary {name}", None, canary_healed, sources.services, name, now=now)
    pauses: Pauses = notes.unless(f"pauses of {name}", Pauses(), read_pauses, records, name)
    deployed = notes.unless(f"deployments of {name}", None, _deployed, sources, name) if changes else None
    ended = [*(epoch(row["audited_at"]) for row in rows), *(epoch(entry.ended_at) for entry in journal)]
    last = max(ended, default=None)
    silent = notes.unless(f"last audit of {name}", None, silent_since, records, name, last, now=now)
    return _Dataset(
        contract,
        rows,
        {**covered[1], **seen[1]},
        tuple(journal),
        tuple(alarms),
        tuple(halts),
        tuple(changes),
        deployed=deployed,
        pauses=pauses,
        canary=canary,
        coverage=covered[0],
        windows=seen[0],
        known=tuple(known),
        audited_at=last,
        silent_since=silent,
        unread=len(notes.texts) - before,
    )


def _deployed(sources: Sources, dataset: str) -> int | None:
    """When the contract that holds now was deployed."""
    history = read_deployments(sources.records, dataset)
    return history[-1].since if history else None


def _is_stale(fact: Freshness) -> bool:
    """Of a database nobody knows from here whether its source is quiet."""
    return fact.feed and fact.state == "old"


# ---------------------------------------------------------------- from what was read to what is shown


def _view(dataset: _Dataset, span: Range, stale: Sequence[str]) -> DatasetView:
    source = dataset.contract.needed_source
    facts = _facts(dataset, span, stale)
    return DatasetView(
        name=dataset.contract.dataset,
        kind=source.kind,
        source=source.provider.kind if isinstance(source, Feed) else source.engine,
        every=source.every,
        complete_within=source.complete_within,
        facts=facts,
        conditions=conditions(facts),
        coverage=dataset.coverage,
        windows=dataset.windows,
        halts=dataset.halts,
        progress=tuple(
            Progress(change.table, change.done, change.total, change.unit, str(change)) for change in dataset.changes
        ),
        canary=source.canary,
    )


def _facts(dataset: _Dataset, span: Range, stale: Sequence[str]) -> Facts:
    """What the conditions of a dataset follow from."""
    pause, coverage = dataset.pauses.standing, dataset.coverage
    alarms = {alarm.name: epoch(alarm.since) for alarm in dataset.alarms if alarm.open}
    last = dataset.audited_at
    unplaced = max(
        sum(entry.unplaced for entry in dataset.entries.values()),
        sum(alarm.count for alarm in dataset.alarms if alarm.open and alarm.name == "unplaced_row"),
    )
    return Facts(
        dataset=dataset.contract.dataset,
        alarms=alarms,
        halts=len(dataset.halts),
        halted_since=min((epoch(halt.since) for halt in dataset.halts), default=None),
        unplaced=unplaced,
        changes=tuple(str(change) for change in dataset.changes),
        changed_since=dataset.deployed,
        stale=() if pause else tuple(stale),
        paused=str(pause) if pause else "",
        paused_since=pause.since if pause else None,
        unresumed=dataset.pauses.unresumed,
        canary=dataset.canary,
        unread=dataset.unread,
        audited_at=last,
        silent_since=dataset.silent_since,
        heard=not dataset.journal or dataset.journal[0].heard,
        next_audit=None if last is None else max(last + AUDITED_EVERY, span.now),
        fine_since=fine_since(dataset.journal),
        held=_held(dataset),
        **(_of_feed(coverage) if coverage else _of_windows(dataset.windows)),
    )


def _held(dataset: _Dataset) -> tuple[str, ...]:
    """What is held of a dataset: of a feed as its partitions are now, of all else as the last audit saw it."""
    if dataset.coverage is None:
        return tuple(dict.fromkeys(window.held for window in dataset.windows if window.held))
    now = "; ".join(f"{partition} is held: {reason}" for partition, reason in dataset.coverage.held)
    audited = (row["reason"] for row in dataset.rows if row["status"] == "held")
    return tuple(dict.fromkeys(text for text in (now, *audited) if text and (text == now or text not in now)))


def _of_feed(view: FeedView) -> Mapping[str, Any]:
    return {
        "windows": view.windows,
        "certified": view.certified,
        "missing": view.total.missing - view.held_back,
        "overdue": view.overdue,
        "first_missing": view.first_missing,
    }


def _of_windows(windows: Sequence[WindowView]) -> Mapping[str, Any]:
    return {
        "windows": len(windows),
        "certified": sum(window.status == "certified" for window in windows),
        "missing": sum(window.counts.missing for window in windows if not window.held),
        "first_missing": min(
            (window.start for window in windows if window.counts.missing and not window.held), default=None
        ),
    }


def fine_since(journal: Sequence[Entry]) -> int | None:
    """Since when every audit ended with nothing missing and nobody called, as far as the journal was read.

    None where the last one did not. ``journal``: the newest first.
    """
    since = None
    for entry in journal:
        if entry.error or entry.causes or entry.missing or entry.left:
            break
        since = epoch(entry.ended_at)
    return since
