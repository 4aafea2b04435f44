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
from auditor.evidence.results import AuditResult, WindowResult
from auditor.feeds.choose import RECENT_DAYS, FeedOrder, feed_of
from auditor.repairs.execute import attempts_made, make_plan
from auditor.repairs.triage import Triage, triage_findings
from auditor.run_files import read_run_file, write_run_file
from auditor.services import Services
from auditor.state import DatasetState, OpenWindow, change_state
from auditor.windows import DAY, Window, facts_of, partitions_of
from core.audit.certificate import Certificate, LedgerEntry, window_digest, window_name
from core.audit.repair_jobs import RepairJob, Restate, write_job
from core.contract.model import Contract, Feed
from core.feeds.partitions import period_of
from core.json import canonical_json
from core.time import iso

COMPLETENESS = "completeness/"


@dataclass(frozen=True, slots=True)
class Certified:
    """What the end of an audit brought. ``rollups`` are jobs, by key."""

    issued: tuple[Certificate, ...]
    triage: Triage
    rollups: tuple[str, ...]
    open: int


def certify(services: Services, order: FeedOrder, *, attempt: int) -> Certified:
    """End the audit whose last look was number ``attempt``."""
    contract, feed, calendar = feed_of(services, order.dataset)
    result = AuditResult.from_data(read_run_file(services.records, order.run, f"audit-{attempt}"))
    label = f"{calendar.name} ({calendar.version})"
    drafts = [_draft(contract, label, order, result, window) for window in result.windows if window.whole]
    chain = Chain(services.records, order.dataset)
    issued = chain.issue(drafts)
    entries = chain.entries(
        [(window_name(result.subject, iso(window.start)), iso(window.start)) for window in result.windows]
    )
    triage = _triage(services, order, result, feed, attempt)
    _write_rows(services, contract, label, order, result, entries, triage)
    write_run_file(
        services.records,
        order.run,
        "judgement",
        {
            "causes": [cause.to_data() for cause in triage.causes],
            "healing": triage.healing,
            "alarmed": _alarmed(result, triage),
        },
    )
    rollups = _rollup_jobs(services, contract, feed, order, result)
    certified = {entry.start for entry in entries.values()}
    change_state(
        services.records,
        order.dataset,
        lambda before: _next_state(before, services, order, result, triage, certified),
    )
    return Certified(tuple(issued), triage, rollups, sum(not window.whole for window in result.windows))


def _draft(
    contract: Contract, calendar: str, order: FeedOrder, result: AuditResult, window_result: WindowResult
) -> Certificate:
    return Certificate(
        dataset=order.dataset,
        subject=result.subject,
        number=0,
        previous="",
        start=iso(window_result.start),
        end=iso(window_result.end),
        contract=contract.hash,
        calendar=calendar,
        expected=window_result.counts["expected"],
        present=window_result.counts["present"],
        observed=window_result.counts["observed"],
        repaired=window_result.counts["repaired"],
        late=window_result.counts["late"],
        absent=window_result.counts["absent"],
        missing=window_result.counts["missing"],
        partitions=window_result.partitions,
        digest=window_digest(window_result.partitions),
        verified_at=result.audited_at,
        run=order.run,
        absent_points=window_result.absent,
        evidence=window_result.evidence,
    )


def _triage(services: Services, order: FeedOrder, result: AuditResult, feed: Feed, attempt: int) -> Triage:
    """In the light of what the next attempt would do: what it would still repair is no reason to give up hope of."""
    return triage_findings(
        result.findings,
        make_plan(services, order, attempt=attempt + 1),
        attempts_made(services, order, attempt=attempt),
        dataset=order.dataset,
        feed=feed,
        now=int(services.now().timestamp()),
    )


def causes_of(window_result: WindowResult, triage: Triage) -> tuple[str, ...]:
    """Why a window is not whole, as far as somebody must hear of it."""
    causes = {triage.blamed[entity] for entity in window_result.missing if entity in triage.blamed}
    kinds = {reason.partition(":")[0] for reason in window_result.touched_by}
    return tuple(sorted(causes | {name for name in (cause.name for cause in triage.causes) if name in kinds}))


def _alarmed(result: AuditResult, triage: Triage) -> int:
    """Points that are missing and for which the admins are called."""
    findings = [finding for finding in result.findings if finding.kind == "missing_point"]
    return sum(finding.points for finding in findings if finding.entity in triage.blamed)


# ---------------------------------------------------------------- completeness


