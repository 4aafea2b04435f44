"""The end of a database's audit: certificates for slices that are whole, rows of ``completeness``, and the memory.

The same chain, certificates and causes as a feed's; in the same order, and every part safe to do again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from auditor.canary import gap_to_plant
from auditor.databases.arrivals import with_healed
from auditor.databases.memory import Memory, TableMemory, change_memory
from auditor.databases.slices import TablesOrder
from auditor.databases.targets import ALWAYS, database_of
from auditor.evidence.chain import Chain
from auditor.evidence.results import AuditResult, WindowResult
from auditor.repairs.execute import attempts_made, make_plan
from auditor.repairs.outcomes import JobReport
from auditor.repairs.triage import Triage, triage_findings
from auditor.run_files import find_run_file, read_run_file, write_run_file
from auditor.services import Services
from auditor.state import DatasetState, OpenWindow, change_state
from core.audit.certificate import Certificate, LedgerEntry, window_digest, window_name
from core.audit.repair_jobs import ExtractAgain, Redrive, RepairJob, write_job
from core.contract.model import Contract
from core.json import canonical_json
from core.time import iso

COMPLETENESS = "completeness/"
REDRIVEN = 2_000  # dead letters that are remembered; a queue holds none for longer than two weeks
EVERYTHING = 0  # the one window in which a database's open findings are counted


@dataclass(frozen=True, slots=True)
class CertifiedTables:
    """What the end of an audit brought. ``jobs`` are for processing, by key: a canary's next gap."""

    issued: tuple[Certificate, ...]
    triage: Triage
    open: int
    jobs: tuple[str, ...] = ()


def learn_tables(services: Services, dataset: str, reports: Sequence[JobReport]) -> None:
    """Remember which holes' intervals were extracted again, and which dead letters had their chance."""
    healed: dict[str, list[int]] = {}
    redriven: list[str] = []
    for report in reports:
        if isinstance(report.repair, ExtractAgain) and report.result == "done":
            healed.setdefault(report.repair.table, []).append(report.repair.number)
        elif isinstance(report.repair, Redrive) and report.result == "done":
            redriven += report.repair.messages
    if not healed and not redriven:
        return

    def change(before: Memory) -> Memory:
        tables = {**before.tables, **{name: with_healed(before.of(name), some) for name, some in healed.items()}}
        return replace(before, tables=tables, redriven=_union(before.redriven, redriven))

    change_memory(services.records, dataset, change)


