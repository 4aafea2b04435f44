"""Plan of an attempt: from findings to repairs, the cheapest remedy first, within a budget. Pure.

What lies in S3 already costs nothing and goes first: lost ingest objects are brought back, unprocessed ones processed,
broken partitions made again from them. Only what none of these can bring is asked of the source, the oldest first:
neighbouring gaps of one entity in one call. What the budget does not allow is deferred, with the reason. Tables take
turns at it (``repairs.turns``), and what no attempt of the run tried yet goes before what one did, so that nothing
waits for ever beside what no repair heals.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from operator import attrgetter

from auditor.repairs.draft import Draft, Plan, PlanContext, Unrepairable, chunks
from auditor.repairs.history.ask_history import Gaps, ask_again, ask_history, compare, gaps_of
from auditor.repairs.remedies import (
    LAST,
    ByKey,
    broken_sources,
    has_source,
    lacking_objects,
    lacks_columns,
    objects_ahead,
    parent_of,
)
from auditor.repairs.turns.items import RESTATED, items_of, place_of, queue_of
from auditor.repairs.turns.queues import Item, Queue, fair_parts, for_now, in_turn, place_after
from core.audit.findings import (
    BrokenPartition,
    BrokenRule,
    DeadLetters,
    DeletedRows,
    DisputedValue,
    Finding,
    HaltedObject,
    LostObject,
    MissingObject,
    MovedRows,
    OrphanKeys,
    OutdatedPartition,
    RefusedRows,
    UnprocessedObject,
    UnreadableTable,
    UnreferencedObjects,
    WrongParameter,
    size_of,
)
from core.audit.repair_jobs import (
    ExtractAgain,
    FetchRows,
    PutParameters,
    Redrive,
    Reprocess,
    Restate,
    Revive,
    Vacuum,
)
from core.landing.ingest_objects import TableObject

OBJECTS_PER_JOB = 100
PARTITIONS_PER_JOB = 50
KEYS_PER_JOB = 2_000
RESTATED_AFTER = {"fact": 0, "calendar": 1, "dimension": 1, "rollup": 2}  # kinds of tables, in order
HOLE = "missing_object"
MARKED = ("deleted_row", "moved_row")
COMPLETION = "complete_rows"
KEPT = 10  # one in so many of the budget is kept for what is only completed or cleared away, or it would never come


def plan_repairs(findings: Sequence[Finding], context: PlanContext) -> Plan:
    """The repairs of one attempt, in the order in which they may begin."""
    draft = Draft(context)
    _give_up(draft, findings)
    work = _work_of(draft, findings)
    budget = context.budget
    fixed = len({(finding.kind, finding.dataset) for finding in _of(findings, DeadLetters, WrongParameter)})
    needs = {
        "revive": _jobs(work.lost, budget.objects),
        "reprocess": _jobs(work.unprocessed, budget.objects),
        "restate": _jobs(work.broken, budget.partitions),
        "extract_again": _jobs(work.holes, budget.objects),
        "fetch_rows": _jobs(work.rows, budget.rows),
        "fetch_history": min(work.gaps.jobs, budget.jobs),
        COMPLETION: _jobs(work.incomplete, budget.rows),
        "vacuum": _jobs(work.unreferenced, budget.partitions),
    }
    draft.parts = fair_parts(needs, context.jobs - fixed)
    revived = _revive(draft, work)
    _reprocess(draft, work.unprocessed)
    _put_right(draft, findings)
    _restate(draft, work)
    _extract(draft, work, findings, revived)
    kept = _kept(budget.rows, work.incomplete)
    most = for_now(budget.rows - kept, len(work.rows), work.later)
    _fetch_rows(draft, "fetch_rows", work.rows, findings, most)
    ask_history(draft, work.gaps)
    room = context.jobs - draft.parts[COMPLETION] - draft.parts["vacuum"]
    compare(draft, most_jobs=room)
    ask_again(draft, most_jobs=room)
    _fetch_rows(draft, COMPLETION, work.incomplete, findings, budget.rows - draft.rows)
    _vacuum(draft, work)
    return draft.plan()


def _of(findings: Sequence[Finding], *kinds: type) -> list:  # type: ignore[type-arg]
    return [finding for finding in findings if isinstance(finding, kinds)]


def _give_up(draft: Draft, findings: Sequence[Finding]) -> None:
    """Say of what no repair can heal why that is so."""
    for finding in findings:
        if isinstance(finding, HaltedObject):
            draft.unrepairable.append(Unrepairable(finding, finding.kind, finding.reason))
        elif isinstance(finding, UnreadableTable):
            draft.unrepairable.append(Unrepairable(finding, finding.kind, finding.problem))
        elif isinstance(finding, RefusedRows):
            reason = "; ".join(finding.reasons) or "they lie in quarantine"
            draft.unrepairable.append(Unrepairable(finding, finding.kind, reason))


# ---------------------------------------------------------------- what there is to be done


@dataclass
class _Work:
    """The queues of each kind of work; ``gone`` are objects that were never processed, as holes are.

    ``later`` is how many queues of rows wait for the next attempt, whose partitions are made again in this one.
    """

    lost: list[Queue]
    unprocessed: list[Queue]
    broken: list[Queue]
    holes: list[Queue]
    rows: list[Queue]
    incomplete: list[Queue]
    unreferenced: list[Queue]
    gone: list[Queue]
    gaps: Gaps
    later: int


def _work_of(draft: Draft, findings: Sequence[Finding]) -> _Work:
    context = draft.context
    gone, holes = _queues_of_holes(_of(findings, MissingObject), context)
    lost = _queues(_of(findings, LostObject), context, OBJECTS_PER_JOB)
    return _Work(
        lost=[*lost, *_queues_ahead(findings, context), *gone],
        unprocessed=_queues(_of(findings, UnprocessedObject), context, OBJECTS_PER_JOB),
        broken=_queues(_broken_partitions(draft, findings), context, PARTITIONS_PER_JOB),
        holes=holes,
        rows=_queues(_fetched(draft, findings), context, KEYS_PER_JOB),
        incomplete=_queues(_of(findings, *LAST), context, KEYS_PER_JOB),
        unreferenced=_queues(_of(findings, UnreferencedObjects), context, PARTITIONS_PER_JOB),
        gone=gone,
        gaps=gaps_of(draft, findings),
        later=len(_later_rows(draft, findings)),
    )


def _queues(findings: Iterable[Finding], context: PlanContext, per_job: int) -> list[Queue]:
    """A queue for each kind and place, in the order of the findings."""
    items: dict[tuple[str, str, str, str], list[Item]] = {}
    for finding in findings:
        space, of_finding = items_of(finding, context.contracts)
        items.setdefault((finding.dataset, finding.kind, place_of(finding), space), []).extend(of_finding)
    queues = []
    for (dataset, kind, place, space), waiting in items.items():
        queue = Queue(dataset, kind, place, waiting, per_job, space)
        tried = context.tried.get(space, set())
        queues.append(replace(queue, items=in_turn(waiting, context.place_of(queue.name), tried=tried)))
    return queues


def _queues_of_holes(findings: Sequence[MissingObject], context: PlanContext) -> tuple[list[Queue], list[Queue]]:
    """Holes that are looked for among S3's old versions, and those of which this run did so and that are extracted.

    Both in one order of turns, which goes on behind what was extracted.
    """
    gone, holes = [], []
    looked_for = context.tried.get("revive", set())
    for queue in _queues(findings, context, 1):
        keys = {item: (_key_of(queue, item),) for item in queue.items}
        revived = {item for item, key in keys.items() if key in looked_for}
        unseen = [item for item in queue.items if item not in revived]
        place = (queue.dataset, queue.kind, queue.place)
        gone.append(Queue(*place, unseen, OBJECTS_PER_JOB, queue.space))
        holes.append(Queue(*place, [item for item in queue.items if item in revived], 1, queue.space))
    return [queue for queue in gone if queue.items], [queue for queue in holes if queue.items]


def _key_of(queue: Queue, item: Item) -> str:
    return TableObject(queue.dataset, queue.place, int(str(item[0]))).key


def _queues_ahead(findings: Sequence[Finding], context: PlanContext) -> list[Queue]:
    """The objects that an id beyond the newest object speaks of: looked for once, before it is put right."""
    ahead: dict[str, list[Item]] = {}
    for finding in findings if context.attempt == 1 else ():
        if isinstance(finding, WrongParameter):
            ahead.setdefault(finding.dataset, []).extend((key,) for key in objects_ahead(finding))
    return [Queue(dataset, "wrong_parameter", "", keys, OBJECTS_PER_JOB) for dataset, keys in ahead.items() if keys]


def _jobs(queues: Sequence[Queue], most: int) -> int:
    """The jobs that these queues need, within a budget of so many items."""
    per_job = max((queue.per_job for queue in queues), default=1)
    return min(sum(queue.jobs for queue in queues), most, most // per_job + len(queues))


def _kept(most: int, queues: Sequence[Queue]) -> int:
    """What of a budget is kept for those who come last."""
    return min(most // KEPT, sum(len(queue.items) for queue in queues))


def _choose(draft: Draft, step: str, queues: Sequence[Queue], most: int, what: str) -> dict[str, Sequence[Item]]:
    """What of each queue, by its name, is repaired now; the others are deferred."""
    chosen = draft.share(step, queues, most=most)
    is_spent = sum(map(len, chosen.values())) >= most
    why = f"over the budget of {most} {what} a run" if is_spent else "over the jobs that one plan may have"
    for queue in queues:
        draft.defer(queue.kind, len(queue.items) - len(chosen[queue.name]), why, queue.place)
    return chosen


# ---------------------------------------------------------------- what lies in S3


def _revive(draft: Draft, work: _Work) -> Mapping[str, Sequence[Item]]:
    """Bring back objects that are gone, processed or not; what was not processed is extracted again then."""
    chosen = _choose(draft, "revive", work.lost, draft.budget.objects, "objects")
    keys: dict[str, list[str]] = {}
    for queue in work.lost:
        now = chosen[queue.name]
        is_hole = queue.kind == HOLE
        keys.setdefault(queue.dataset, []).extend(_key_of(queue, item) if is_hole else str(item[0]) for item in now)
        if not is_hole:
            draft.keep_place(queue, now)
    for dataset, objects in keys.items():
        draft.repairs += [Revive(dataset, tuple(part)) for part in chunks(sorted({*objects}), OBJECTS_PER_JOB)]
    return chosen


def _reprocess(draft: Draft, queues: Sequence[Queue]) -> None:
    chosen = _choose(draft, "reprocess", queues, draft.budget.objects, "objects")
    keys: dict[str, list[str]] = {}
    for queue in queues:
        keys.setdefault(queue.dataset, []).extend(str(item[0]) for item in chosen[queue.name])
        draft.keep_place(queue, chosen[queue.name])
    for dataset, objects in keys.items():
        draft.repairs += [Reprocess(dataset, tuple(part)) for part in chunks(sorted({*objects}), OBJECTS_PER_JOB)]


def _put_right(draft: Draft, findings: Sequence[Finding]) -> None:
    """Parameters that are wrong, but for an id whose objects may yet come back; and dead letters."""
    is_first = draft.context.attempt == 1
    for dataset in dict.fromkeys(finding.dataset for finding in findings if isinstance(finding, WrongParameter)):
        wrong: list[WrongParameter] = [each for each in _of(findings, WrongParameter) if each.dataset == dataset]
        hopeful = {each.name.rpartition("/")[0] for each in wrong if is_first and objects_ahead(each)}
        now = [each for each in wrong if each.name.rpartition("/")[0] not in hopeful]
        if now:
            draft.repairs.append(PutParameters(dataset, tuple((each.name, each.stored, each.right) for each in now)))
        draft.defer("wrong_parameter", len(wrong) - len(now), "the objects that they speak of are looked for first")
    for letters in _of(findings, DeadLetters):
        draft.repairs.append(Redrive(letters.dataset, letters.messages))


def _restate(draft: Draft, work: _Work) -> None:
    """Make partitions again, facts first: what is derived from them is made again after them."""
    most = draft.budget.partitions - _kept(draft.budget.partitions, work.unreferenced)
    chosen = _choose(draft, "restate", work.broken, most, "partitions")
    paths: dict[tuple[str, str], set[str]] = {}
    for queue in work.broken:
        now, table = chosen[queue.name], queue.space.removeprefix("restate/")
        is_of_parent = queue.kind == "orphan_key"
        dataset = draft.context.contracts.table(table).dataset if is_of_parent else queue.dataset
        paths.setdefault((dataset, table), set()).update(str(item[0]) for item in now)
        draft.keep_place(queue, now)
    ranks = {name: RESTATED_AFTER[draft.context.contracts.table(name[1]).kind] for name in paths}
    for name in sorted(paths, key=lambda name: (ranks[name], name)):
        draft.repairs += [Restate(*name, tuple(part)) for part in chunks(sorted(paths[name]), PARTITIONS_PER_JOB)]


def _broken_partitions(draft: Draft, findings: Sequence[Finding]) -> Iterator[Finding]:
    """The findings whose partitions can be made again now."""
    context = draft.context
    incomplete = lacking_objects(findings, context.contracts) if context.attempt == 1 else set()
    unfilled = lacks_columns(findings, context.contracts)
    for finding in findings:
        if isinstance(finding, BrokenPartition) and finding.dataset in incomplete:
            draft.defer(finding.kind, 1, "the ingest objects that it is made of are brought back first", finding.table)
        elif isinstance(finding, OutdatedPartition) and (finding.dataset, finding.table) in unfilled:
            draft.defer(finding.kind, 1, "what its ingest objects lack is fetched from the source first", finding.table)
        elif reason := _beyond_restating(finding, context):
            draft.unrepairable.append(Unrepairable(finding, finding.kind, reason))
        elif isinstance(finding, RESTATED) or (
            isinstance(finding, OrphanKeys) and not has_source(context.contracts, parent_of(finding, context.contracts))
        ):
            yield finding


def _beyond_restating(finding: Finding, context: PlanContext) -> str:
    """Why the partition has been made again in this run and is no better; empty where it may yet be."""
    if not isinstance(finding, BrokenRule | DisputedValue):
        return ""
    space, items = items_of(finding)
    if context.tried.get(space, set()).isdisjoint(items):
        return ""
    if isinstance(finding, BrokenRule):
        return f"{finding.rows} rows, such as {finding.example}, come so from their ingest objects"
    return "the ingest objects hold what the provider now contradicts"


def _vacuum(draft: Draft, work: _Work) -> None:
    """Clear away what nothing points to, last of all: it is needed for nothing, and nothing waits for it."""
    restated = sum(len(repair.partitions) for repair in draft.repairs if isinstance(repair, Restate))
    most = max(0, draft.budget.partitions - restated)
    chosen = _choose(draft, "vacuum", work.unreferenced, most, "partitions")
    for queue in sorted(work.unreferenced, key=attrgetter("name")):
        draft.keep_place(queue, chosen[queue.name])
        for part in chunks([str(item[0]) for item in chosen[queue.name]], PARTITIONS_PER_JOB):
            draft.repairs.append(Vacuum(queue.dataset, queue.place, tuple(part)))


# ---------------------------------------------------------------- what only the source has: databases


def _extract(draft: Draft, work: _Work, findings: Sequence[Finding], revived: Mapping[str, Sequence[Item]]) -> None:
    """Extract the intervals of holes of which no old version came back."""
    chosen = _choose(draft, "extract_again", work.holes, draft.budget.objects, "objects")
    holes = {(each.dataset, each.table, each.number): each for each in _of(findings, MissingObject)}
    for queue in work.holes:
        for item in chosen[queue.name]:
            hole = holes[queue.dataset, queue.place, item[0]]
            draft.repairs.append(ExtractAgain(hole.dataset, hole.table, hole.start, hole.end, hole.number))
    for name in dict.fromkeys(queue.name for queue in (*work.gone, *work.holes)):
        of_name = [queue for queue in (*work.gone, *work.holes) if queue.name == name]
        had = {*draft.context.tried.get(of_name[0].space, ()), *chosen.get(name, ())}
        items = [item for queue in of_name for item in queue.items]
        looked_for = revived.get(name, ()) if draft.context.attempt == 1 else ()  # the next attempt extracts them
        if not {*items} <= {*had, *looked_for}:
            draft.places[name] = place_after(replace(of_name[0], items=items), draft.context.place_of(name), had)


def _fetched(draft: Draft, findings: Sequence[Finding]) -> Iterator[Finding]:
    """The findings whose rows are fetched by key now; orphans' parents are, once."""
    contracts = draft.context.contracts
    later = _later_rows(draft, findings)
    for finding in findings:
        if isinstance(finding, OrphanKeys) and has_source(contracts, parent_of(finding, contracts)):
            space, items = items_of(finding, contracts)
            if draft.context.tried.get(space, set()).issuperset(items):
                reason = "the source does not have the parents either"
                draft.unrepairable.append(Unrepairable(finding, finding.kind, reason))
            else:
                yield finding
        elif isinstance(finding, ByKey) and not isinstance(finding, LAST):
            if queue_of(finding) in later:
                draft.defer(finding.kind, len(finding.keys), "their partition is made again first", finding.table)
            else:
                yield finding