def completeness_key(dataset: str, start: int) -> str:
    """``completeness/dataset=<dataset>/day=<yyyy-mm-dd>/<window start>.json``."""
    name = iso(start)
    return f"{COMPLETENESS}dataset={dataset}/day={name[:10]}/{name.replace(':', '').replace('-', '')}.json"


def _write_rows(
    services: Services,
    contract: Contract,
    calendar: str,
    order: FeedOrder,
    result: AuditResult,
    entries: Mapping[str, LedgerEntry],
    triage: Triage,
) -> None:
    """One row per window (``core.landing.records.COMPLETENESS_COLUMNS``), in place of the one of an earlier audit.

    Only of windows that were read to their end: who looked at ten minutes of an hour knows nothing better of the hour.
    """

    def write(window_result: WindowResult) -> None:
        entry = entries.get(window_name(result.subject, iso(window_result.start))) if window_result.whole else None
        status = "certified" if entry else "alarmed" if causes_of(window_result, triage) else "open"
        row: dict[str, Any] = {
            "subject": result.subject,
            "window_start": iso(window_result.start),
            "window_end": iso(window_result.end),
            "status": status,
            **{name: window_result.counts[name] for name in ("expected", "present", "observed", "late", "repaired")},
            "absent": window_result.counts["absent"],
            "missing": window_result.counts["missing"],
            "certificate": entry.number if entry else None,
            "certificate_hash": entry.hash if entry else None,
            "digest": window_digest(window_result.partitions),
            "contract_hash": contract.hash,
            "calendar": calendar,
            "audited_at": result.audited_at,
            "run": order.run,
        }
        key = completeness_key(order.dataset, window_result.start)
        services.records.write(key, canonical_json(row), content_type="application/json")

    with ThreadPoolExecutor(services.limits.workers) as pool:
        list(pool.map(write, [window for window in result.windows if window.was_read]))


# ---------------------------------------------------------------- rollups


def _rollup_jobs(
    services: Services, contract: Contract, feed: Feed, order: FeedOrder, result: AuditResult
) -> tuple[str, ...]:
    """A job for every rollup of the windows that were read: what does not change makes no version."""
    windows = [Window(window.start, window.end) for window in result.windows if not window.counted]
    facts = {fact.name: fact for fact in facts_of(contract)}
    jobs: list[str] = []
    for table in contract.tables:
        if table.kind != "rollup" or table.source not in facts or not windows:
            continue
        paths = tuple(partitions_of(table, feed, windows, fact=facts[table.source]))
        job = RepairJob(order.dataset, order.run, Restate(contract.dataset, table.name, paths))
        jobs.append(write_job(services.records, job, attempt=0, number=len(jobs)))
    return tuple(jobs)


# ---------------------------------------------------------------- memory


def _next_state(
    before: DatasetState,
    services: Services,
    order: FeedOrder,
    result: AuditResult,
    triage: Triage,
    certified: set[str],
) -> DatasetState:
    """Pure but for the clock. Windows that were looked at in part are open only where somebody was called; those that
    Athena counted, until they are read, if they have no certificate or Athena contradicts it."""
    now = int(services.now().timestamp())
    open_windows = dict(before.open)
    for window in result.windows:
        if window.whole:
            open_windows.pop(window.start, None)
        elif window.counted and not window.counts["missing"] and iso(window.start) in certified:
            continue
        elif window.complete or causes_of(window, triage):
            open_windows[window.start] = OpenWindow(window.end, window.counts["missing"], causes_of(window, triage))
    of_windows = {name for window in open_windows.values() for name in window.causes}
    causes = tuple(sorted({cause.name for cause in triage.causes} - of_windows - set(triage.blamed.values())))
    if not order.scheduled:
        return replace(before, open=open_windows, objects_from=result.objects_until, causes=causes)
    frontier = max(order.frontier, before.frontier or order.frontier)
    targets = _recent(services, order, {**before.targets, **order.targets}, now)
    return DatasetState(frontier, open_windows, targets, result.objects_until, causes, result.swept_until)


def _recent(services: Services, order: FeedOrder, targets: Mapping[str, str], now: int) -> dict[str, str]:
    """Without the partitions that no later audit compares: memory does not grow with the age of the lake."""
    contract, feed, _ = feed_of(services, order.dataset)
    tables = {fact.name: fact for fact in facts_of(contract)}
    kept = {}
    for name, target in targets.items():
        table, _, path = name.partition("/")
        if table in tables and period_of(tables[table], feed, path)[1] > now - RECENT_DAYS * DAY:
            kept[name] = target
    return kept
