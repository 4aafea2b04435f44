"""Plan of an attempt: from findings to repairs, the cheapest remedy first, within a budget. Pure.

What lies in S3 already costs nothing and goes first: lost ingest objects are brought back, unprocessed ones processed,
broken partitions made again from them. Only what none of these can bring is asked of the source, the oldest first:
neighbouring gaps of one entity in one call. What the budget does not allow is deferred, with the reason.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from operator import attrgetter

import numpy as np

from auditor.evidence.doubts import Doubt
from auditor.repairs.history_calls import CallPlanner, HistoryCallPlan, plan_calls
from auditor.repairs.ranges import without
from auditor.repairs.remedies import (
    LAST,
    ByKey,
    broken_sources,
    fetch_rows,
    has_source,
    lacking_objects,
    lacks_columns,
    objects_ahead,
)
from auditor.services import Budget
from core.audit.findings import (
    BrokenPartition,
    BrokenRule,
    DeadLetters,
    DisputedValue,
    Finding,
    HaltedObject,
    LostObject,
    MissingObject,
    MissingPoints,
    OrphanKeys,
    OutdatedPartition,
    RefusedRows,
    StaleDerived,
    UnprocessedObject,
    UnreadableTable,
    UnreferencedObjects,
    WrongParameter,
    size_of,
)
from core.audit.history import NEAR, KnownValue, Ranges
from core.audit.repair_jobs import (
    Compare,
    ExtractAgain,
    FetchHistory,
    FetchRows,
    PutParameters,
    Redrive,
    Repair,
    Reprocess,
    Restate,
    Revive,
    Vacuum,
)
from core.contract.model import Contracts, Feed, Table, TradingCalendar
from core.feeds.calendar import FOREVER, validity
from core.feeds.grid import expected_slots, steps_of
from core.feeds.partitions import covers
from core.feeds.providers import history_delay, plan_of
from core.landing.ingest_objects import TableObject

OBJECTS_PER_JOB = 100
RANGES_PER_JOB = 60
PARTITIONS_PER_JOB = 50
KEYS_PER_JOB = 2_000
RESTATED_AFTER = {"fact": 0, "calendar": 1, "dimension": 1, "rollup": 2}  # kinds of tables, in order
REPAIR_MINUTES = 5  # of calls that one run may take of the provider's rate


@dataclass(frozen=True, slots=True)
class Deferred:
    """Findings that no repair of this run takes up, and why. ``entity`` is empty where there is none."""

    kind: str
    entity: str
    count: int
    why: str


@dataclass(frozen=True, slots=True)
class Unrepairable:
    """A finding that no repair can heal; ``cause`` is what the admins are told of."""

    finding: Finding
    cause: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """``repairs`` in the order in which they may begin, ``waiting`` for a later run, ``helpless`` against any repair.

    ``calls`` and ``rows`` are what the repairs cost of the run's budget.
    """

    repairs: tuple[Repair, ...] = ()
    waiting: tuple[Deferred, ...] = ()
    helpless: tuple[Unrepairable, ...] = ()
    calls: int = 0
    rows: int = 0


@dataclass(frozen=True, slots=True)
class PlanContext:
    """Circumstances that a plan depends on beside the findings.

    ``attempt`` counts from 1: what lies in S3 had its chance in the first. ``refused`` are the entities whose history
    the provider refuses (``*``: all of them), with the reason. ``sample`` is to be compared if calls are left for it,
    and ``rechecks`` are to be asked for. ``doubts`` are points that were asked for just now, and wait. ``now`` (epoch
    seconds, 0: not known) tells what the provider has published by its contract's ``delay``. ``known`` are values of
    entities near what is missing, which go with its calls.
    """

    contracts: Contracts
    attempt: int = 1
    budget: Budget = field(default_factory=Budget)
    refused: Mapping[str, str] = field(default_factory=dict)
    sample: tuple[Compare, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    rechecks: tuple[FetchHistory, ...] = ()
    now: int = 0
    known: Mapping[str, tuple[KnownValue, ...]] = field(default_factory=dict)


class _Draft:
    """A plan in the making."""

    def __init__(self, budget: Budget) -> None:
        self.repairs: list[Repair] = []
        self.deferred: list[Deferred] = []
        self.unrepairable: list[Unrepairable] = []
        self.calls = 0
        self.rows = 0
        self.budget = budget

    def defer(self, kind: str, count: int, why: str, entity: str = "") -> None:
        if count:
            self.deferred.append(Deferred(kind, entity, count, why))


def plan_repairs(findings: Sequence[Finding], context: PlanContext) -> Plan:
    """The repairs of one attempt, in the order in which they may begin."""
    draft = _Draft(context.budget)
    _revive(draft, findings, context)
    _objects(draft, _of(findings, UnprocessedObject), Reprocess, "unprocessed_object")
    draft.unrepairable += [Unrepairable(halted, halted.kind, halted.reason) for halted in _of(findings, HaltedObject)]
    unreadable = _of(findings, UnreadableTable)
    draft.unrepairable += [Unrepairable(finding, finding.kind, finding.problem) for finding in unreadable]
    refused: list[RefusedRows] = _of(findings, RefusedRows)
    draft.unrepairable += [
        Unrepairable(rows, rows.kind, "; ".join(rows.reasons) or "they lie in quarantine") for rows in refused
    ]
    _put_right(draft, findings, context)
    _restate(draft, findings, context)
    _extract(draft, findings, context)
    _ask_history(draft, findings, context)
    _compare(draft, context)
    _ask_again(draft, context)
    for kind in LAST:
        for rows in _of(findings, kind):
            _fetch_rows(draft, rows)
    _vacuum(draft, _of(findings, UnreferencedObjects))
    return Plan(tuple(draft.repairs), tuple(draft.deferred), tuple(draft.unrepairable), draft.calls, draft.rows)


def _of(findings: Sequence[Finding], *kinds: type) -> list:  # type: ignore[type-arg]
    return [finding for finding in findings if isinstance(finding, kinds)]


# ---------------------------------------------------------------- what lies in S3


def _revive(draft: _Draft, findings: Sequence[Finding], context: PlanContext) -> None:
    """Objects that are gone, processed or not; what was not processed has one attempt, and is extracted again then."""
    lost: list[LostObject] = _of(findings, LostObject)
    if context.attempt == 1:
        for finding in findings:
            if isinstance(finding, MissingObject):
                lost.append(
                    LostObject(finding.dataset, TableObject(finding.dataset, finding.table, finding.number).key)
                )
            elif isinstance(finding, WrongParameter):
                lost += [LostObject(finding.dataset, key) for key in objects_ahead(finding)]
    _objects(draft, lost, Revive, "lost_object")


def _put_right(draft: _Draft, findings: Sequence[Finding], context: PlanContext) -> None:
    """Parameters that are wrong, but for an id whose objects may yet come back; and dead letters."""
    for dataset in dict.fromkeys(finding.dataset for finding in findings if isinstance(finding, WrongParameter)):
        wrong: list[WrongParameter] = [each for each in _of(findings, WrongParameter) if each.dataset == dataset]
        hopeful = {each.name.rpartition("/")[0] for each in wrong if context.attempt == 1 and objects_ahead(each)}
        now = [each for each in wrong if each.name.rpartition("/")[0] not in hopeful]
        if now:
            draft.repairs.append(PutParameters(dataset, tuple((each.name, each.stored, each.right) for each in now)))
        draft.defer("wrong_parameter", len(wrong) - len(now), "the objects that they speak of are looked for first")
    for letters in _of(findings, DeadLetters):
        draft.repairs.append(Redrive(letters.dataset, letters.messages))


def _objects(
    draft: _Draft,
    findings: Sequence[LostObject | UnprocessedObject],
    repair: Callable[[str, tuple[str, ...]], Repair],
    kind: str,
) -> None:
    for dataset in dict.fromkeys(finding.dataset for finding in findings):
        keys = sorted(finding.key for finding in findings if finding.dataset == dataset)
        now = keys[: draft.budget.objects]
        for chunk in _chunks(now, OBJECTS_PER_JOB):
            draft.repairs.append(repair(dataset, tuple(chunk)))
        draft.defer(kind, len(keys) - len(now), f"over the budget of {draft.budget.objects} objects a run")


def _restate(draft: _Draft, findings: Sequence[Finding], context: PlanContext) -> None:
    """Facts first: what is derived from them is made again after them."""
    paths: dict[tuple[str, str], set[str]] = {}
    for dataset, table, path in _broken_partitions(draft, findings, context):
        paths.setdefault((dataset, table), set()).add(path)
    ranks = {name: RESTATED_AFTER[context.contracts.table(name[1]).kind] for name in paths}
    count = 0
    for name in sorted(paths, key=lambda name: (ranks[name], name)):
        now = sorted(paths[name])[: max(0, draft.budget.partitions - count)]
        count += len(now)
        for chunk in _chunks(now, PARTITIONS_PER_JOB):
            draft.repairs.append(Restate(*name, tuple(chunk)))
        why = f"over the budget of {draft.budget.partitions} partitions a run"
        draft.defer("broken_object", len(paths[name]) - len(now), why)


def _broken_partitions(
    draft: _Draft, findings: Sequence[Finding], context: PlanContext
) -> Iterator[tuple[str, str, str]]:
    """Dataset, table and path of the partitions to be made again now."""
    incomplete = lacking_objects(findings, context.contracts) if context.attempt == 1 else set()
    unfilled = lacks_columns(findings, context.contracts)
    for finding in findings:
        if isinstance(finding, BrokenPartition) and finding.dataset in incomplete:
            draft.defer("broken_object", 1, "the ingest objects that it is made of are brought back first")
        elif isinstance(finding, OutdatedPartition) and (finding.dataset, finding.table) in unfilled:
            draft.defer(finding.kind, 1, "what its ingest objects lack is fetched from the source first")
        elif reason := _beyond_restating(finding, context.attempt):
            draft.unrepairable.append(Unrepairable(finding, finding.kind, reason))
        elif isinstance(finding, BrokenPartition | OutdatedPartition | StaleDerived | BrokenRule | DisputedValue):
            yield finding.dataset, finding.table, finding.partition
        elif isinstance(finding, OrphanKeys):
            parent = _parent_of(finding, context.contracts)
            if not has_source(context.contracts, parent):
                yield parent.dataset, parent.name, ""


def _beyond_restating(finding: Finding, attempt: int) -> str:
    """Why the partition has been made again and is no better; empty where it may yet be."""
    if isinstance(finding, BrokenRule) and attempt > 1:
        return f"{finding.rows} rows, such as {finding.example}, come so from their ingest objects"
    if isinstance(finding, DisputedValue) and attempt > 2:  # known after the first attempt, so the second restates
        return "the ingest objects hold what the provider now contradicts"
    return ""


def _parent_of(finding: OrphanKeys, contracts: Contracts) -> Table:
    """The dimension that the orphan keys refer to."""
    return contracts.table(finding.references.partition(".")[0])


def _vacuum(draft: _Draft, unreferenced: Sequence[UnreferencedObjects]) -> None:
    """Last of all: what is removed is needed for nothing, and nothing waits for it."""
    left = draft.budget.partitions - sum(
        len(repair.partitions) for repair in draft.repairs if isinstance(repair, Restate)
    )
    now = unreferenced[: max(0, left)]
    table_of = attrgetter("dataset", "table")
    for (dataset, table), findings in groupby(sorted(now, key=table_of), key=table_of):
        for paths in _chunks([finding.partition for finding in findings], PARTITIONS_PER_JOB):
            draft.repairs.append(Vacuum(dataset, table, tuple(paths)))
    draft.defer("unreferenced_object", len(unreferenced) - len(now), "over the budget of partitions a run")


# ---------------------------------------------------------------- what only the source has: databases


def _extract(draft: _Draft, findings: Sequence[Finding], context: PlanContext) -> None:
    """Holes by their interval once no old version came back; rows by key; orphans' parents, once."""
    broken = broken_sources(findings, context.contracts) if context.attempt == 1 else set()
    for finding in findings:
        if isinstance(finding, MissingObject):
            if context.attempt > 1:
                draft.repairs.append(
                    ExtractAgain(finding.dataset, finding.table, finding.start, finding.end, finding.number)
                )
        elif isinstance(finding, ByKey) and not isinstance(finding, LAST):
            if (finding.dataset, finding.table) in broken:
                draft.defer(finding.kind, len(finding.keys), "their partition is made again first")
            else:
                _fetch_rows(draft, finding)
        elif isinstance(finding, OrphanKeys):
            _fetch_parents(draft, finding, context)


