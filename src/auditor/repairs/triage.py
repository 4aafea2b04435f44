"""Triage of what is left when the repairs are over: what still may heal, and what the admins must hear of. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields

from auditor.evidence.doubts import Doubt
from auditor.repairs.causes import NAMED, Cause, Places, listed
from auditor.repairs.draft import Plan
from auditor.repairs.history.ask_history import CALLS
from auditor.repairs.outcomes import JobReport, latest_by_entity, tried
from auditor.repairs.ranges import overlap, without
from auditor.repairs.turns.items import Turns, items_of_repairs
from auditor.repairs.units import other_units
from auditor.windows import HOUR
from core.audit.findings import (
    BrokenPartition,
    BrokenRule,
    ChangedSource,
    Finding,
    HeldPartition,
    LaggingMirror,
    MissingPoints,
    OutdatedPartition,
    UnhashedRows,
    UnreadableTable,
    size_of,
)
from core.audit.history import Evidence, HistoryOutcome, Ranges
from core.audit.repair_jobs import UNREACHED
from core.contract.codec import json_name
from core.contract.model import Feed
from core.time import iso

SAMPLE = 5
REASONS = 20  # of missing points that are told
LISTED = 10  # keys and the like of one finding


@dataclass(frozen=True, slots=True)
class Triage:
    """Findings sorted into those that need a human and those that do not.

    ``causes`` need one. ``healing`` counts the points that wait for the next run. ``blamed`` names the cause of each
    entity whose points are missing. ``waiting`` are the kinds of which something waits for its turn, and ``unasked``
    the entities whose points no job asked for, where there were more to ask for than the budget or the jobs' time
    allowed.
    """

    causes: tuple[Cause, ...]
    healing: int
    blamed: Mapping[str, str] = field(default_factory=dict)
    waiting: frozenset[str] = frozenset()
    unasked: frozenset[str] = frozenset()

    def still_open(self, before: Iterable[str]) -> frozenset[str]:
        """Those causes of before of which this audit cannot say that they are over: what they tell of still waits."""
        return self.waiting.intersection(before)


@dataclass
class _Blame:
    """Missing points of one cause, the reports of their jobs, and the reasons."""

    findings: list[MissingPoints] = field(default_factory=list)
    reports: list[JobReport] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


def triage_findings(
    findings: Sequence[Finding],
    plan: Plan,
    reports: Sequence[JobReport],
    *,
    dataset: str,
    feed: Feed | None,
    now: int,
    doubts: Sequence[Doubt] = (),
    turns: Turns | None = None,
) -> Triage:
    """Sort the findings of the last scan, in the light of the next plan and of what the jobs reported.

    ``feed`` is None for a database; ``now`` in epoch seconds. ``doubts`` are of the last scan. ``turns`` are those of
    the run (None: whatever is left had its turn).
    """
    turns = turns or Turns(items_of_repairs(report.repair for report in reports))
    doubted: dict[str, list[Doubt]] = {}
    for doubt in doubts:
        doubted.setdefault(doubt.entity, []).append(doubt)
    latest = latest_by_entity(reports)
    refused = {each.finding.entity: each for each in plan.helpless if isinstance(each.finding, MissingPoints)}
    blames: dict[str, _Blame] = {}
    blamed: dict[str, str] = {}
    healing = 0
    for finding in findings:
        if not isinstance(finding, MissingPoints):
            continue
        if finding.entity in refused:
            cause, reason = refused[finding.entity].cause, refused[finding.entity].reason
        else:
            of_entity = doubted.get(finding.entity, ())
            cause, reason = _why(finding, latest.get(finding.entity), feed, now, of_entity)
        if not cause:
            healing += finding.points
            continue
        blamed[finding.entity] = cause
        blame = blames.setdefault(cause, _Blame())
        blame.findings.append(finding)
        blame.reasons.append(reason)
        if finding.entity in latest:
            blame.reports.append(latest[finding.entity])
    attempts = max((report.attempt for report in reports), default=0)
    causes = [_of_points(name, dataset, blame, attempts, reports) for name, blame in blames.items()]
    causes += _of_others(findings, plan, dataset, attempts, reports, turns)
    waiting = frozenset(finding.kind for finding in findings if turns.waits(finding))
    missing = {finding.entity for finding in findings if isinstance(finding, MissingPoints)}
    is_short = CALLS in turns.waiting or any(report.result == UNREACHED for report in reports)
    unasked = frozenset(missing - latest.keys() - refused.keys() if is_short else ())
    return Triage(tuple(sorted(causes, key=lambda cause: cause.name)), healing, blamed, waiting, unasked)


def _why(
    missing_points: MissingPoints, report: JobReport | None, feed: Feed | None, now: int, doubts: Sequence[Doubt]
) -> tuple[str, str]:
    """The cause and its reason; no cause where the next run may still heal it in time."""
    patience = feed.complete_within if feed else 0
    claimed = tuple(pair for doubt in doubts for pair in doubt.ranges)
    left = without(missing_points.ranges, claimed)
    overdue = any(start + patience < now for start, _ in left)
    cause, reason = _of_job(left, report, overdue)
    if cause and (left or cause != "overdue"):
        return cause, reason
    return _of_doubts(doubts, patience, now)


def _of_job(left: Ranges, report: JobReport | None, overdue: bool) -> tuple[str, str]:
    """The cause of the points ``left`` of which no answer says that there are none, by the last job's report."""
    if report is None:
        return ("overdue", "no repair had its turn yet") if overdue else ("", "")
    if report.result != "done":
        return "repair_failed", report.reason
    worst = _worst(report.outcomes)
    if worst is None:
        return ("overdue", "nothing was asked") if overdue else ("", "")
    if worst.result in ("not_entitled", "secret_missing", "broken"):
        return worst.result, worst.reason
    if worst.result == "limited":
        return ("limited", worst.reason) if overdue else ("", "")
    if overlap(left, tuple(pair for outcome in report.outcomes for pair in outcome.healed)):
        return "not_arrived", "the provider gave them, and the stream took them"
    unproven = next((outcome for outcome in report.outcomes if overlap(left, outcome.unproven)), None)
    if unproven is not None:
        return ("unproven_absence", unproven.reason) if overdue else ("", "")
    return ("overdue", "the provider has not published them yet") if overdue else ("", "")


