"""Calls of a provider's history that a plan asks for: the missing points of a feed, its samples, its absences. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from operator import itemgetter

import numpy as np

from auditor.repairs.draft import Draft, PlanContext, Unrepairable, chunks
from auditor.repairs.history.history_calls import CallPlanner, HistoryCallPlan
from auditor.repairs.history.joined_jobs import calls_per_job, join_jobs
from auditor.repairs.ranges import without
from auditor.repairs.turns.queues import Item, Queue, for_now, in_turn
from core.audit.findings import BrokenPartition, Finding, MissingPoints, UnprocessedObject
from core.audit.history import NEAR, Ranges
from core.audit.repair_jobs import Compare, FetchHistory
from core.contract.model import Feed, Table, TradingCalendar
from core.feeds.calendar import FOREVER, validity
from core.feeds.grid import expected_slots, steps_of
from core.feeds.partitions import covers
from core.feeds.providers import history_delay, history_plan

REPAIR_MINUTES = 10  # of calls that one run may take of the provider's rate, beside the live ones
CALLS = "fetch_history"  # the step


@dataclass(frozen=True, slots=True)
class Gaps:
    """The calls that missing points need, by feed, entity and cadence, and the queues that these are."""

    calls: dict[tuple[str, Item], HistoryCallPlan] = field(default_factory=dict)  # by queue and start
    queues: dict[str, list[Queue]] = field(default_factory=dict)  # by feed
    later: dict[str, int] = field(default_factory=dict)  # by feed the entities that wait for the next attempt
    per_job: dict[str, int] = field(default_factory=dict)  # by feed the calls of one job

    @property
    def jobs(self) -> int:
        """The jobs that all of them need."""
        return sum(
            -(-sum(len(queue.items) for queue in queues) // self.per_job[dataset])
            for dataset, queues in self.queues.items()
        )


def gaps_of(draft: Draft, findings: Sequence[Finding]) -> Gaps:
    """The calls for what is missing now; what waits for something else than the budget is deferred."""
    gaps = Gaps()
    missing = [finding for finding in findings if isinstance(finding, MissingPoints)]
    for dataset in dict.fromkeys(points.dataset for points in missing):
        of_dataset = [points for points in missing if points.dataset == dataset]
        if draft.context.attempt == 1 and (pending := _pending_objects(findings, dataset)):
            why = f"{pending} are processed first; they may hold them"
            for points in of_dataset:
                draft.defer("missing_point", points.points, why, points.entity)
            continue
        _add_queues(gaps, draft.context, dataset, _calls(draft, gaps, dataset, of_dataset, findings))
    return gaps


def _pending_objects(findings: Sequence[Finding], dataset: str) -> str:
    count = sum(1 for finding in findings if isinstance(finding, UnprocessedObject) and finding.dataset == dataset)
    return f"{count} ingest objects without a receipt" if count else ""


def _calls(
    draft: Draft, gaps: Gaps, dataset: str, missing: Sequence[MissingPoints], findings: Sequence[Finding]
) -> Iterator[HistoryCallPlan]:
    context = draft.context
    feed = context.contracts.feed(dataset)
    calendar = context.contracts.calendar(feed.calendar)
    waiting, unpublished = _waiting(context), _unpublished(feed, context)
    rebuilt_facts = _rebuilt_facts(dataset, findings, context)
    calls_of = CallPlanner(feed, calendar)
    for finding in missing:
        refusal = _refusal(finding.entity, context)
        if refusal:
            draft.unrepairable.append(Unrepairable(finding, "not_entitled", refusal))
            continue
        ranges, rebuilt = _split_rebuilt(finding, feed, calendar, rebuilt_facts)
        draft.defer("missing_point", rebuilt, "their partition is made again first", finding.entity)
        gaps.later[dataset] = gaps.later.get(dataset, 0) + bool(rebuilt)
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
        yield from calls


def _add_queues(gaps: Gaps, context: PlanContext, dataset: str, calls: Iterator[HistoryCallPlan]) -> None:
    """A queue for each entity, and cadence: its oldest gaps first, but for those that the run has asked for."""
    feed = context.contracts.feed(dataset)
    current = _current(feed)
    gaps.per_job[dataset] = calls_per_job(context.contracts, dataset)
    of_entities: dict[tuple[str, int], dict[Item, HistoryCallPlan]] = {}
    for call in calls:
        of_entities.setdefault((call.entity, _former(call, feed, current)), {})[(call.start,)] = call
    for (entity, every), starts in of_entities.items():
        space = f"{CALLS}/{entity}"
        queue = Queue(
            dataset, "missing_point", f"{entity}@{every}" if every else entity, (), gaps.per_job[dataset], space
        )
        tried = context.tried.get(space, set())
        items = in_turn(starts, context.place_of(queue.name), tried=tried)
        gaps.queues.setdefault(dataset, []).append(replace(queue, items=items))
        gaps.calls.update(((queue.name, start), call) for start, call in starts.items())


def ask_history(draft: Draft, gaps: Gaps) -> None:
    """Ask for gaps as far as calls, points and jobs go: of each entity the oldest first, in turn."""
    for dataset, queues in gaps.queues.items():
        feed, per_job = draft.context.contracts.feed(dataset), gaps.per_job[dataset]
        allowed, most_points = _allowed_calls(draft, feed), draft.budget.points
        chosen = draft.share(
            CALLS,
            queues,
            most=for_now(max(0, allowed - draft.calls), len(queues), gaps.later[dataset]),
            weight=for_now(most_points - draft.rows, len(queues), gaps.later[dataset]),
            weigh=lambda queue, number: gaps.calls[queue.name, queue.items[number]].points,
            per_job=per_job,
        )
        why = f"over the budget of {allowed} calls, {most_points} points and {draft.budget.jobs} jobs a run"
        now: list[list[HistoryCallPlan]] = []
        late: dict[str, int] = {}
        for queue in queues:
            calls = [gaps.calls[queue.name, item] for item in queue.items]
            count = len(chosen[queue.name])
            late[calls[0].entity] = late.get(calls[0].entity, 0) + sum(call.points for call in calls[count:])
            if count:  # who had no turn at all begins at the beginning
                draft.keep_place(queue, chosen[queue.name])
                now.append(calls[:count])
        now.sort(key=lambda calls: _rank(calls, draft.context))
        asked = [call for calls in now for call in calls]
        draft.repairs += _fetches(draft, dataset, asked, per_job)
        draft.rows += sum(call.points for call in asked)
        for entity, points in late.items():
            draft.defer("missing_point", points, why, entity)


def _rank(calls: Sequence[HistoryCallPlan], context: PlanContext) -> tuple[int, list[tuple[int, int]], str]:
    """The order of entities in a plan: behind all others those of which nothing came, the longest ago first."""
    entity = calls[0].entity
    return context.unanswered.get(entity, 0), [(call.start, call.end) for call in calls], entity


def _fetches(draft: Draft, dataset: str, calls: Sequence[HistoryCallPlan], per_job: int) -> Iterator[FetchHistory]:
    """The repairs of calls, of an entity and cadence each, so that they fill jobs; counts the calls."""
    draft.calls += len(calls)
    feed = draft.context.contracts.feed(dataset)
    current = _current(feed)
    for part in chunks(calls, per_job):
        for (entity, every), of_entity in groupby(part, key=lambda call: (call.entity, _former(call, feed, current))):
            yield _fetch(dataset, entity, every, list(of_entity), draft.context)


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


def ask_again(draft: Draft, *, most_jobs: int) -> None:
    """Ask for proven absences that have expired, with what calls are left. Nothing waits for it: they are believed."""
    context = draft.context
    rechecks = [each for each in context.rechecks if context.attempt == 1 and not _refusal(each.entity, context)]
    for dataset in dict.fromkeys(recheck.dataset for recheck in rechecks):
        feed, calendar = (
            context.contracts.feed(dataset),
            context.contracts.calendar(context.contracts.feed(dataset).calendar),
        )
        calls_of, per_job = CallPlanner(feed, calendar), calls_per_job(context.contracts, dataset)
        calls = [
            call
            for recheck in rechecks
            if recheck.dataset == dataset
            for call in calls_of(recheck.entity, recheck.ranges)  # what an earlier contract owes is published late, too
        ]
        draft.repairs += _fetches(draft, dataset, calls[: _left(draft, feed, per_job, most_jobs)], per_job)


def compare(draft: Draft, *, most_jobs: int) -> None:
    """Compare the sample with what calls the gaps left. Nothing waits for it: the next windows have a sample too."""
    context = draft.context
    sample = [each for each in context.sample if context.attempt == 1 and not _refusal(each.entity, context)]
    for dataset in dict.fromkeys(each.dataset for each in sample):
        feed, per_job = context.contracts.feed(dataset), calls_per_job(context.contracts, dataset)
        calls = [(each.entity, pair) for each in sample if each.dataset == dataset for pair in each.ranges]
        calls = calls[: _left(draft, feed, per_job, most_jobs)]
        draft.calls += len(calls)
        for part in chunks(calls, per_job):
            for entity, of_entity in groupby(part, key=itemgetter(0)):
                draft.repairs.append(Compare(dataset, entity, tuple(pair for _, pair in of_entity)))


def _left(draft: Draft, feed: Feed, per_job: int, most_jobs: int) -> int:
    """The calls that are left for what nothing waits for."""
    jobs = min(most_jobs, draft.budget.jobs) - sum(1 for _ in join_jobs(draft.repairs, draft.context.contracts))
    return max(0, min(_allowed_calls(draft, feed) - draft.calls, jobs * per_job))


def _refusal(entity: str, context: PlanContext) -> str:
    """Why the provider refuses the entity's history; empty where it does not."""
    return context.refused.get(entity, context.refused.get("*", ""))


def _allowed_calls(draft: Draft, feed: Feed) -> int:
    """Calls of the provider that the run may make, by its budget and by what live calls leave of the rate."""
    return min(draft.budget.calls, history_plan(draft.context.contracts, feed).per_minute * REPAIR_MINUTES)


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
