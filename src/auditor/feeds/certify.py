"""The end of an audit: certificates for what is whole, a row of ``completeness`` for every window, and the memory.

In this order, and every part safe to do again: certificates, rows, judgement, rollups to make again, state. The state
comes last, so that a step that died on the way finds the same windows before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from auditor.evidence.chain import Chain
from auditor.evidence.windows import DAY, Window, facts_of, partitions_of
from auditor.feeds.choose import RECENT_DAYS, feed_of
from auditor.repairs.execute import attempts_made, make_plan
from auditor.repairs.triage import Judgement, judge
from auditor.run_files import AuditResult, Order, WindowResult, job_key, read_paper, write_paper
from auditor.services import World
from auditor.state import DatasetState, OpenWindow, change_state
from core.audit.certificate import Certificate, LedgerEntry, window_digest, window_name
from core.audit.repair_jobs import Restate, repair_to_data
from core.contract.model import Contract, Feed
from core.feeds.partitions import period_of
from core.json import canonical_json
from core.time import iso

COMPLETENESS = "completeness/"


@dataclass(frozen=True, slots=True)
class Certified:
    """What the end of an audit brought. ``rollups`` are jobs, by key."""

    issued: tuple[Certificate, ...]
    judgement: Judgement
    rollups: tuple[str, ...]
    open: int


def certify(world: World, order: Order, *, attempt: int) -> Certified:
    """End the audit whose last look was number ``attempt``."""
    contract, feed, calendar = feed_of(world, order.dataset)
    result = AuditResult.from_data(read_paper(world.records, order.run, f"audit-{attempt}"))
    label = f"{calendar.name} ({calendar.version})"
    drafts = [_draft(contract, label, order, result, one) for one in result.windows if one.whole]
    chain = Chain(world.records, order.dataset)
    issued = chain.issue(drafts)
    entries = chain.entries([(window_name(result.subject, iso(one.start)), iso(one.start)) for one in result.windows])
    judgement = _judge(world, order, result, feed, attempt)
    _write_rows(world, contract, label, order, result, entries, judgement)
    write_paper(
        world.records,
        order.run,
        "judgement",
        {
            "causes": [one.to_data() for one in judgement.causes],
            "healing": judgement.healing,
            "alarmed": _alarmed(result, judgement),
        },
    )
    rollups = _rollup_jobs(world, contract, feed, order, result)
    certified = {entry.start for entry in entries.values()}
    change_state(
        world.records, order.dataset, lambda before: _next_state(before, world, order, result, judgement, certified)
    )
    return Certified(tuple(issued), judgement, rollups, sum(not one.whole for one in result.windows))


def _draft(contract: Contract, calendar: str, order: Order, result: AuditResult, one: WindowResult) -> Certificate:
    return Certificate(
        dataset=order.dataset,
        subject=result.subject,
        number=0,
        previous="",
        start=iso(one.start),
        end=iso(one.end),
        contract=contract.hash,
        calendar=calendar,
        expected=one.counts["expected"],
        present=one.counts["present"],
        observed=one.counts["observed"],
        repaired=one.counts["repaired"],
        late=one.counts["late"],
        absent=one.counts["absent"],
        missing=one.counts["missing"],
        partitions=one.partitions,
        digest=window_digest(one.partitions),
        verified_at=result.audited_at,
        run=order.run,
        absent_points=one.absent,
        evidence=one.evidence,
    )


def _judge(world: World, order: Order, result: AuditResult, feed: Feed, attempt: int) -> Judgement:
    """In the light of what the next attempt would do: what it would still repair is no reason to give up hope of."""
    return judge(
        result.findings,
        make_plan(world, order, attempt=attempt + 1),
        attempts_made(world, order, attempt=attempt),
        dataset=order.dataset,
        feed=feed,
        now=int(world.now().timestamp()),
    )


def causes_of(one: WindowResult, judgement: Judgement) -> tuple[str, ...]:
    """Why a window is not whole, as far as somebody must hear of it."""
    causes = {judgement.blamed[entity] for entity in one.missing if entity in judgement.blamed}
    kinds = {reason.partition(":")[0] for reason in one.touched_by}
    return tuple(sorted(causes | {name for name in (cause.name for cause in judgement.causes) if name in kinds}))


def _alarmed(result: AuditResult, judgement: Judgement) -> int:
    """Points that are missing and for which the admins are called."""
    findings = [one for one in result.findings if one.kind == "missing_point"]
    return sum(one.points for one in findings if one.entity in judgement.blamed)


# ---------------------------------------------------------------- completeness


def completeness_key(dataset: str, start: int) -> str:
    """``completeness/dataset=<dataset>/day=<yyyy-mm-dd>/<window start>.json``."""
    name = iso(start)
    return f"{COMPLETENESS}dataset={dataset}/day={name[:10]}/{name.replace(':', '').replace('-', '')}.json"


def _write_rows(
    world: World,
    contract: Contract,
    calendar: str,
    order: Order,
    result: AuditResult,
    entries: Mapping[str, LedgerEntry],
    judgement: Judgement,
) -> None:
    """One row per window (``core.landing.records.COMPLETENESS_COLUMNS``), in place of the one of an earlier audit.

    Only of windows that were read to their end: who looked at ten minutes of an hour knows nothing better of the hour.
    """

    def write(one: WindowResult) -> None:
        entry = entries.get(window_name(result.subject, iso(one.start))) if one.whole else None
        status = "certified" if entry else "alarmed" if causes_of(one, judgement) else "open"
        row: dict[str, Any] = {
            "subject": result.subject,
            "window_start": iso(one.start),
            "window_end": iso(one.end),
            "status": status,
            **{name: one.counts[name] for name in ("expected", "present", "observed", "late", "repaired")},
            "absent": one.counts["absent"],
            "missing": one.counts["missing"],
            "certificate": entry.number if entry else None,
            "certificate_hash": entry.hash if entry else None,
            "digest": window_digest(one.partitions),
            "contract_hash": contract.hash,
            "calendar": calendar,
            "audited_at": result.audited_at,
            "run": order.run,
        }
        key = completeness_key(order.dataset, one.start)
        world.records.write(key, canonical_json(row), content_type="application/json")

    with ThreadPoolExecutor(world.limits.workers) as pool:
        list(pool.map(write, [one for one in result.windows if one.was_read]))


# ---------------------------------------------------------------- rollups


def _rollup_jobs(world: World, contract: Contract, feed: Feed, order: Order, result: AuditResult) -> tuple[str, ...]:
    """A job for every rollup of the windows that were read: what does not change makes no version."""
    windows = [Window(one.start, one.end) for one in result.windows if not one.counted]
    facts = {one.name: one for one in facts_of(contract)}
    jobs: list[str] = []
    for table in contract.tables:
        if table.kind != "rollup" or table.source not in facts or not windows:
            continue
        paths = tuple(partitions_of(table, feed, windows, fact=facts[table.source]))
        key = job_key(order.run, 0, len(jobs))
        repair = Restate(contract.dataset, table.name, paths)
        body = canonical_json({"dataset": order.dataset, "run": order.run, "repair": repair_to_data(repair)})
        world.records.write(key, body, content_type="application/json")
        jobs.append(key)
    return tuple(jobs)


# ---------------------------------------------------------------- memory


def _next_state(
    before: DatasetState, world: World, order: Order, result: AuditResult, judgement: Judgement, certified: set[str]
) -> DatasetState:
    """Pure but for the clock. Windows that were looked at in part are open only where somebody was called; those that
    Athena counted, until they are read, if they have no certificate or Athena contradicts it."""
    now = int(world.now().timestamp())
    open_windows = dict(before.open)
    for one in result.windows:
        if one.whole:
            open_windows.pop(one.start, None)
        elif one.counted and not one.counts["missing"] and iso(one.start) in certified:
            continue
        elif one.complete or causes_of(one, judgement):
            open_windows[one.start] = OpenWindow(one.end, one.counts["missing"], causes_of(one, judgement))
    of_windows = {name for one in open_windows.values() for name in one.causes}
    causes = tuple(sorted({one.name for one in judgement.causes} - of_windows - set(judgement.blamed.values())))
    if not order.scheduled:
        return replace(before, open=open_windows, objects_from=result.objects_until, causes=causes)
    frontier = max(order.frontier, before.frontier or order.frontier)
    targets = _recent(world, order, {**before.targets, **order.targets}, now)
    return DatasetState(frontier, open_windows, targets, result.objects_until, causes, result.swept_until)


def _recent(world: World, order: Order, targets: Mapping[str, str], now: int) -> dict[str, str]:
    """Without the partitions that no later audit compares: memory does not grow with the age of the lake."""
    contract, feed, _ = feed_of(world, order.dataset)
    tables = {one.name: one for one in facts_of(contract)}
    kept = {}
    for name, target in targets.items():
        table, _, path = name.partition("/")
        if table in tables and period_of(tables[table], feed, path)[1] > now - RECENT_DAYS * DAY:
            kept[name] = target
    return kept
