"""The scan of a feed's windows: what is there, what is missing, what is wrong; written as ``audit-<attempt>``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from auditor.evidence.absent import Absence
from auditor.evidence.chain import ChainReader
from auditor.evidence.halts import find_halts, halts_before, noted_halts
from auditor.evidence.outstanding import (
    Looks,
    Outstanding,
    each_of,
    keep_looks,
    kept_looks,
    numbers,
    read_outstanding,
)
from auditor.evidence.results import AuditResult, WindowResult, held_reason
from auditor.feeds.absence.gather import believed_absences, weigh_claims
from auditor.feeds.absence.proof import Weighed
from auditor.feeds.athena_scan import is_too_large, scan_with_athena
from auditor.feeds.choose import FeedOrder, feed_of
from auditor.feeds.expect import Expectation, expect
from auditor.feeds.objects import (
    FORMAT,
    MOST_AGAIN,
    ROOM,
    KnownHalts,
    at_hour,
    began,
    compare_hours,
    hour_in,
    hours_of,
    hours_to_scan,
    number_of_hour,
)
from auditor.feeds.partition_scan import PartitionScan, scan_partitions
from auditor.feeds.points import ABSENT, MISSING, Coverage, iso_ranges, missing_points, slots_of_ranges
from auditor.feeds.rollups import stale_rollups
from auditor.feeds.values.known import known_values
from auditor.feeds.values.sample import choose_sample, disputed_values, provider_values
from auditor.repairs.dead_letters import SeenLetters, look_at_dead_letters
from auditor.repairs.outcomes import read_reports
from auditor.run_files import write_run_file
from auditor.services import Services
from auditor.state import read_state
from auditor.warehouse.derived import derived_findings
from auditor.warehouse.mirrors import find_lagging_mirrors
from auditor.warehouse.outdated import OutdatedPlace, find_outdated
from auditor.warehouse.parents import UNKNOWN_PARENT, parents_of
from auditor.warehouse.partitions import SeenPartitions
from auditor.warehouse.unreferenced import find_unreferenced
from auditor.windows import Window, facts_of
from core.audit.certificate import LedgerEntry, window_name
from core.audit.findings import (
    BrokenPartition,
    BrokenRule,
    DisputedValue,
    Finding,
    HeldPartition,
    MissingPoints,
    StaleDerived,
)
from core.audit.history import KnownValue, Ranges
from core.audit.repair_jobs import Compare, FetchHistory
from core.contract.model import Contract, Feed, TradingCalendar
from core.feeds.partitions import covers, period_of
from core.time import at_epoch, epoch, iso

KEPT_BYTES = 64 << 20  # objects that are read once more, for values near what is missing
Place = tuple[str, str]  # table and partition


@dataclass(frozen=True, slots=True)
class ScannedWindows:
    """Windows as they were read: what they owe, their partitions, certificates and proven absences.

    ``weighed``: what the source's answers about missing points come to.
    ``disputed`` are values that the provider has contradicted in this run. ``derived`` are findings about rollups.
    """

    expectation: Expectation
    partitions: PartitionScan
    entries: Mapping[str, LedgerEntry]
    absences: tuple[Absence, ...]
    weighed: Weighed
    disputed: tuple[DisputedValue, ...] = ()
    derived: tuple[StaleDerived | HeldPartition, ...] = ()


def scan_feed(services: Services, order: FeedOrder, *, attempt: int) -> AuditResult:
    """Scan the order's windows as they are now, and write the result as the run's ``audit-<attempt>``.

    Raises ``TransientFailure`` where a store does not answer, ``InvalidData`` where Athena has to be asked and fails.
    """
    contract, feed, calendar = feed_of(services, order.dataset)
    now, last = services.now(), services.limits.attempts
    seconds = int(now.timestamp())
    expectation = expect(feed, calendar, order.windows, start=order.start, end=order.end)
    absences, expired = believed_absences(services, order.dataset, order.windows)
    outstanding = read_outstanding(services.records, order.dataset) if order.beside else Outstanding()
    arrived = _scan_objects(services, contract, order.run, outstanding, now, attempt) if order.beside else _Arrived()
    partitions = SeenPartitions(services.partitions)
    sample: tuple[Compare, ...] = ()
    weighed = Weighed()
    seen: Sequence[OutdatedPlace] = ()
    if is_too_large(services, order, expectation):
        findings, windows = scan_with_athena(services, order, calendar, expectation, absences)
    else:
        scanned = _scan_windows(services, contract, feed, order, expectation, (absences, expired), attempt=attempt)
        weighed = scanned.weighed
        partitions_now, entries = scanned.partitions, scanned.entries
        derived = stale_rollups(services.partitions, contract, calendar, expectation, partitions_now, entries)
        scanned = replace(scanned, derived=tuple(derived))
        findings = _findings(contract, feed, scanned)
        windows = _window_results(order, contract, feed, scanned)
        coverage = scanned.partitions.coverage
        partitions = replace(partitions, targets=scanned.partitions.targets, kept=scanned.partitions.kept)
        seen = scanned.partitions.outdated if order.scheduled else ()
        sample = choose_sample(contract, feed, coverage, scanned.entries, now=seconds) if not attempt else ()
    redriven = read_state(services.records, order.dataset).redriven
    looked = look_at_dead_letters(services, order.dataset, redriven, arrived.findings) if order.beside else None
    letters = looked or SeenLetters()
    unreferenced = find_unreferenced(
        services,
        contract,
        order.run,
        audited=partitions.targets,
        outstanding=outstanding.partitions,
        scheduled=order.scheduled,
        attempt=attempt,
    )
    outdated = find_outdated(services, contract, order.outdated, seen)
    rechecks = _rechecks(order.dataset, feed, weighed) if not attempt else ()
    beside: list[Finding] = []
    if order.beside:
        has_facts = any(partitions.targets.values())  # what they refer to is made when the first of them is
        beside += derived_findings(services, contract, now=now, settle=feed.settle) if has_facts else ()
        beside += find_lagging_mirrors(services, contract)
    result = AuditResult(
        dataset=order.dataset,
        subject=feed.table.name,
        windows=tuple(windows),
        findings=(*arrived.findings, *findings, *letters.findings, *beside, *outdated, *unreferenced.findings),
        targets=partitions.targets,
        objects_until=arrived.until,
        audited_at=iso(seconds),
        sample=sample,
        swept_until=unreferenced.until,
        doubts=weighed.doubts,
        rechecks=rechecks,
        letters=letters.left,
        contract=contract.hash,
        known=_known(services, contract, feed, calendar, [*findings, *rechecks], partitions) if attempt < last else {},
    )
    write_run_file(services.records, order.run, f"audit-{attempt}", result.to_data())
    if order.beside:
        rounded = order.scheduled and not unreferenced.until
        looks = arrived.looks.of_scan(result.audited_at, unreferenced.partitions, unreferenced.passed, rounded=rounded)
        keep_looks(services.records, order.run, looks)
    return result


# ---------------------------------------------------------------- what is read


@dataclass(frozen=True, slots=True)
class _Arrived:
    """The findings about ingest objects, the hour up to which they were compared with receipts, what was looked at."""

    findings: tuple[Finding, ...] = ()
    until: str = ""
    looks: Looks = field(default_factory=Looks)


def _scan_objects(
    services: Services, contract: Contract, run: str, outstanding: Outstanding, now: datetime, attempt: int
) -> _Arrived:
    state = read_state(services.records, contract.dataset)
    begin = began(services, contract.dataset)  # not the first object that is there: the first ones may be lost
    since = "" if begin is None else at_epoch(begin).strftime(FORMAT)
    stood = at_hour(state.objects_from) if state.objects_from else None
    noted = noted_halts(services, contract.dataset, since=stood, outstanding=outstanding)
    standing = halts_before(outstanding, state.halted, noted)
    earlier = (kept_looks(services.records, run) if attempt else None) or Looks()
    again = outstanding.of(ROOM, MOST_AGAIN)
    amiss = numbers([*again, *earlier.amiss.get(ROOM, ())])
    hours = hours_to_scan(since=since, stood=state.objects_from, now=now, halted=standing, amiss=hours_of(amiss))
    unprocessed, lost = compare_hours(
        contract,
        hours,
        ingest=services.ingest,
        records=services.records,
        code_version=services.code_version,
        now=now,
        grace=services.limits.grace_seconds,
        known=KnownHalts.of(standing, state.objects_from),
        workers=services.limits.workers,
    )
    compared = {*hours}
    halts = find_halts(
        services,
        contract,
        standing=standing,
        noted=[key for key in noted if hour_in(key) not in compared],
        seen=[finding.key for finding in unprocessed],
    )
    looks = Looks(
        seen={ROOM: each_of(map(number_of_hour, hours))},
        amiss={ROOM: each_of(number_of_hour(hour_in(each.key)) for each in (*unprocessed, *lost) if hour_in(each.key))},
        following={ROOM: again[-1][1]} if again else {},
        released=halts.released,
    )
    return _Arrived((*unprocessed, *halts.findings, *lost), hours[-1] if hours else "", looks)


def _scan_windows(
    services: Services,
    contract: Contract,
    feed: Feed,
    order: FeedOrder,
    expectation: Expectation,
    absences: tuple[Sequence[Absence], Sequence[Absence]],
    *,
    attempt: int,
) -> ScannedWindows:
    """Read the windows. ``absences`` are those that are believed, and those of earlier releases that are no longer."""
    parents = parents_of(services.partitions, services.contracts.table)
    workers = services.limits.workers
    partitions = scan_partitions(
        contract, expectation, services.partitions, parents=parents, workers=workers, keep=KEPT_BYTES
    )
    believed, expired = absences
    weighed = weigh_claims(services, feed, partitions.coverage, believed, expired, dataset=order.dataset, run=order.run)
    names = [(window_name(feed.table.name, window.name), window.name) for window in expectation.windows]
    entries = ChainReader(services.records, order.dataset).entries(names)
    disputed = _disputed(services, contract, feed, order, attempt)
    known = (*believed, *weighed.absences)
    return ScannedWindows(expectation, partitions, entries, known, weighed, tuple(disputed))


def _rechecks(dataset: str, feed: Feed, weighed: Weighed) -> tuple[FetchHistory, ...]:
    return tuple(
        FetchHistory(dataset, entity, ranges, sum((end - start) // feed.every for start, end in ranges))
        for entity, ranges in weighed.due.items()
    )


def _known(
    services: Services,
    contract: Contract,
    feed: Feed,
    calendar: TradingCalendar,
    asked: Sequence[Finding | FetchHistory],
    partitions: SeenPartitions,
) -> Mapping[str, tuple[KnownValue, ...]]:
    """Values near the points that the source is going to be asked for, as many as a run may make calls."""
    ranges: dict[str, Ranges] = {}
    for each in asked:
        if isinstance(each, MissingPoints | FetchHistory):
            ranges[each.entity] = (*ranges.get(each.entity, ()), *each.ranges)
    limits = services.limits
    return known_values(partitions, contract, feed, calendar, ranges, calls=limits.budget.calls, workers=limits.workers)


def _disputed(
    services: Services, contract: Contract, feed: Feed, order: FeedOrder, attempt: int
) -> list[DisputedValue]:
    """Values that the provider has contradicted in this run and the warehouse still has."""
    if not feed.sample.points or not attempt:
        return []
    values = provider_values(read_reports(services, order.run, attempts=[1]))  # the sample is compared in the first
    return disputed_values(services.partitions, contract, feed, values)


# ---------------------------------------------------------------- findings


def _findings(contract: Contract, feed: Feed, scanned: ScannedWindows) -> list[Finding]:
    partitions = scanned.partitions
    missing = _missing(contract, feed, scanned)
    findings: list[Finding] = [*partitions.held, *partitions.broken, *partitions.rules, *partitions.orphans]
    findings += _rolled_back_or_lost(contract, feed, scanned, missing)
    return [*findings, *missing, *scanned.disputed, *scanned.derived]


def _rolled_back_or_lost(
    contract: Contract, feed: Feed, scanned: ScannedWindows, missing: Sequence[MissingPoints]
) -> Iterator[BrokenPartition]:
    """Partitions that were rolled back and lack something or differ from what was certified; lost certified rows.

    One that is held or broken as a whole is found already.
    """
    partitions = scanned.partitions
    known = {(finding.table, finding.partition) for finding in partitions.held}
    known |= {(finding.table, finding.partition) for finding in partitions.broken}
    fewer, other = _against_certificates(contract, feed, scanned)
    for finding in partitions.rolled_back:
        place = (finding.table, finding.partition)
        lacks = _may_hold(contract, feed, place, missing)
        if place not in known and (lacks or place in fewer or place in other):
            known.add(place)
            yield finding
    for (name, path), rows in sorted(fewer.items()):
        if (name, path) not in known:
            yield BrokenPartition(contract.dataset, name, path, f"{rows} rows that were certified are gone")


def _may_hold(contract: Contract, feed: Feed, place: Place, missing: Sequence[MissingPoints]) -> bool:
    """Whether some of the missing points belong into the partition."""
    table = next(fact for fact in facts_of(contract) if fact.name == place[0])
    return any(
        covers(table, feed, place[1], entity=points.entity, start=start, end=end)
        for points in missing
        for start, end in points.ranges
    )


def _against_certificates(
    contract: Contract, feed: Feed, scanned: ScannedWindows
) -> tuple[dict[Place, int], set[Place]]:
    """The rows that partitions have fewer than were certified, and the partitions that have other rows.

    What was certified of another generation of a table is not compared with this one's partitions.
    """
    tables = {fact.folder: fact.name for fact in facts_of(contract)}
    fewer: dict[Place, int] = {}
    other: set[Place] = set()
    for number, window in enumerate(scanned.expectation.windows):
        entry = scanned.entries.get(window_name(feed.table.name, window.name))
        for name, (certified, digest) in (entry.partitions if entry else {}).items():
            folder, _, path = name.partition("/")
            if (table := tables.get(folder)) is None:
                continue
            rows, now = scanned.partitions.proofs[number].get(name, [0, ""])
            if (rows, now) != (certified, digest):
                other.add((table, path))
            if rows < certified:
                fewer[table, path] = fewer.get((table, path), 0) + certified - rows
    return fewer, other


def _missing(contract: Contract, feed: Feed, scanned: ScannedWindows) -> list[MissingPoints]:
    """The missing points, but for those in partitions that are held back on purpose."""
    missing = missing_points(contract.dataset, scanned.partitions.coverage)
    tables = {fact.name: fact for fact in facts_of(contract)}
    held = [(tables[finding.table], finding.partition) for finding in scanned.partitions.held]
    if not held:
        return missing
    slots = scanned.expectation.grid.slots
    kept = []
    for finding in missing:
        entity = finding.entity
        ranges = tuple(
            (start, end)
            for start, end in finding.ranges
            if not any(covers(table, feed, path, entity=entity, start=start, end=end) for table, path in held)
        )
        if ranges:
            points = sum(len(slots_of_ranges(slots, [each])) for each in ranges)
            kept.append(MissingPoints(finding.dataset, entity, ranges, points))
    return kept


# ---------------------------------------------------------------- windows


def _window_results(order: FeedOrder, contract: Contract, feed: Feed, scanned: ScannedWindows) -> list[WindowResult]:
    coverage = scanned.partitions.coverage
    counts = coverage.counts()
    return [
        WindowResult(
            start=window.start,
            end=window.end,
            complete=order.has_all_of(window),
            counts=counts[number],
            partitions=scanned.partitions.proofs[number],
            absent=_by_entity(coverage, ABSENT, number) if counts[number]["absent"] else {},
            missing=_by_entity(coverage, MISSING, number) if counts[number]["missing"] else {},
            evidence=_evidence(scanned.absences, window) if counts[number]["absent"] else (),
            recheck=_recheck(scanned.absences, window) if counts[number]["absent"] else 0,
            touched_by=_touched_by(contract, feed, scanned, window),
        )
        for number, window in enumerate(scanned.expectation.windows)
    ]


def _by_entity(coverage: Coverage, code: int, window: int) -> dict[str, list[list[str]]]:
    return {entity: iso_ranges(ranges) for entity, ranges, _ in coverage.ranges_of(code, window=window)}


def _evidence(absences: tuple[Absence, ...], window: Window) -> tuple[str, ...]:
    inside = [absence for absence in absences if any(window.overlaps(start, end) for start, end in absence.ranges)]
    return tuple(sorted({absence.key for absence in inside}))


def _recheck(absences: tuple[Absence, ...], window: Window) -> int:
    """When the first of the window's absences is to be asked for again, by the newest of each entity."""
    newest: dict[str, int] = {}
    for absence in absences:
        if any(window.overlaps(start, end) for start, end in absence.ranges):
            newest[absence.entity] = max(newest.get(absence.entity, 0), absence.expires_at)
    return min(newest.values(), default=0)


