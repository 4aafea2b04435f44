"""Audits, freshness, processing and alarms on the page, and the report that holds all of it. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from auditor.repairs.triage import MEANINGS
from cli.report.coverage import STATES, FeedView
from core.time import iso

# ---------------------------------------------------------------- audits


@dataclass(frozen=True, slots=True)
class AuditView:
    """A run of the auditor: the points missing at its first attempt, and their states at its last.

    ``detected`` = ``healed`` + ``absent`` + ``left``. ``other`` counts the other findings, by kind.
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


# ---------------------------------------------------------------- the whole


@dataclass(frozen=True, slots=True)
class Alarm:
    """A cause that was mailed to the admins and is not over."""

    dataset: str
    name: str
    meaning: str
    remedy: str
    count: int
    entities: tuple[str, ...]
    since: str
    answer: str


def shape_alarm(memory: Mapping[str, Any]) -> Alarm:
    """An alarm from the auditor's memory of a mailed cause."""
    cause = memory["cause"]
    meaning, remedy = MEANINGS.get(cause["name"], ("", ""))
    return Alarm(
        dataset=cause["dataset"],
        name=cause["name"],
        meaning=meaning,
        remedy=remedy,
        count=cause["count"],
        entities=tuple(cause["entities"]),
        since=memory["since"],
        answer=cause["answer"],
    )


@dataclass(frozen=True, slots=True)
class Subject:
    """A database's source table, as the range's rows of ``completeness`` have it."""

    dataset: str
    name: str
    windows: int
    certified: int
    expected: int
    present: int
    repaired: int
    missing: int
    audited_at: str


def shape_subjects(rows: Sequence[Mapping[str, Any]]) -> list[Subject]:
    """One per dataset and subject, in order of name."""
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["dataset"], row["subject"]), []).append(row)
    return [
        Subject(
            dataset,
            name,
            windows=len(group),
            certified=sum(row["status"] == "certified" for row in group),
            **{what: sum(row[what] or 0 for row in group) for what in ("expected", "present", "repaired", "missing")},
            audited_at=max(row["audited_at"] for row in group),
        )
        for (dataset, name), group in sorted(groups.items())
    ]


@dataclass(frozen=True, slots=True)
class Report:
    """All that the page shows; ``notes`` name the parts that could not be read, and why."""

    project: str
    environment: str
    made_at: dt.datetime
    start: dt.datetime
    end: dt.datetime
    feeds: tuple[FeedView, ...] = ()
    subjects: tuple[Subject, ...] = ()
    audits: tuple[AuditView, ...] = ()
    alarms: tuple[Alarm, ...] = ()
    freshness: tuple[Freshness, ...] = ()
    processed: tuple[Processed, ...] = ()
    notes: tuple[str, ...] = ()


def to_data(report: Report) -> dict[str, object]:
    """JSON of the report: the page's figures without its cells."""
    return {
        "deployment": f"{report.project}/{report.environment}",
        "made_at": report.made_at.isoformat(timespec="seconds"),
        "feeds": [
            {
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
            for feed in report.feeds
        ],
        "audits": [
            {
                "run": audit.run,
                "dataset": audit.dataset,
                "at": audit.at.isoformat(),
                "found": audit.detected,
                "healed": audit.healed,
                "absent": audit.absent,
                "left": audit.left,
                "certified": audit.certified,
            }
            for audit in report.audits
        ],
        "alarms": [{"dataset": alarm.dataset, "cause": alarm.name, "since": alarm.since} for alarm in report.alarms],
        "freshness": [
            {
                "dataset": fact.dataset,
                "table": fact.table,
                "newest": fact.newest.isoformat() if fact.newest else None,
                "behind_seconds": int(fact.behind.total_seconds()) if fact.behind is not None else None,
                "limit_seconds": int(fact.limit.total_seconds()),
                "state": fact.state,
            }
            for fact in report.freshness
        ],
        "processed": [
            {
                "dataset": source.dataset,
                "table": source.table,
                "objects": source.objects,
                "lines": source.lines,
                "rows": source.rows,
                "rejected": source.rejected,
                "median_milliseconds": round(source.median, 1),
            }
            for source in lately(report.processed)
        ],
        "notes": list(report.notes),
    }
