"""Views of what the page shows: audits, freshness, processing, alarms, windows of databases, and all of it. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from auditor.page.condition import Banner, Condition, Facts
from auditor.page.coverage import STATES, Counts, FeedView
from auditor.page.tables import TableView
from auditor.repairs.causes import meaning_of, remedy_of
from core.time import epoch, iso

# ---------------------------------------------------------------- audits


@dataclass(frozen=True, slots=True)
class AuditView:
    """A run of the auditor: the points missing at its first attempt, and their states at its last.

    ``detected`` = ``healed`` + ``absent`` + ``left``. ``other`` counts the other findings, by kind. What the journal
    says of its end: when (ISO 8601, empty: not yet), the ``causes`` it had for the admins, its ``error`` if it failed.
    """

    run: str
    dataset: str
    at: dt.datetime
    windows: int
    detected: int
    healed: int
    absent: int
    left: int
    alarmed: int
    attempts: int
    certified: int
    other: Mapping[str, int] = field(default_factory=dict)
    ended: str = ""
    causes: tuple[str, ...] = ()
    error: str = ""


def shape_audit(
    run: str, attempts: Sequence[Mapping[str, Any]], *, alarmed: int = 0, certified: int = 0
) -> AuditView | None:
    """A run from its attempts (the files ``audit-<n>``, in order); None where it has none yet."""
    if not attempts:
        return None
    first, last = attempts[0], attempts[-1]
    other: dict[str, int] = {}
    for finding in first["findings"]:
        if finding["kind"] != "missing_point":
            other[finding["kind"]] = other.get(finding["kind"], 0) + 1
    detected = _sum(first, "missing")
    left = min(_sum(last, "missing"), detected)
    absent = min(max(_sum(last, "absent") - _sum(first, "absent"), 0), detected - left)
    return AuditView(
        run=run,
        dataset=first["dataset"],
        at=dt.datetime.fromisoformat(first["audited_at"]),
        windows=len(first["windows"]),
        detected=detected,
        healed=detected - left - absent,
        absent=absent,
        left=left,
        alarmed=alarmed,
        attempts=len(attempts) - 1,
        certified=certified,
        other=other,
    )


def _sum(attempt: Mapping[str, Any], name: str) -> int:
    return sum(int(window["counts"][name]) for window in attempt["windows"])


# ---------------------------------------------------------------- freshness


@dataclass(frozen=True, slots=True)
class Freshness:
    """A table's newest row against the newest that is owed. ``behind`` is None where it has no row or nobody knows.

    A feed's table is behind by the time from its newest row to the newest that it owes: a closed exchange ages nothing.
    Of a database's table nobody knows from here whether the source is quiet: its age is from its newest row to now.
    """

    dataset: str
    table: str
    feed: bool
    newest: dt.datetime | None
    owed: dt.datetime | None
    behind: dt.timedelta | None
    limit: dt.timedelta

    @property
    def state(self) -> Literal["fresh", "old", "unknown"]:
        if self.behind is None:
            return "unknown"
        return "fresh" if self.behind <= self.limit else "old"


def freshness(
    dataset: str,
    table: str,
    *,
    feed: bool,
    newest: dt.datetime | None,
    owed: dt.datetime | None,
    limit: int,
) -> Freshness:
    """Freshness of a table; ``owed`` is the newest instant of which it should have a row by now, None: of none."""
    zero = dt.timedelta()
    behind = None if newest is None else zero if owed is None else max(owed - newest, zero)
    return Freshness(dataset, table, feed, newest, owed, behind, dt.timedelta(seconds=limit))


# ---------------------------------------------------------------- processing


@dataclass(frozen=True, slots=True)
class Processed:
    """An ingest object's receipt, as far as the page shows it."""

    dataset: str
    table: str
    object: str
    at: dt.datetime
    lines: int
    rows: int
    rejected: int
    milliseconds: float
    outcome: str
    reason: str
    partitions: int


