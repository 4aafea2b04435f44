"""The scan of a database: its objects, its rows by key, its derived tables, its parameters; ``audit-<attempt>``.

Objects come first, for they tell the watermark; then each slice of the warehouse, while the source counts, and after it
those rows of the source that are in doubt.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from auditor.databases.arrivals import MOST_READ, Arrivals, KnownArrivals, Ports, scan_arrivals
from auditor.databases.choose import DatabaseOrder
from auditor.databases.memory import Memory, most_rows, read_memory
from auditor.databases.open_slices.altered import Altered, AlteredByName, unless_altered
from auditor.databases.open_slices.looks import amiss_since
from auditor.databases.open_slices.seen import Chosen, looks_after
from auditor.databases.parameters import read_parameters, wrong_parameters
from auditor.databases.rows.comparison import ComparisonTerms, compare_slices
from auditor.databases.rows.targets import database_of, targets_of
from auditor.databases.samples import Sampled, compare_sample
from auditor.databases.shapes import changed_source, look_at_source
from auditor.evidence.completeness import COUNTS
from auditor.evidence.halts import Halts, find_halts, halts_before, noted_halts
from auditor.evidence.outstanding import Looks, Outstanding, keep_looks, kept_looks, read_outstanding
from auditor.evidence.results import AuditResult, WindowResult, held_reason
from auditor.repairs.dead_letters import SeenLetters, look_at_dead_letters
from auditor.run_files import write_run_file
from auditor.services import Services
from auditor.state import read_state
from auditor.warehouse.derived import DerivedFinding, derived_findings
from auditor.warehouse.mirrors import find_lagging_mirrors
from auditor.warehouse.outdated import find_outdated
from auditor.warehouse.unreferenced import find_unreferenced
from core.audit.findings import (
    BrokenPartition,
    Finding,
    HaltedObject,
    HeldPartition,
    SlowSweep,
    StaleDerived,
    UnprocessedObject,
)
from core.audit.source_check import WAITING, FindWaiting, question_to_data
from core.contract.model import Contract, Database
from core.errors import of_kind
from core.landing.ingest_objects import EPOCH
from core.landing.state import ParameterNames
from core.time import at_epoch, format_instant, iso
from core.warehouse.current_state import current_table, inputs_of


@dataclass(frozen=True, slots=True)
class DatabaseScan:
    """The result of a scan, what the next audit is to remember of it, and what of before it had ``read``."""

    result: AuditResult
    memory: Memory
    read: Memory


def scan_database(services: Services, order: DatabaseOrder, *, attempt: int) -> DatabaseScan:
    """Scan the order's slices as they are now, and write the result as the run's ``audit-<attempt>``.

    Raises ``TransientFailure`` where a store or the source does not answer.
    """
    contract, source = database_of(services.contracts, order.dataset)
    now = services.now()
    memory = read_memory(services.records, order.dataset)
    names = ParameterNames(services.parameter_prefix, order.dataset)
    table_names = [table.name for table in source.tables]
    before = read_parameters(services.parameters, names, table_names) if services.parameters else {}
    outstanding = read_outstanding(services.records, order.dataset)
    arrived = _scan_arrivals(services, contract, order, memory, outstanding, now=now, attempt=attempt)
    arrivals = arrived.tables
    derived = list(derived_findings(services, contract, now=now, settle=source.settle))
    broken = {finding.table for finding in derived if isinstance(finding, StaleDerived | BrokenPartition)}
    watermarks = {name: arrival.watermark for name, arrival in arrivals.items()}
    is_loaded = any(watermark > EPOCH for watermark in watermarks.values())
    looks = order.beside and not source.canary  # one that is down is no success, whatever was extracted of it
    shapes = look_at_source(services, contract, source, memory.shapes) if looks else memory.shapes
    brought = _brought_until(services, contract, arrivals, now=now, asks=is_loaded and order.beside)
    held = _held_by_input(contract, derived)
    terms = ComparisonTerms(contract, order.run, attempt, watermarks, memory.rows, frozenset(broken), brought, held)
    compared = compare_slices(services, terms, order.slices)
    newest = {name: arrival.memory.verified for name, arrival in arrivals.items()}
    sampled = compare_sample(services, contract, order, newest, memory.altered) if order.beside else Sampled()
    altered = _altered_now(memory.altered, sampled, compared.objects)
    of_objects = [*(each for arrival in arrivals.values() for each in arrival.findings), *arrived.halts.findings]
    letters = (
        look_at_dead_letters(services, order.dataset, memory.redriven, of_objects) if order.beside else SeenLetters()
    )
    findings: list[Finding] = [*compared.findings]
    at_hand = {*compared.objects, *sampled.altered}
    findings += [each.finding(order.dataset) for name, each in altered.items() if name in at_hand]
    if order.beside:
        findings = [
            *of_objects,
            *derived,
            *findings,
            *_parameter_findings(services, source, names, arrivals, before, now),
            *letters.findings,
            *_slow_sweep(order, source),
            *(changed_source(order.dataset, shapes) if looks else ()),
            *find_lagging_mirrors(services, contract),
        ]
    unreferenced = find_unreferenced(
        services,
        contract,
        order.run,
        audited=compared.objects,
        outstanding=outstanding.partitions if order.beside else (),
        scheduled=order.scheduled,
        attempt=attempt,
    )
    seen = compared.outdated if order.scheduled else ()
    outdated = find_outdated(services, contract, order.outdated, seen)
    windows = tuple(unless_altered(window, altered) for window in compared.windows)
    if order.beside:
        windows += tuple(_from_before_the_promise(contract, memory))
    result = AuditResult(
        dataset=order.dataset,
        subject=order.dataset,
        windows=windows,
        findings=(*findings, *outdated, *unreferenced.findings),
        targets=compared.objects,
        objects_until="",
        audited_at=iso(int(now.timestamp())),
        swept_until=unreferenced.until,
        seen_until=int(min([_promised(source, now), *brought.values()]).timestamp()),
        letters=letters.left,
        contract=contract.hash,
    )
    chosen = Chosen(order.run, order.taken_at, order.slices, order.waiting, frozenset(order.gone))
    still = looks_after(contract, memory.open, chosen, result, tuple(altered.values()))
    result = replace(result, amiss=amiss_since(still))
    write_run_file(services.records, order.run, f"audit-{attempt}", result.to_data())
    if order.beside:
        rounded = order.scheduled and not unreferenced.until
        looked = arrived.looks.of_scan(result.audited_at, unreferenced.partitions, unreferenced.passed, rounded=rounded)
        keep_looks(services.records, order.run, looked)
    sweep, swept_at = (order.sweep, order.taken_at) if order.scheduled else (memory.sweep, memory.swept_at)
    tables = {name: arrival.memory for name, arrival in arrivals.items()}
    rows = most_rows(memory.rows, compared.rows)
    pointers = order.pointers if order.scheduled else memory.pointers
    later = Memory(tables, sweep, swept_at, rows, memory.redriven, shapes, still, pointers, altered)
    return DatabaseScan(result, later, memory)


@dataclass(frozen=True, slots=True)
class _Arrived:
    """The arrivals by source table, what stands halted beside them, and what was looked at of both."""

    tables: Mapping[str, Arrivals]
    halts: Halts
    looks: Looks


def _scan_arrivals(
    services: Services,
    contract: Contract,
    order: DatabaseOrder,
    memory: Memory,
    outstanding: Outstanding,
    *,
    now: datetime,
    attempt: int,
) -> _Arrived:
    """Compare the tables' objects with their receipts, and look at what stands halted far behind those."""
    source = of_kind(contract.source, Database, "audit", contract.dataset)
    state = read_state(services.records, contract.dataset)
    since = None if state.frontier is None else at_epoch(state.frontier)
    noted = noted_halts(services, contract.dataset, since=since, outstanding=outstanding) if order.beside else {}
    standing = halts_before(outstanding, state.halted, noted)
    earlier = (kept_looks(services.records, order.run) if attempt else None) or Looks()
    most, workers = MOST_READ // len(source.tables), services.limits.workers
    ports = Ports(services.ingest, services.records, services.code_version, now, source.settle, workers, most)
    tables, looks = {}, Looks()
    for table in source.tables:
        known = KnownArrivals.of(outstanding, standing, table.name, earlier)
        tables[table.name] = scan_arrivals(ports, contract, table.name, memory.of(table.name), known)
        looks = looks.beside(tables[table.name].looks)
    if not order.beside:
        return _Arrived(tables, Halts(), looks)
    findings = (finding for arrival in tables.values() for finding in arrival.findings)
    seen = {finding.key for finding in findings if isinstance(finding, HaltedObject | UnprocessedObject)}
    checked = {key for arrival in tables.values() for key in arrival.checked}
    halts = find_halts(services, contract, standing=standing, noted={*noted} - checked, seen=seen)
    return _Arrived(tables, halts, replace(looks, released=halts.released))