def _fetch_rows(draft: _Draft, finding: ByKey) -> None:
    left = max(0, draft.budget.rows - draft.rows)
    now = len(finding.keys[:left])
    for first in range(0, now, KEYS_PER_JOB):
        draft.repairs.append(fetch_rows(finding, first, min(now, first + KEYS_PER_JOB)))
    draft.rows += now
    draft.defer(finding.kind, size_of(finding) - now, f"over the budget of {draft.budget.rows} rows a run")


def _fetch_parents(draft: _Draft, finding: OrphanKeys, context: PlanContext) -> None:
    parent = _parent_of(finding, context.contracts)
    if not has_source(context.contracts, parent):
        return
    if context.attempt > 1:
        draft.unrepairable.append(Unrepairable(finding, "orphan_key", "the source does not have the parents either"))
    else:
        draft.repairs.append(FetchRows(parent.dataset, parent.source, tuple((key,) for key in finding.keys)))


# ---------------------------------------------------------------- what only the source has: feeds


def _ask_history(draft: _Draft, findings: Sequence[Finding], context: PlanContext) -> None:
    missing = _of(findings, MissingPoints)
    for dataset in dict.fromkeys(points.dataset for points in missing):
        of_dataset = [points for points in missing if points.dataset == dataset]
        if context.attempt == 1 and (pending := _pending_objects(findings, dataset)):
            why = f"{pending} are processed first; they may hold them"
            for points in of_dataset:
                draft.defer("missing_point", points.points, why, points.entity)
            continue
        _ask_dataset(draft, dataset, of_dataset, findings, context)


