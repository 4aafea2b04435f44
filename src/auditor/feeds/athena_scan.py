"""The scan of ranges with more points than one run can read: Athena says what is missing.

Only the partitions that lack something are opened. Findings are repaired as any others are. But a certificate is of
rows that were read, so none is issued on Athena's answer: such windows stay open, and the scheduled audits read and
certify them, as many in each run as fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from auditor.evidence.absent import Absence
from auditor.evidence.results import WindowResult, held_reason
from auditor.feeds.choose import FeedOrder
from auditor.feeds.expect import Expectation
from auditor.feeds.partition_scan import partition_problem
from auditor.feeds.points import iso_ranges, ranges_at, slots_of_ranges
from auditor.feeds.query import ask_missing
from auditor.services import QueryRunner, Services
from auditor.warehouse.partitions import read_partition
from auditor.windows import facts_of, partitions_of
from core.audit.findings import BrokenPartition, Finding, HeldPartition, MissingPoints
from core.audit.history import Ranges
from core.contract.model import Contract, Feed, Table, TradingCalendar
from core.feeds.calendar import FOREVER
from core.feeds.grid import Slots
from core.feeds.partitions import entities_in, period_of
from core.ports import PartitionStore
from core.warehouse.keys import first_kept

Lacking = dict[str, Slots]  # by entity, sorted


def is_too_large(services: Services, order: FeedOrder, expectation: Expectation) -> bool:
    """Whether the range has more points than a run may read. What a schedule chose was cut to that already."""
    return services.athena is not None and not order.scheduled and expectation.grid.expected > services.limits.points


def scan_with_athena(
    services: Services,
    order: FeedOrder,
    calendar: TradingCalendar,
    expectation: Expectation,
    absences: Sequence[Absence],
) -> tuple[list[Finding], list[WindowResult]]:
    """Find what is missing and not proven absent, and what is wrong with the partitions that lack it.

    Raises ``InvalidData`` where Athena refuses or fails, ``TransientFailure`` where it or a store does not answer.
    """
    contract, feed = services.contracts.dataset(order.dataset), services.contracts.feed(order.dataset)
    lost = _lost(services.needed_athena(), contract, feed, calendar, expectation)
    lacking, absent = _without(lost, absences)
    workers = services.limits.workers
    faulty = list(_faulty_partitions(services.partitions, contract, feed, expectation, lacking, workers=workers))
    held = [finding for finding in faulty if isinstance(finding, HeldPartition)]
    windows = _window_results(order, expectation, lacking, absent)
    findings: list[Finding] = [
        *faulty,
        *_findings(contract, feed, expectation, _not_held(lacking, held, contract, feed)),
    ]
    return findings, [_held_back(window, held, contract, feed) for window in windows]


def _lost(
    athena: QueryRunner, contract: Contract, feed: Feed, calendar: TradingCalendar, expectation: Expectation
) -> Lacking:
    """The slots that are not in all of the facts, as far as the range and each fact's first partition owe them."""
    grid = expectation.grid
    lost: Lacking = {}
    for table in facts_of(contract):
        begin = first_kept(table) or -FOREVER
        for missing in ask_missing(athena, contract.dataset, table, feed, calendar, expectation.windows):
            entity, slots = missing.entity, slots_of_ranges(grid.slots, missing.ranges)
            slots = slots[slots >= begin]
            if len(slots):
                lost[entity] = np.union1d(lost[entity], slots) if entity in lost else slots
    return lost


def _without(lost: Lacking, absences: Sequence[Absence]) -> tuple[Lacking, Lacking]:
    """Tell what is missing from what the source has proven not to have."""
    absent: Lacking = {}
    for absence in absences:
        if absence.entity in lost:
            proven = slots_of_ranges(lost[absence.entity], absence.ranges)
            absent[absence.entity] = np.union1d(absent.get(absence.entity, proven), proven)
    lacking = {entity: np.setdiff1d(slots, absent.get(entity, slots[:0])) for entity, slots in lost.items()}
    return {entity: slots for entity, slots in lacking.items() if len(slots)}, absent


# ---------------------------------------------------------------- the partitions


