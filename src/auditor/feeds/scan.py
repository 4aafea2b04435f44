"""One look of an audit at a feed's windows: what is there, what is missing, what is wrong. Writes one paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from auditor.evidence.absent import Absence, read_absences
from auditor.evidence.chain import ChainReader
from auditor.evidence.results import AuditResult, WindowResult, kinds_of
from auditor.feeds.athena_scan import is_too_large, look_from_afar
from auditor.feeds.choose import FeedOrder, feed_of
from auditor.feeds.coverage import Survey, parents_of, survey
from auditor.feeds.expect import Expectation, expect
from auditor.feeds.objects import compare_hours, first_hour, hours_to_look_at
from auditor.feeds.points import ABSENT, MISSING, Coverage, missing_points
from auditor.feeds.rollups import stale_rollups
from auditor.feeds.sample import choose_sample, disputed_values, told_by_provider
from auditor.repairs.outcomes import read_reports
from auditor.run_files import write_run_file
from auditor.services import Services
from auditor.state import read_state
from auditor.warehouse.unreferenced import find_unreferenced
from auditor.windows import Window, facts_of
from core.audit.certificate import LedgerEntry, window_name
from core.audit.findings import BrokenPartition, BrokenRule, DisputedValue, Finding, HeldPartition, MissingPoints
from core.audit.history import Ranges
from core.audit.repair_jobs import Compare
from core.contract.model import Contract, Feed
from core.feeds.partitions import covers, period_of
from core.time import epoch, iso


@dataclass(frozen=True, slots=True)
class Seen:
    """What an audit's look is made of, for those who judge it."""

    expectation: Expectation
    survey: Survey
    entries: Mapping[str, LedgerEntry]
    absences: tuple[Absence, ...]
    disputed: tuple[DisputedValue, ...] = ()


def look(services: Services, order: FeedOrder, *, attempt: int) -> AuditResult:
    """Audit the order's windows as they are now; the result is a paper of the run.

    Raises ``TransientFailure`` where a store does not answer, ``InvalidData`` where Athena has to be asked and fails.
    """
    contract, feed, calendar = feed_of(services, order.dataset)
    now = services.now()
    seconds = int(now.timestamp())
    expectation = expect(feed, calendar, order.windows, start=order.start, end=order.end)
    absences = [
        absence
        for absence in read_absences(services.records, order.dataset, order.windows, workers=services.limits.workers)
        if absence.expires_at > seconds
    ]
    objects, until = _objects(services, contract, now)
    targets: Mapping[str, str] = {}
    sample: tuple[Compare, ...] = ()
    if is_too_large(services, order, expectation):
        found, windows = look_from_afar(services, order, calendar, expectation, absences)
    else:
        seen = _read(services, contract, feed, order, expectation, absences, attempt=attempt)
        found, windows = _found(services, contract, feed, seen), _results(order, contract, feed, seen)
        targets = seen.survey.targets
        sample = choose_sample(contract, feed, seen.survey.coverage, seen.entries, now=seconds) if not attempt else ()
    leavings = find_unreferenced(
        services, contract, order.run, audited=targets, scheduled=order.scheduled, attempt=attempt
    )
    result = AuditResult(
        dataset=order.dataset,
        subject=feed.table.name,
        windows=tuple(windows),
        findings=(*objects, *found, *leavings.findings),
        targets=targets,
        objects_until=until,
        audited_at=iso(seconds),
        sample=sample,
        swept_until=leavings.until,
    )
    write_run_file(services.records, order.run, f"audit-{attempt}", result.to_data())
    return result


def _read(
    services: Services,
    contract: Contract,
    feed: Feed,
    order: FeedOrder,
    expectation: Expectation,
    absences: Sequence[Absence],
    *,
    attempt: int,
) -> Seen:
    """All that is to be seen of the windows' rows."""
    parents = parents_of(services.partitions, services.contracts.table)
    seen = survey(contract, expectation, services.partitions, parents=parents, workers=services.limits.workers)
    for absence in absences:
        seen.coverage.mark_absent(absence.entity, absence.ranges)
    names = [(window_name(feed.table.name, window.name), window.name) for window in expectation.windows]
    entries = ChainReader(services.records, order.dataset).entries(names)
    disputed = _disputed(services, contract, feed, order, attempt)
    return Seen(expectation, seen, entries, tuple(absences), tuple(disputed))