def _pending_objects(findings: Sequence[Finding], dataset: str) -> str:
    count = sum(1 for finding in findings if isinstance(finding, UnprocessedObject) and finding.dataset == dataset)
    return f"{count} ingest objects without a receipt" if count else ""


def _ask_dataset(
    draft: _Draft,
    dataset: str,
    missing: Sequence[MissingPoints],
    findings: Sequence[Finding],
    context: PlanContext,
) -> None:
    feed = context.contracts.feed(dataset)
    calendar = context.contracts.calendar(feed.calendar)
    waiting, unpublished = _waiting(context), _unpublished(feed, context)
    rebuilt_facts = _rebuilt_facts(dataset, findings, context)
    calls_of = CallPlanner(feed, calendar)
    gaps: list[HistoryCallPlan] = []
    for finding in missing:
        refusal = _refusal(finding.entity, context)
        if refusal:
            draft.unrepairable.append(Unrepairable(finding, "not_entitled", refusal))
            continue
        ranges, rebuilt = _split_rebuilt(finding, feed, calendar, rebuilt_facts)
        draft.defer("missing_point", rebuilt, "their partition is made again first", finding.entity)
        calls = calls_of(finding.entity, ranges)
        for taken, why in (
            (unpublished, "the provider publishes them later (delay)"),
            (waiting.get(finding.entity, ()), "the source has just been asked"),
        ):
            ranges = without(ranges, taken)
            asked = calls_of(finding.entity, ranges) if taken else calls
            points = sum(call.points for call in calls) - sum(call.points for call in asked)
            draft.defer("missing_point", points, why, finding.entity)
            calls = asked
        gaps += calls
    allowed = _allowed_calls(draft, feed)
    current = _current(feed)
    chosen: dict[tuple[str, int], list[HistoryCallPlan]] = {}
    late: dict[str, int] = {}
    jobs = 0
    for gap in sorted(gaps, key=lambda gap: (gap.start, gap.entity)):
        fits = draft.calls < allowed and draft.rows + gap.points <= draft.budget.rows
        job = gap.entity, _former(gap, feed, current)
        new_job = len(chosen.get(job, ())) % RANGES_PER_JOB == 0
        if not fits or (new_job and len(draft.repairs) + jobs >= draft.budget.jobs):
            late[gap.entity] = late.get(gap.entity, 0) + gap.points
            continue
        jobs += new_job
        chosen.setdefault(job, []).append(gap)
        draft.calls += 1
        draft.rows += gap.points
    for (entity, every), of_entity in chosen.items():
        for part in _chunks(of_entity, RANGES_PER_JOB):
            draft.repairs.append(_fetch(dataset, entity, every, part, context))
    why = f"over the budget of {allowed} calls, {draft.budget.rows} rows and {draft.budget.jobs} jobs a run"
    for entity, points in late.items():
        draft.defer("missing_point", points, why, entity)