def shape_receipt(receipt: Mapping[str, Any]) -> Processed:
    """What the page shows of a receipt."""
    return Processed(
        dataset=receipt["dataset"],
        table=receipt["table"],
        object=receipt["object"],
        at=dt.datetime.fromisoformat(receipt["processed_at"]),
        lines=receipt["lines_in"],
        rows=receipt["rows_out"],
        rejected=receipt["rejected"],
        milliseconds=receipt["milliseconds"],
        outcome=receipt["outcome"],
        reason=receipt["reason"],
        partitions=len(receipt["partitions"]),
    )


@dataclass(frozen=True, slots=True)
class Lately:
    """Sums over the newest receipts of a source table."""

    dataset: str
    table: str
    objects: int
    lines: int
    rows: int
    rejected: int
    halted: int
    median: float
    last: dt.datetime


def lately(receipts: Sequence[Processed]) -> list[Lately]:
    """One line per source table, the most recently processed first."""
    groups: dict[tuple[str, str], list[Processed]] = {}
    for receipt in receipts:
        groups.setdefault((receipt.dataset, receipt.table), []).append(receipt)
    lines = [
        Lately(
            dataset,
            table,
            objects=len(group),
            lines=sum(receipt.lines for receipt in group),
            rows=sum(receipt.rows for receipt in group),
            rejected=sum(receipt.rejected for receipt in group),
            halted=sum(receipt.outcome == "halted" for receipt in group),
            median=float(np.median([receipt.milliseconds for receipt in group])),
            last=max(receipt.at for receipt in group),
        )
        for (dataset, table), group in groups.items()
    ]
    return sorted(lines, key=lambda line: line.last, reverse=True)


# ---------------------------------------------------------------- alarms


@dataclass(frozen=True, slots=True)
class Alarm:
    """A cause that the admins were told of; ``until`` is empty while it is open.

    ``sent`` mails were sent of it. ``silence`` says that it is silenced, in words; ``spans`` are the first few of its
    missing points, half-open, ISO 8601.
    """

    dataset: str
    name: str
    meaning: str
    remedy: str
    count: int
    entities: tuple[str, ...]
    since: str
    answer: str
    until: str = ""
    run: str = ""
    sent: int = 0
    silence: str = ""
    spans: tuple[tuple[str, str], ...] = ()
    tried: tuple[str, ...] = ()
    details: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        return not self.until


def shape_alarm(memory: Mapping[str, Any], *, silences: Mapping[str, str] | None = None) -> Alarm:
    """An alarm from the auditor's memory of a mailed cause."""
    cause = memory["cause"]
    return Alarm(
        dataset=cause["dataset"],
        name=cause["name"],
        meaning=meaning_of(cause["name"]),
        remedy=remedy_of(cause),
        count=cause["count"],
        entities=tuple(cause["entities"]),
        since=memory["since"],
        answer=cause["answer"],
        until="" if memory.get("open") else memory.get("until", memory["since"]),
        run=memory.get("run", ""),
        sent=memory.get("sent", 0),
        silence=(silences or {}).get(cause["name"], "") if memory.get("open") else "",
        spans=tuple((start, end) for start, end in cause.get("spans", ())),
        tried=tuple(cause.get("tried", ())),
        details=tuple(cause.get("details", ())),
    )


# ---------------------------------------------------------------- windows of databases


@dataclass(frozen=True, slots=True)
class WindowView:
    """A window of a database's table, as the auditor's row of it says. ``start`` and ``end`` are epoch seconds.

    ``counts`` has as observed what is neither late nor repaired. ``held``: what is held of it, why and by whom.
    """

    subject: str
    start: int
    end: int
    status: str
    counts: Counts
    certificate: int
    audited_at: str
    held: str = ""