def _found(services: Services, contract: Contract, feed: Feed, seen: Seen) -> list[Finding]:
    missing = _missing(contract, feed, seen)
    stale = stale_rollups(services.partitions, contract, seen.expectation, seen.survey, seen.entries)
    return [*_of_partitions(contract, feed, seen, missing), *missing, *seen.disputed, *stale]


def _disputed(
    services: Services, contract: Contract, feed: Feed, order: FeedOrder, attempt: int
) -> list[DisputedValue]:
    """What the provider has contradicted in this run and the warehouse still says."""
    if not feed.sample.points or not attempt:
        return []
    told = told_by_provider(read_reports(services, order.run, attempts=[1]))  # the sample is compared in the first
    return disputed_values(services.partitions, contract, feed, told)


def _objects(services: Services, contract: Contract, now: datetime) -> tuple[list[Finding], str]:
    state = read_state(services.records, contract.dataset)
    since = first_hour(services.ingest, contract.dataset)
    hours = hours_to_look_at(since=since, stood=state.objects_from, now=now)
    unprocessed, lost = compare_hours(
        contract,
        hours,
        ingest=services.ingest,
        records=services.records,
        code_version=services.code_version,
        now=now,
        grace=services.limits.grace_seconds,
        workers=services.limits.workers,
    )
    return [*unprocessed, *lost], hours[-1] if hours else ""


def _of_partitions(contract: Contract, feed: Feed, seen: Seen, missing: Sequence[MissingPoints]) -> list[Finding]:
    """What is wrong with partitions: broken, held, lawless, rolled back; and certified rows that are gone."""
    found: list[Finding] = [*seen.survey.held, *seen.survey.broken, *seen.survey.rules, *seen.survey.orphans]
    known = {(one.table, one.partition) for one in seen.survey.held}
    known |= {(one.table, one.partition) for one in seen.survey.broken}
    tables = {fact.name: fact for fact in facts_of(contract)}
    fewer, other = _against_certificates(feed, seen)
    for back in seen.survey.rolled_back:
        place, table = (back.table, back.partition), tables[back.table]
        lacks = any(
            covers(table, feed, back.partition, entity=one.entity, start=start, end=end)
            for one in missing
            for start, end in one.ranges
        )
        if place not in known and (lacks or place in fewer or place in other):
            known.add(place)
            found.append(back)
    for (name, path), lost in sorted(fewer.items()):
        if (name, path) not in known and name in tables:
            problem = f"{lost} rows that were certified are gone"
            found.append(BrokenPartition(contract.dataset, name, path, problem))
    return found


def _against_certificates(feed: Feed, seen: Seen) -> tuple[dict[tuple[str, str], int], set[tuple[str, str]]]:
    """Per (table, path): the rows that it has fewer than were certified; and the partitions that have other rows."""
    fewer: dict[tuple[str, str], int] = {}
    other: set[tuple[str, str]] = set()
    for place, window in enumerate(seen.expectation.windows):
        entry = seen.entries.get(window_name(feed.table.name, window.name))
        for name, proof in (entry.partitions if entry else {}).items():
            table, _, path = name.partition("/")
            now: Any = seen.survey.proofs[place].get(name, [0, ""])
            if now != proof:
                other.add((table, path))
            if now[0] < proof[0]:
                fewer[table, path] = fewer.get((table, path), 0) + proof[0] - now[0]
    return fewer, other