def _unpublished(feed: Feed, context: PlanContext) -> Ranges:
    """The time of which the provider has no history yet, by what its contract says."""
    delay = int(history_delay(feed.history).total_seconds())
    return ((context.now - delay - feed.every + 1, FOREVER),) if delay and context.now else ()


def _current(feed: Feed) -> frozenset[str]:
    """The entities that have not ended."""
    return frozenset(entity.name for entity in feed.entities if validity(entity)[1] == FOREVER)


def _former(gap: HistoryCallPlan, feed: Feed, current: frozenset[str]) -> int:
    """The gap's cadence where an earlier contract owes it: another one, or of an entity that has ended; else 0."""
    return gap.every if gap.every != feed.every or gap.entity not in current else 0


def _fetch(
    dataset: str, entity: str, every: int, calls: Sequence[HistoryCallPlan], context: PlanContext
) -> FetchHistory:
    """The job of some calls; it says which points it is for where a call covers others too."""
    asked = tuple((call.start, call.end) for call in calls)
    wanted = tuple(pair for call in calls for pair in call.wanted)
    points = sum(call.points for call in calls)
    first, last = min(start for start, _ in asked) - NEAR, max(end for _, end in asked) + NEAR
    feed, cadence = context.contracts.feed(dataset), calls[0].every  # that of all of them
    near = [each for each in context.known.get(entity, ()) if first <= each.slot < last]
    slots, calendar = np.array([each.slot for each in near], np.int64), context.contracts.calendar(feed.calendar)
    steps = steps_of(calendar, slots, every=feed.every).tolist()
    known = tuple(each for each, step in zip(near, steps, strict=True) if step == cadence)
    return FetchHistory(dataset, entity, asked, points, every, () if wanted == asked else wanted, known)


