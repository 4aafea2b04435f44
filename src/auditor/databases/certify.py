"""The end of a database's audit: certificates for slices that are whole, rows of ``completeness``, and the memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

from auditor.canary import gap_to_plant
from auditor.databases.choose import DatabaseOrder
from auditor.databases.memory import change_memory, kept_for_certifying
from auditor.databases.rows.targets import ALWAYS, all_slices, database_of, targets_of
from auditor.evidence.certificates import Basis, Certified, issue_certificates
from auditor.evidence.completeness import completeness_key, completeness_row, write_completeness
from auditor.evidence.halts import halt_rows, halts_before, halts_in
from auditor.evidence.outstanding import Looks, kept_looks, read_outstanding, settle_looks
from auditor.evidence.results import AuditResult, WindowResult
from auditor.repairs.triage import Triage
from auditor.services import Services
from auditor.state import DatasetState, OpenWindow, change_state, read_state, still_open
from core.audit.repair_jobs import RepairJob, write_job
from core.contract.model import Contract

EVERYTHING = 0  # the one window in which a database's open findings are counted


def certify_slices(services: Services, order: DatabaseOrder, result: AuditResult, triage: Triage) -> Certified:
    """End an audit with the result of its last scan. ``jobs`` holds the next gap of a canary, or nothing."""
    contract, _ = database_of(services.contracts, order.dataset)
    basis = Basis(order.run, contract.hash, tables=tuple(target.table for target in targets_of(contract)))
    known, state = read_outstanding(services.records, order.dataset), read_state(services.records, order.dataset)
    certified, entries = issue_certificates(services.records, result, basis, known)
    looks = kept_looks(services.records, order.run) or Looks()
    halted = halts_in(result, halts_before(known, state.halted), looks.released)
    rows = {}
    for window in result.windows:
        alarmed = bool(triage.causes and window.counts["missing"])
        rows[_row_key(result, window)] = completeness_row(result, window, basis, entries, alarmed=alarmed)
    workers = services.limits.workers
    if order.beside:
        rows |= halt_rows(services.records, result, basis, halted, looks.released, workers=workers)
    write_completeness(services.records, rows, workers=workers)
    jobs = _plant_gap(services, contract, order, result)
    outstanding = settle_looks(services.records, order.dataset, looks.beside(certified.looks), halted)
    _keep_state(services, order, result, triage, partial(outstanding.still_open, looks=looks), outstanding.halted)
    return replace(certified, jobs=jobs)


def _row_key(result: AuditResult, window: WindowResult) -> str:
    """A slice that no time bounds has a row for each day on which it was audited."""
    day = result.audited_at[:10] if (window.start, window.end) == ALWAYS else ""
    return completeness_key(result.dataset, window.start, subject=window.subject, day=day)


def _plant_gap(services: Services, contract: Contract, order: DatabaseOrder, result: AuditResult) -> tuple[str, ...]:
    """The job of today's gap, where the dataset is a canary and has none yet."""
    partitions = {name for window in result.windows for name in window.partitions}
    gap = gap_to_plant(services, contract, partitions, now=int(services.now().timestamp()))
    if gap is None:
        return ()
    return (write_job(services.records, RepairJob(order.dataset, order.run, gap), attempt=0, number=0),)


def _keep_state(
    services: Services,
    order: DatabaseOrder,
    result: AuditResult,
    triage: Triage,
    unseen: Callable[[Iterable[str]], tuple[str, ...]],
    halted: Mapping[str, str],
) -> None:
    """``unseen`` gives of the causes of before those that this audit did not look at all of."""
    causes = tuple(sorted(cause.name for cause in triage.causes))
    missing = sum(window.counts["missing"] for window in result.windows if not window.held)  # nobody heals those
    end = max((window.end for window in result.windows), default=0)
    may_close = order.scheduled or _compares_everything(services, order)

    def next_state(before: DatasetState) -> DatasetState:
        left = tuple(sorted({*causes, *unseen(before.causes)}))
        open_windows = {EVERYTHING: OpenWindow(end, missing, left)} if missing or left else {}
        if not may_close:  # of all else it knows nothing: what is open there stays so until an audit that looks
            kept, own = (each.get(EVERYTHING, OpenWindow(0, 0)) for each in (before.open, open_windows))
            joined = tuple(sorted({*still_open(kept.causes, beside=order.beside), *causes}))
            both = OpenWindow(max(kept.end, own.end), max(kept.missing, own.missing), joined)
            open_windows = {EVERYTHING: both} if both.missing or joined else {}
            still = tuple(sorted({*still_open(before.causes, beside=order.beside), *causes}))
            return replace(before, open=open_windows, causes=still)
        swept = result.swept_until if order.scheduled else before.swept_until
        return replace(
            before,
            frontier=order.taken_at,
            seen_until=result.seen_until,
            open=open_windows,
            causes=left,
            swept_until=swept,
            halted=halted,
            amiss=result.amiss,
            forms={**before.forms, **order.outdated.settled(result.findings)},
        )

    memory = kept_for_certifying(services.records, order.run)
    if memory is not None:
        change_memory(services.records, order.dataset, lambda before: before.updated_by(memory))
    change_state(services.records, order.dataset, next_state)


def _compares_everything(services: Services, order: DatabaseOrder) -> bool:
    """Whether a run that was asked for a range compares all history, as ``heal --full`` does."""
    if order.tables:
        return False
    contract, _ = database_of(services.contracts, order.dataset)
    everything = {part for target in targets_of(contract) for part in all_slices(target, order.taken_at)}
    return everything <= {*order.slices}