def shape_windows(rows: Iterable[Mapping[str, Any]], start: int, end: int) -> tuple[WindowView, ...]:
    """The windows that overlap ``[start, end)``, by subject and time, whenever they begin."""
    views = [_window(row) for row in rows if not row.get("object")]
    kept = [view for view in views if view.start < end and start < view.end]
    return tuple(sorted(kept, key=lambda view: (view.subject, view.start)))


def _window(row: Mapping[str, Any]) -> WindowView:
    numbers = {name: int(row.get(name) or 0) for name in ("present", "late", "repaired", "absent", "missing")}
    observed = max(numbers.pop("present") - numbers["late"] - numbers["repaired"], 0)
    return WindowView(
        subject=row["subject"],
        start=epoch(row["window_start"]),
        end=epoch(row["window_end"]),
        status=row["status"],
        counts=Counts(observed=observed, **numbers),
        certificate=row.get("certificate") or 0,
        audited_at=row["audited_at"],
        held=row["reason"] if row["status"] == "held" else "",
    )


@dataclass(frozen=True, slots=True)
class Subject:
    """A database's source table: the sums over its windows in the range."""

    dataset: str
    name: str
    windows: int
    certified: int
    expected: int
    present: int
    repaired: int
    missing: int
    audited_at: str
    absent: int = 0


def shape_subjects(dataset: str, windows: Sequence[WindowView]) -> list[Subject]:
    """One per subject, in order of name."""
    groups: dict[str, list[WindowView]] = {}
    for window in windows:
        groups.setdefault(window.subject, []).append(window)
    return [_subject(dataset, name, group) for name, group in sorted(groups.items())]


def _subject(dataset: str, name: str, group: Sequence[WindowView]) -> Subject:
    counts = sum((window.counts for window in group), Counts())
    return Subject(
        dataset,
        name,
        windows=len(group),
        certified=sum(window.status == "certified" for window in group),
        expected=counts.expected,
        present=counts.present,
        repaired=counts.repaired,
        missing=counts.missing,
        audited_at=max(window.audited_at for window in group),
        absent=counts.absent,
    )


# ---------------------------------------------------------------- the whole

# The next page comes within an hour (Terraform's schedule), ten minutes of retries, and the function's own time-out.
# One that somebody made by hand is promised no other, but audits look every hour.
VALID = dt.timedelta(minutes=90)


