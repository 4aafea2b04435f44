"""The end of a database's audit: certificates for slices that are whole, rows of ``completeness``, and the memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from auditor.canary import gap_to_plant
from auditor.databases.choose import DatabaseOrder
from auditor.databases.memory import Memory, change_memory, kept_for_certifying, read_memory
from auditor.databases.open_slices.altered import unless_altered
from auditor.databases.open_slices.looks import amiss_since
from auditor.databases.open_slices.seen import causes_still_open
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
    result = _unless_altered_meanwhile(services, order, result)
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


def _unless_altered_meanwhile(services: Services, order: DatabaseOrder, result: AuditResult) -> AuditResult:
    """The result without what rests on an object of which another run's sample has shown since that it was altered."""
    known = read_memory(services.records, order.dataset).altered
    altered = {name: each for name, each in known.items() if result.targets.get(name) == each.target}
    return replace(result, windows=tuple(unless_altered(window, altered) for window in result.windows))


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
    end = max((window.end for window in result.windows), default=0) if missing or causes else 0
    compares_all = order.scheduled or _compares_everything(services, order)
    now = int(services.now().timestamp())
    memory = _keep_memory(services, order, now=now)
    contract = services.contracts.dataset(order.dataset)

    def next_state(before: DatasetState) -> DatasetState:
        is_older = before.frontier is not None and order.taken_at < before.frontier <= now
        closes = compares_all and not is_older
        forms = order.outdated.forms_after(before.forms, result.findings, contract)

        def joined(known: Sequence[str]) -> tuple[str, ...]:
            """With the causes of before that may be open still, for all that this run and those beside it have seen."""
            if closes:
                still = {*unseen(known), *causes_still_open(known, memory.open), *triage.still_open(known)}
                still |= order.outdated.still_open(forms, known)
                return tuple(sorted({*causes, *still}))
            return tuple(sorted({*causes, *still_open(known, beside=order.beside and not is_older)}))

        window = before.open.get(EVERYTHING, OpenWindow(0, 0))
        own = OpenWindow(end, missing, joined(window.causes))
        if not closes or own.causes != causes:
            own = OpenWindow(max(window.end, end), max(window.missing, missing), own.causes)
        after = replace(
            before,
            open={EVERYTHING: own} if own.missing or own.causes else {},
            causes=joined(before.causes),
            amiss=amiss_since(memory.open),
        )
        if not closes:
            return after
        return replace(
            after,
            frontier=order.taken_at,
            seen_until=result.seen_until,
            swept_until=result.swept_until if order.scheduled else before.swept_until,
            halted=halted,
            forms=forms,
        )

    change_state(services.records, order.dataset, next_state)


def _keep_memory(services: Services, order: DatabaseOrder, *, now: int) -> Memory:
    """Remember what the run's last scan saw; returns what is remembered since."""
    kept = kept_for_certifying(services.records, order.run)
    if kept is None:
        return read_memory(services.records, order.dataset)
    later, read = kept

    def change(before: Memory) -> Memory:
        return before.updated_by(later, read=read, scheduled=order.scheduled, now=now)

    return change_memory(services.records, order.dataset, change)


def _compares_everything(services: Services, order: DatabaseOrder) -> bool:
    """Whether a run that was asked for a range compares all history, as ``heal --full`` does."""
    if order.tables:
        return False
    contract, _ = database_of(services.contracts, order.dataset)
    everything = {part for target in targets_of(contract) for part in all_slices(target, order.taken_at)}
    return everything <= {*order.slices}