def _touched_by(contract: Contract, feed: Feed, scanned: ScannedWindows, window: Window) -> tuple[str, ...]:
    """The reasons for which the window cannot be certified although nothing of it may be missing."""
    tables = {table.name: table for table in contract.tables}
    partitions = scanned.partitions
    reasons = []
    held = [*partitions.held, *(finding for finding in scanned.derived if isinstance(finding, HeldPartition))]
    faulty: list[HeldPartition | BrokenPartition | BrokenRule] = [*held, *partitions.broken, *partitions.rules]
    for finding in faulty:
        table = tables[finding.table]
        first, last = period_of(table, feed, finding.partition, fact=tables.get(table.source, table))
        if window.overlaps(first, last):
            place = f"{finding.kind}: {finding.table}/{finding.partition}"
            reasons.append(held_reason(finding) if isinstance(finding, HeldPartition) else place)
    reasons += [f"{orphan.kind}: {orphan.table}.{orphan.column}" for orphan in partitions.orphans]
    reasons += [f"{UNKNOWN_PARENT}: {column}" for column in partitions.unknown_parents]
    points = [point for point in scanned.disputed if window.start <= epoch(point.at) < window.end]
    reasons += [f"{point.kind}: {point.table}/{point.partition}" for point in points]
    return tuple(dict.fromkeys(reasons))