_DOUBTED = {
    "refused": "their records make no point",
    "everybody": "it says so of all entities, for a whole window",
    "live_broken": "live answers of the same time made no sense",
    "silent": "its answers held no point, or lacked points that were observed near them, which each asks for too",
}


def _of_doubts(doubts: Sequence[Doubt], patience: int, now: int) -> tuple[str, str]:
    """The cause of points that the source says it has not. One answer alone waits for the next audit's."""
    for reason, text in _DOUBTED.items():
        of_reason = [doubt for doubt in doubts if doubt.reason == reason]
        overdue = any(start + patience < now for doubt in of_reason for start, _ in doubt.ranges)
        if of_reason and (overdue or reason in ("refused", "everybody")):
            return "refused_record" if reason == "refused" else "unproven_absence", text
    once = [doubt for doubt in doubts if doubt.reason == "once"]
    late = any(start + patience < now for doubt in once for start, _ in doubt.ranges)
    if late and any(doubt.since + max(patience, HOUR) < now for doubt in once):
        return "overdue", "the source was asked once, and not again"
    return "", ""


_ORDER = ("not_entitled", "secret_missing", "broken", "limited", "answered")


def _worst(outcomes: Sequence[HistoryOutcome]) -> HistoryOutcome | None:
    return min(outcomes, key=lambda outcome: _ORDER.index(outcome.result), default=None)


def _of_points(name: str, dataset: str, blame: _Blame, attempts: int, reports: Sequence[JobReport]) -> Cause:
    spans = tuple((iso(start), iso(end)) for finding in blame.findings for start, end in finding.ranges)
    outcomes = [outcome for report in blame.reports for outcome in report.outcomes]
    # The last is named: an answer that is amiss before a sound one of another range.
    outcomes.sort(key=lambda outcome: _ORDER.index(outcome.result), reverse=True)
    evidence = [answer for outcome in outcomes for answer in outcome.evidence]
    return Cause(
        name=name,
        dataset=dataset,
        count=sum(finding.points for finding in blame.findings),
        entities=tuple(finding.entity for finding in blame.findings),
        spans=tuple(sorted({*spans})[:SAMPLE]),
        tried=tried(reports),
        attempts=attempts,
        answer=_answer(evidence[-1]) if evidence else next((reason for reason in blame.reasons if reason), ""),
        details=listed(_reasons(blame), REASONS),
        places={finding.entity: _days(finding.ranges) for finding in blame.findings},
    )