def _held_by_input(contract: Contract, derived: Sequence[DerivedFinding]) -> dict[str, tuple[str, ...]]:
    """The dimensions that are held, by the current states that they are computed from, which readers see in them."""
    held: dict[str, tuple[str, ...]] = {}
    tables = {table.name: table for table in contract.tables}
    for finding in (finding for finding in derived if isinstance(finding, HeldPartition)):
        for source in inputs_of(tables[finding.table]):
            name = current_table(contract, contract.source_table(source)).name
            held[name] = (*held.get(name, ()), held_reason(finding))
    return held


def _promised(source: Database, now: datetime) -> datetime:
    """The instant before which rows are to be here by now."""
    return now - timedelta(seconds=source.complete_within)


def _brought_until(
    services: Services, contract: Contract, arrivals: Mapping[str, Arrivals], *, now: datetime, asks: bool
) -> dict[str, datetime]:
    """The instant, by table, before which extraction has brought its rows: its watermark, or up to when any are owed.

    A table in which nothing changes has an old watermark, and so has one whose extraction alone stands still. Which of
    the two it is the source knows; who does not ask it (``asks``) goes by the watermark. Of tables without times of
    change an audit sees all: they are left out.
    """
    source = of_kind(contract.source, Database, "audit", contract.dataset)
    promised = _promised(source, now)
    brought = {table.name: arrivals[table.name].watermark for table in source.tables if not table.by_keys}
    old = {name: arrivals[name].position for name, watermark in brought.items() if watermark < promised}
    if old and asks:
        since = {name: format_instant(position.at) for name, position in old.items()}
        after = {name: position.after for name, position in old.items() if position.after is not None}
        question = FindWaiting(contract.dataset, since, format_instant(promised), after)
        waiting = services.needed_source()(question_to_data(question))[WAITING]
        brought |= {name: promised for name in old if name not in waiting}
    return brought