def _faulty_partitions(
    store: PartitionStore, contract: Contract, feed: Feed, expectation: Expectation, lacking: Lacking, *, workers: int
) -> Iterator[HeldPartition | BrokenPartition]:
    def condition(place: tuple[Table, str]) -> HeldPartition | BrokenPartition | None:
        table, path = place
        return partition_problem(read_partition(store, table, path, table.key))

    places = [
        (table, path)
        for table in facts_of(contract)
        for path in partitions_of(table, feed, expectation.windows)
        if any(len(slots) for _, slots in _inside(table, feed, path, lacking))
    ]
    with ThreadPoolExecutor(workers) as pool:
        conditions = pool.map(condition, places)
        yield from (condition for condition in conditions if condition is not None)


def _inside(table: Table, feed: Feed, path: str, lacking: Lacking) -> Iterator[tuple[str, Slots]]:
    """The slots of each entity that may lie in the partition."""
    first, last = period_of(table, feed, path)
    for entity in entities_in(table, feed, path):
        if entity in lacking:
            yield entity, slots_of_ranges(lacking[entity], [(first, last)])


def _not_held(lacking: Lacking, held: Sequence[HeldPartition], contract: Contract, feed: Feed) -> Lacking:
    """The lacking points without those of partitions that are held back on purpose, which are no finding."""
    tables = {fact.name: fact for fact in facts_of(contract)}
    kept = dict(lacking)
    for finding in held:
        for entity, slots in _inside(tables[finding.table], feed, finding.partition, lacking):
            kept[entity] = np.setdiff1d(kept[entity], slots)
    return {entity: slots for entity, slots in kept.items() if len(slots)}


# ---------------------------------------------------------------- findings and windows


def _findings(contract: Contract, feed: Feed, expectation: Expectation, lacking: Lacking) -> list[MissingPoints]:
    """The findings in the contract's order, as ``points.missing_points`` gives them."""
    return [
        MissingPoints(
            contract.dataset, entity.name, _ranges(expectation, lacking[entity.name]), len(lacking[entity.name])
        )
        for entity in feed.entities
        if entity.name in lacking
    ]


def _ranges(expectation: Expectation, slots: Slots) -> Ranges:
    """Slots of the expectation as ranges."""
    return ranges_at(slots, expectation.grid.steps[np.searchsorted(expectation.grid.slots, slots)])


def _window_results(
    order: FeedOrder, expectation: Expectation, lacking: Lacking, absent: Lacking
) -> list[WindowResult]:
    missing, proven = _by_window(expectation, lacking), _by_window(expectation, absent)
    results = []
    for place, (window, expected) in enumerate(zip(expectation.windows, expectation.owed_per_window(), strict=True)):
        lost, gone = (sum(len(slots) for slots in per_window[place].values()) for per_window in (missing, proven))
        counts = {"expected": expected, "present": expected - lost - gone, "absent": gone, "missing": lost}
        results.append(
            WindowResult(
                start=window.start,
                end=window.end,
                complete=order.has_all_of(window),
                counts=counts,
                partitions={},
                missing={entity: iso_ranges(_ranges(expectation, slots)) for entity, slots in missing[place].items()},
                counted=True,
            )
        )
    return results


def _held_back(window: WindowResult, held: Sequence[HeldPartition], contract: Contract, feed: Feed) -> WindowResult:
    """The window, which says what of it is held."""
    tables = {fact.name: fact for fact in facts_of(contract)}
    periods = ((finding, period_of(tables[finding.table], feed, finding.partition)) for finding in held)
    reasons = [held_reason(each) for each, (start, end) in periods if start < window.end and window.start < end]
    return replace(window, touched_by=tuple(reasons)) if reasons else window


def _by_window(expectation: Expectation, slots: Lacking) -> list[Lacking]:
    """The slots of each window, by entity."""
    by_window: list[Lacking] = [{} for _ in expectation.windows]
    for entity, of_entity in slots.items():
        places = expectation.window_of[np.searchsorted(expectation.grid.slots, of_entity)]
        windows, first = np.unique(places, return_index=True)
        for window, part in zip(windows.tolist(), np.split(of_entity, first[1:]), strict=True):
            by_window[window][entity] = part
    return by_window