def _union(known: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    """In the order in which they were learnt, the oldest forgotten: memory does not grow with the age of the lake."""
    return tuple(dict.fromkeys((*known, *more)))[-REDRIVEN:]


def remember(services: Services, run: str, memory: Memory) -> None:
    """Keep what a look would have the next audit remember, until this one is certified."""
    write_run_file(services.records, run, "memory", {"memory": memory.to_json().decode()})


def certify_tables(services: Services, order: TablesOrder, *, attempt: int) -> CertifiedTables:
    """End the audit whose last look was number ``attempt``."""
    contract, _ = database_of(services.contracts, order.dataset)
    result = AuditResult.from_data(read_run_file(services.records, order.run, f"audit-{attempt}"))
    chain = Chain(services.records, order.dataset)
    issued = chain.issue([_draft(contract, order, result, window) for window in result.windows if window.whole])
    names = [(window_name(window.subject, iso(window.start)), iso(window.start)) for window in result.windows]
    entries = chain.entries(names)
    triage = triage_findings(
        result.findings,
        make_plan(services, order, attempt=attempt + 1),
        attempts_made(services, order, attempt=attempt),
        dataset=order.dataset,
        feed=None,
        now=int(services.now().timestamp()),
    )
    _write_rows(services, contract, order, result, entries, triage)
    data = {"causes": [cause.to_data() for cause in triage.causes], "healing": triage.healing, "alarmed": 0}
    write_run_file(services.records, order.run, "judgement", data)
    jobs = _plant(services, contract, order, result)
    _keep_state(services, order, result, triage)
    return CertifiedTables(tuple(issued), triage, sum(not window.whole for window in result.windows), jobs)


def _plant(services: Services, contract: Contract, order: TablesOrder, result: AuditResult) -> tuple[str, ...]:
    """The job of today's gap, where the dataset is a canary and has none yet."""
    held = {name for window in result.windows for name in window.partitions}
    gap = gap_to_plant(services, contract, held, now=int(services.now().timestamp()))
    if gap is None:
        return ()
    return (write_job(services.records, RepairJob(order.dataset, order.run, gap), attempt=0, number=0),)


def _draft(contract: Contract, order: TablesOrder, result: AuditResult, window_result: WindowResult) -> Certificate:
    return Certificate(
        dataset=order.dataset,
        subject=window_result.subject,
        number=0,
        previous="",
        start=iso(window_result.start),
        end=iso(window_result.end),
        contract=contract.hash,
        calendar="",
        partitions=window_result.partitions,
        digest=window_digest(window_result.partitions),
        verified_at=result.audited_at,
        run=order.run,
        expected=window_result.counts["expected"],
        present=window_result.counts["present"],
        observed=window_result.counts["observed"],
        repaired=window_result.counts["repaired"],
        late=window_result.counts["late"],
        absent=window_result.counts["absent"],
        missing=window_result.counts["missing"],
    )


def _write_rows(
    services: Services,
    contract: Contract,
    order: TablesOrder,
    result: AuditResult,
    entries: Mapping[str, LedgerEntry],
    triage: Triage,
) -> None:
    """One row per slice (``core.landing.records.COMPLETENESS_COLUMNS``), in place of the one of an earlier audit."""

    def write(window_result: WindowResult) -> None:
        entry = (
            entries.get(window_name(window_result.subject, iso(window_result.start))) if window_result.whole else None
        )
        status = "certified" if entry else "alarmed" if triage.causes and window_result.counts["missing"] else "open"
        row: dict[str, Any] = {
            "subject": window_result.subject,
            "window_start": iso(window_result.start),
            "window_end": iso(window_result.end),
            "status": status,
            **window_result.counts,
            "certificate": entry.number if entry else None,
            "certificate_hash": entry.hash if entry else None,
            "digest": window_digest(window_result.partitions),
            "contract_hash": contract.hash,
            "calendar": "",
            "audited_at": result.audited_at,
            "run": order.run,
        }
        key = completeness_key(order.dataset, window_result, audited_at=result.audited_at)
        services.records.write(key, canonical_json(row), content_type="application/json")

    with ThreadPoolExecutor(services.limits.workers) as pool:
        list(pool.map(write, result.windows))


def completeness_key(dataset: str, window_result: WindowResult, *, audited_at: str) -> str:
    """``completeness/dataset=<dataset>/day=<yyyy-mm-dd>/<subject>-<window start>.json``.

    What no time bounds has a row for each day on which it was audited.
    """
    name = iso(window_result.start)
    subject = window_result.subject.replace("/", ".")
    day = audited_at[:10] if (window_result.start, window_result.end) == ALWAYS else name[:10]
    return f"{COMPLETENESS}dataset={dataset}/day={day}/{subject}-{name.replace(':', '').replace('-', '')}.json"


def _keep_state(services: Services, order: TablesOrder, result: AuditResult, triage: Triage) -> None:
    causes = tuple(sorted(cause.name for cause in triage.causes))
    missing = sum(window.counts["missing"] for window in result.windows)
    end = max((window.end for window in result.windows), default=0)

    def state(before: DatasetState) -> DatasetState:
        open_windows = {EVERYTHING: OpenWindow(end, missing, causes)} if missing or causes else {}
        swept = result.swept_until if order.scheduled else before.swept_until
        return replace(before, frontier=order.taken_at, open=open_windows, causes=causes, swept_until=swept)

    paper = find_run_file(services.records, order.run, "memory")
    if paper is not None:
        seen = Memory.from_json(paper["memory"].encode())
        change_memory(services.records, order.dataset, lambda before: _merged(before, seen))
    change_state(services.records, order.dataset, state)


def _merged(before: Memory, seen: Memory) -> Memory:
    """What this audit saw, and what others have learnt meanwhile: verified ids go forward only."""
    tables = {}
    for name in {*before.tables, *seen.tables}:
        old, new = before.of(name), seen.of(name)
        healed = tuple(sorted({*old.healed, *new.healed}))
        tables[name] = TableMemory(max(old.verified, new.verified), healed, new.swept, max(old.repairs, new.repairs))
    return replace(seen, tables=tables, redriven=_union(before.redriven, seen.redriven))