def _missing(contract: Contract, feed: Feed, seen: Seen) -> list[MissingPoints]:
    """The missing points, but for those in partitions that are held back on purpose."""
    found = missing_points(contract.dataset, seen.survey.coverage, every=feed.every)
    tables = {fact.name: fact for fact in facts_of(contract)}
    held = [(tables[one.table], one.partition) for one in seen.survey.held]
    if not held:
        return found
    kept = []
    for one in found:
        ranges = tuple(
            (start, end)
            for start, end in one.ranges
            if not any(covers(table, feed, path, entity=one.entity, start=start, end=end) for table, path in held)
        )
        if ranges:
            points = sum((end - start) // feed.every for start, end in ranges)
            kept.append(MissingPoints(one.dataset, one.entity, ranges, points))
    return kept


def _results(order: FeedOrder, contract: Contract, feed: Feed, seen: Seen) -> list[WindowResult]:
    coverage = seen.survey.coverage
    counts = coverage.counts()
    return [
        WindowResult(
            start=window.start,
            end=window.end,
            complete=_is_all_of(order, window),
            counts=counts[place],
            partitions=seen.survey.proofs[place],
            absent=_by_entity(coverage, ABSENT, place, feed.every) if counts[place]["absent"] else {},
            missing=_by_entity(coverage, MISSING, place, feed.every) if counts[place]["missing"] else {},
            evidence=_evidence(seen.absences, window) if counts[place]["absent"] else (),
            touched_by=_touched_by(contract, feed, seen, window),
        )
        for place, window in enumerate(seen.expectation.windows)
    ]


def _is_all_of(order: FeedOrder, window: Window) -> bool:
    return order.start <= window.start and window.end <= order.end


def _by_entity(coverage: Coverage, code: int, window: int, every: int) -> dict[str, list[list[str]]]:
    return {entity: _written(ranges) for entity, ranges, _ in coverage.ranges_of(code, window=window, every=every)}


def _written(ranges: Ranges) -> list[list[str]]:
    return [[iso(start), iso(end)] for start, end in ranges]


def _evidence(absences: tuple[Absence, ...], window: Window) -> tuple[str, ...]:
    inside = [absence for absence in absences if any(window.overlaps(start, end) for start, end in absence.ranges)]
    return tuple(sorted({one.key for one in inside}))


def _touched_by(contract: Contract, feed: Feed, seen: Seen, window: Window) -> tuple[str, ...]:
    """Why the window cannot be certified although nothing of it may be missing."""
    tables = {fact.name: fact for fact in facts_of(contract)}
    reasons = []
    ill: Sequence[HeldPartition | BrokenPartition | BrokenRule]
    ill = [*seen.survey.held, *seen.survey.broken, *seen.survey.rules]
    for one in ill:
        first, last = period_of(tables[one.table], feed, one.partition)
        if window.overlaps(first, last):
            reasons.append(f"{one.kind}: {one.table}/{one.partition}")
    reasons += [f"{orphan.kind}: {orphan.table}.{orphan.column}" for orphan in seen.survey.orphans]
    points = [one for one in seen.disputed if window.start <= epoch(one.at) < window.end]
    reasons += [f"{point.kind}: {point.table}/{point.partition}" for point in points]
    return tuple(dict.fromkeys(reasons))


def summary_of(order: FeedOrder, result: AuditResult, *, attempt: int) -> dict[str, Any]:
    """What the state machine carries: keys and counts."""
    kinds = kinds_of(result.findings)
    repairable = sum(count for kind, count in kinds.items() if kind != "held_partition")
    return {
        "dataset": order.dataset,
        "run": order.run,
        "attempt": attempt,
        "windows": len(order.windows),
        "whole": sum(window.whole for window in result.windows),
        "expected": sum(window.counts["expected"] for window in result.windows),
        "present": sum(window.counts["present"] for window in result.windows),
        "absent": sum(window.counts["absent"] for window in result.windows),
        "missing": sum(window.counts["missing"] for window in result.windows),
        "findings": repairable,
        "kinds": kinds,
        "healthy": repairable == 0 and not result.sample,  # what is still to be compared is not yet known to be well
    }