@dataclass(frozen=True, slots=True)
class Halt:
    """An ingest object that stands halted: nothing of it was taken."""

    object: str
    table: str
    lines: int
    reason: str
    since: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a table is under the new contract: ``done`` of ``total`` ``unit``."""

    table: str
    done: int
    total: int
    unit: str
    text: str


@dataclass(frozen=True, slots=True)
class DatasetView:
    """A dataset on the page: its conditions, and what they follow from.

    A feed has ``coverage`` (None where the range owes nothing), a database ``windows``.
    """

    name: str
    kind: Literal["feed", "database"]
    source: str
    every: int
    complete_within: int
    facts: Facts
    conditions: tuple[Condition, ...]
    coverage: FeedView | None = None
    windows: tuple[WindowView, ...] = ()
    halts: tuple[Halt, ...] = ()
    progress: tuple[Progress, ...] = ()
    canary: bool = False

    @property
    def counts(self) -> Counts:
        """Everything that the range owes: ``expected`` = ``present`` + ``absent`` + ``missing``."""
        if self.coverage is not None:
            return self.coverage.total
        return sum((window.counts for window in self.windows), Counts())


@dataclass(frozen=True, slots=True)
class Report:
    """All that the page shows; ``notes`` name the parts that could not be read, and why.

    ``alarms`` are those that are open and those that were, the newest first. ``stories`` are JSON of
    ``auditor.stories.story.Story``, by dataset, entity and instant.
    """

    project: str
    environment: str
    made_at: dt.datetime
    start: dt.datetime
    end: dt.datetime
    banner: Banner
    datasets: tuple[DatasetView, ...] = ()
    tables: tuple[TableView, ...] = ()
    audits: tuple[AuditView, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    freshness: tuple[Freshness, ...] = ()
    processed: tuple[Processed, ...] = ()
    stories: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def valid_until(self) -> dt.datetime:
        """Until when what it says may be taken for what is so; from then on the page itself says that it is old."""
        return self.made_at + VALID

    @property
    def feeds(self) -> tuple[FeedView, ...]:
        """The coverage of the feeds that owe something in the range."""
        return tuple(view.coverage for view in self.datasets if view.coverage is not None)

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """The tables of all databases."""
        return tuple(
            subject for view in self.datasets if view.windows for subject in shape_subjects(view.name, view.windows)
        )


def to_data(report: Report) -> dict[str, object]:
    """JSON of the report: the page's figures without its cells."""
    return {
        "deployment": f"{report.project}/{report.environment}",
        "made_at": report.made_at.isoformat(timespec="seconds"),
        "verdict": {
            "complete": report.banner.complete,
            "state": report.banner.state,
            "title": report.banner.title,
            "since": _instant(report.banner.since),
            "doing": list(report.banner.doing),
            "next_audit": _instant(report.banner.next_audit),
        },
        "datasets": [_dataset_data(view) for view in report.datasets],
        "feeds": [_feed_data(feed) for feed in report.feeds],
        "audits": [_audit_data(audit) for audit in report.audits],
        "alarms": [
            {"dataset": alarm.dataset, "cause": alarm.name, "since": alarm.since}
            for alarm in report.alarms
            if alarm.open
        ],
        "freshness": [_freshness_data(fact) for fact in report.freshness],
        "processed": [_processed_data(source) for source in lately(report.processed)],
        "notes": list(report.notes),
    }


def _instant(seconds: int | None) -> str | None:
    return None if seconds is None else iso(seconds)


def _dataset_data(view: DatasetView) -> dict[str, object]:
    counts = view.counts
    return {
        "dataset": view.name,
        "kind": view.kind,
        "states": [condition.state for condition in view.conditions],
        "since": _instant(view.conditions[0].since),
        "expected": counts.expected,
        "present": counts.present,
        **{name: getattr(counts, name) for name in STATES},
        "windows": view.facts.windows,
        "certified": view.facts.certified,
        "audited_at": _instant(view.facts.audited_at),
        "next_audit": _instant(view.facts.next_audit),
    }


def _feed_data(feed: FeedView) -> dict[str, object]:
    return {
        "dataset": feed.dataset,
        "verdict": feed.verdict,
        "from": iso(feed.start),
        "to": iso(feed.end),
        "expected": feed.total.expected,
        "present": feed.total.present,
        **{name: getattr(feed.total, name) for name in STATES},
        "overdue": feed.overdue,
        "windows": feed.windows,
        "certified": feed.certified,
        "gaps": feed.gap_count,
    }


def _audit_data(audit: AuditView) -> dict[str, object]:
    return {
        "run": audit.run,
        "dataset": audit.dataset,
        "at": audit.at.isoformat(),
        "found": audit.detected,
        "healed": audit.healed,
        "absent": audit.absent,
        "left": audit.left,
        "certified": audit.certified,
    }


def _freshness_data(fact: Freshness) -> dict[str, object]:
    return {
        "dataset": fact.dataset,
        "table": fact.table,
        "newest": fact.newest.isoformat() if fact.newest else None,
        "behind_seconds": int(fact.behind.total_seconds()) if fact.behind is not None else None,
        "limit_seconds": int(fact.limit.total_seconds()),
        "state": fact.state,
    }


def _processed_data(source: Lately) -> dict[str, object]:
    return {
        "dataset": source.dataset,
        "table": source.table,
        "objects": source.objects,
        "lines": source.lines,
        "rows": source.rows,
        "rejected": source.rejected,
        "median_milliseconds": round(source.median, 1),
    }