def _reasons(blame: _Blame) -> list[str]:
    """Each reason once; where there are several, with the entities that it is about."""
    entities: dict[str, list[str]] = {}
    for finding, reason in zip(blame.findings, blame.reasons, strict=True):
        entities.setdefault(reason, []).append(finding.entity)
    if len(entities) == 1:
        return [reason for reason in entities if reason]
    return [f"{', '.join(listed(names, LISTED))}: {reason}" for reason, names in entities.items() if reason]


def _days(ranges: Ranges) -> tuple[tuple[str, str], ...]:
    """The first and the last instant of each day (UTC) on which the ranges begin."""
    days: dict[str, tuple[str, str]] = {}
    for start, end in sorted(ranges):
        first, last = iso(start), iso(end)
        known = days.get(first[:10], (first, last))
        days[first[:10]] = (known[0], max(known[1], last))
    return tuple(days.values())


def _answer(evidence: Evidence) -> str:
    status = f"{evidence.status}" if evidence.status else "no answer"
    return f"{evidence.request} -> {status} {evidence.answer[:200]}".strip()


def _of_others(
    findings: Sequence[Finding],
    plan: Plan,
    dataset: str,
    attempts: int,
    reports: Sequence[JobReport],
    turns: Turns,
) -> list[Cause]:
    """The findings other than missing points that the repairs left behind, by kind; not what waits for its turn."""
    grouped: dict[str, list[Finding]] = {}
    for finding in findings:
        if isinstance(finding, MissingPoints | HeldPartition | UnhashedRows):
            continue
        if left := turns.without_waiting(finding):
            grouped.setdefault(finding.kind, []).append(left)
    reasons = {each.cause: each.reason for each in plan.helpless}
    return [
        Cause(
            name=kind,
            dataset=dataset,
            count=sum(size_of(finding) for finding in group),
            tried=tried(reports),
            attempts=attempts,
            answer=reasons.get(kind, ""),
            details=_details(group),
            places=_named_places(group),
            partitions=_partitions(group),
        )
        for kind, group in grouped.items()
    ]


def _details(findings: Sequence[Finding]) -> tuple[str, ...]:
    """A few of the findings in words; changes of a source in their own order, the newest first."""
    texts = [describe(finding) for finding in findings]
    is_in_order = all(isinstance(finding, ChangedSource) for finding in findings)
    return listed((*other_units(findings), *(texts if is_in_order else sorted(texts))), SAMPLE)


def _named_places(findings: Sequence[Finding]) -> Places:
    """What of a cause is news of its own while it is open: a table, a change of the source."""
    tables = {finding.table for finding in findings if isinstance(finding, UnreadableTable | LaggingMirror)}
    return dict.fromkeys(sorted(tables), (("", ""),)) | {
        f"{finding.table}: {change}": ((finding.since, finding.since),)
        for finding in findings
        if isinstance(finding, ChangedSource)
        for change in finding.changes
    }


def _partitions(findings: Sequence[Finding]) -> tuple[str, ...]:
    """The partitions that a command makes again, in order."""
    kinds = BrokenPartition | OutdatedPartition | BrokenRule
    places = {f"{each.table}/{each.partition}".rstrip("/") for each in findings if isinstance(each, kinds)}
    return tuple(sorted(places)[: NAMED + 1])


def describe(finding: Finding) -> str:
    """One line about a finding, for logs, mails and the command."""
    data = {json_name(item): getattr(finding, item.name) for item in fields(finding)}
    data = {name: value for name, value in data.items() if name not in ("kind", "dataset")}
    if isinstance(finding, MissingPoints):
        first, last = finding.ranges[0][0], finding.ranges[-1][1]
        return f"{finding.entity}: {finding.points} points between {iso(first)} and {iso(last)}"
    place = "/".join(str(data.pop(name)) for name in ("table", "partition", "column") if data.get(name))
    rest = ", ".join(f"{name} {_listed(value)}" for name, value in data.items() if value not in ("", ()))
    return f"{place}: {rest}" if place else rest


def _listed(value: object) -> str:
    """A value; of many, such as the keys of rows, the first ten and how many there are more."""
    if not isinstance(value, tuple):
        return str(value)
    texts = [_listed(part) for part in value[:LISTED]]
    if len(value) > LISTED:
        return f"{', '.join(texts)} and {len(value) - LISTED:,} more"
    return texts[0] if len(texts) == 1 else f"({', '.join(texts)})"