def _from_before_the_promise(contract: Contract, memory: Memory) -> Iterator[WindowResult]:
    """Slices from before their table's first partition that earlier releases compared, and left open, as owing nothing.

    So their rows of ``completeness`` say no longer that something is missing.
    """
    begins = {target.table.name: target.begins for target in targets_of(contract) if target.column}
    for table, start, end in memory.open:
        if table in begins and end <= begins[table]:
            yield WindowResult(start, end, True, dict.fromkeys(COUNTS, 0), {}, subject=table)


def _altered_now(before: AlteredByName, sampled: Sampled, objects: Mapping[str, str]) -> dict[str, Altered]:
    """The partitions that are altered: by this run's sample, or by an earlier one, whatever this one drew.

    An object does not change. One that has taken its place is another where the lines that showed it were held against
    it again, for a merge carries on what was altered.
    """
    still = {}
    for name, each in before.items():
        target = objects.get(name, each.target)
        if target == each.target or (each.drawn is not None and each.drawn not in sampled.again):
            still[name] = replace(each, target=target)
    return still | {**sampled.altered}


def _parameter_findings(
    services: Services,
    source: Database,
    names: ParameterNames,
    arrivals: Mapping[str, Arrivals],
    before: Mapping[str, str],
    now: datetime,
) -> list[Finding]:
    if services.parameters is None:
        return []
    settled = {
        name: arrival.settled
        and (arrival.newest_at is None or (now - arrival.newest_at).total_seconds() >= source.settle)
        for name, arrival in arrivals.items()
    }
    return list(wrong_parameters(services.parameters, names, list(arrivals.values()), settled, before))


def _slow_sweep(order: DatabaseOrder, source: Database) -> list[SlowSweep]:
    """The finding that the row budget lets the sweep of all history take longer than the contract says."""
    return [SlowSweep(order.dataset, order.sweep_seconds, source.sweep)] if order.sweep_seconds else []