def _waiting(context: PlanContext) -> dict[str, Ranges]:
    waiting: dict[str, Ranges] = {}
    for doubt in context.doubts:
        waiting[doubt.entity] = (*waiting.get(doubt.entity, ()), *doubt.ranges)
    return waiting


def _ask_again(draft: _Draft, context: PlanContext) -> None:
    """Ask for proven absences that have expired, with what calls are left. Nothing waits for it: they are believed."""
    current: dict[str, frozenset[str]] = {}
    for recheck in context.rechecks if context.attempt == 1 else ():
        feed = context.contracts.feed(recheck.dataset)
        if recheck.dataset not in current:
            current[recheck.dataset] = _current(feed)
        if _refusal(recheck.entity, context):
            continue
        calls = plan_calls(recheck.entity, recheck.ranges, feed, context.contracts.calendar(feed.calendar))
        by_cadence = groupby(calls, key=partial(_former, feed=feed, current=current[recheck.dataset]))
        for every, of_cadence in by_cadence:  # what an earlier contract owes is published late, too
            left = min(RANGES_PER_JOB, _allowed_calls(draft, feed) - draft.calls)
            now = list(of_cadence)[: max(0, left)]
            if now and len(draft.repairs) < draft.budget.jobs:
                draft.repairs.append(_fetch(recheck.dataset, recheck.entity, every, now, context))
                draft.calls += len(now)


def _compare(draft: _Draft, context: PlanContext) -> None:
    """Compare the sample with what calls the gaps left. Nothing waits for it: the next windows have a sample too."""
    for compare in context.sample if context.attempt == 1 else ():
        left = _allowed_calls(draft, context.contracts.feed(compare.dataset)) - draft.calls
        ranges = compare.ranges[: max(0, left)]
        if ranges and not _refusal(compare.entity, context) and len(draft.repairs) < draft.budget.jobs:
            draft.repairs.append(replace(compare, ranges=ranges))
            draft.calls += len(ranges)


def _refusal(entity: str, context: PlanContext) -> str:
    """Why the provider refuses the entity's history; empty where it does not."""
    return context.refused.get(entity, context.refused.get("*", ""))


def _allowed_calls(draft: _Draft, feed: Feed) -> int:
    """Calls of the provider that the run may make, by its budget and by the contract's rate."""
    return min(draft.budget.calls, plan_of(feed, feed.history).per_minute * REPAIR_MINUTES)


def _rebuilt_facts(dataset: str, findings: Sequence[Finding], context: PlanContext) -> list[tuple[Table, str]]:
    """The partitions of facts that are made again in this attempt, before anything of them is asked for."""
    if context.attempt > 1:
        return []
    broken = [
        (context.contracts.table(finding.table), finding.partition)
        for finding in findings
        if isinstance(finding, BrokenPartition) and finding.dataset == dataset
    ]
    return [(table, path) for table, path in broken if table.kind == "fact"]


def _split_rebuilt(
    missing_points: MissingPoints, feed: Feed, calendar: TradingCalendar, facts: Sequence[tuple[Table, str]]
) -> tuple[Ranges, int]:
    """The ranges that no partition covers which is made again in this attempt, and how many points the others are."""
    if not facts:
        return missing_points.ranges, 0
    kept = []
    for start, end in missing_points.ranges:
        if not any(
            covers(table, feed, path, entity=missing_points.entity, start=start, end=end) for table, path in facts
        ):
            kept.append((start, end))
    points = sum(len(expected_slots(calendar, every=feed.every, start=start, end=end)) for start, end in kept)
    return tuple(kept), missing_points.points - points if len(kept) < len(missing_points.ranges) else 0


def _chunks(sequence: Sequence, size: int) -> Iterable[Sequence]:  # type: ignore[type-arg]
    return (sequence[first : first + size] for first in range(0, len(sequence), size))