def _later_rows(draft: Draft, findings: Sequence[Finding]) -> set[str]:
    """The queues of rows whose partition is made again in this attempt, before anything of it is asked for."""
    broken = broken_sources(findings, draft.context.contracts) if draft.context.attempt == 1 else set()
    rows = (finding for finding in findings if isinstance(finding, ByKey) and not isinstance(finding, LAST))
    return {queue_of(finding) for finding in rows if (finding.dataset, finding.table) in broken}


def _fetch_rows(draft: Draft, step: str, queues: Sequence[Queue], findings: Sequence[Finding], most: int) -> None:
    """Fetch rows by key, and mark those that are gone or moved by the version that is held of them."""
    chosen = _choose(draft, step, queues, max(0, most), "rows")
    hints = _hints(findings)
    for queue in queues:
        now = chosen[queue.name]
        draft.rows += len(now) if queue.kind != "orphan_key" else 0  # which are few, and no findings of rows
        draft.keep_place(queue, now)
        table = queue.space.removeprefix("fetch_rows/")
        if queue.kind not in MARKED:
            draft.repairs += [FetchRows(queue.dataset, table, tuple(keys)) for keys in chunks(now, KEYS_PER_JOB)]
            continue
        for part in chunks(now, KEYS_PER_JOB):
            held = [(key, *hint) for key in part for hint in hints[queue.name, key]]
            keys, versions, checked = zip(*held, strict=True)
            draft.repairs.append(FetchRows(queue.dataset, table, keys, True, versions, checked))
    for finding in findings if step == COMPLETION else ():
        if isinstance(finding, LAST):
            why = "the next audits go on with them"
            draft.defer(finding.kind, size_of(finding) - len(finding.keys), why, finding.table)


def _hints(findings: Sequence[Finding]) -> dict[tuple[str, Item], dict[tuple[str, str], None]]:
    """The versions that are held of each row that is gone or moved, and when they were fetched, by queue and key.

    There are several where several facts are made of a source table.
    """
    hints: dict[tuple[str, Item], dict[tuple[str, str], None]] = {}
    for finding in findings:
        if isinstance(finding, DeletedRows | MovedRows):
            held = zip_longest(finding.keys, finding.versions, finding.checked, fillvalue="")
            for key, version, checked in held:
                hints.setdefault((queue_of(finding), tuple(key)), {})[version, checked] = None
    return hints
