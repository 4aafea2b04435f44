"""Certificates of a feed's windows against the partitions, counts and evidence as they are now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from auditor.evidence.absent import Absence, kept_absence
from auditor.feeds.expect import expect
from auditor.feeds.partition_scan import PartitionScan, scan_partitions
from auditor.windows import DAY, Window
from core.audit.certificate import Certificate, window_digest
from core.contract.model import Contracts
from core.errors import InvalidData
from core.ports import ObjectReader, PartitionStore
from core.time import epoch
from core.warehouse.pointer import partition_of

Evidence = dict[str, Absence | None]  # by key; None where it is missing or altered


def window_problems(
    contracts: Contracts,
    dataset: str,
    certificates: Sequence[Certificate],
    *,
    records: ObjectReader,
    partitions: PartitionStore,
    sizes: dict[str, int],
    workers: int = 8,
    is_counted: bool = True,
) -> Iterator[tuple[Certificate, str, str]]:
    """(certificate, partition, problem) of what does not hold of certificates that name the same columns.

    ``sizes`` takes up how many rows each partition has, those of no window included.

    Raises ``InvalidData`` where they cannot be compared, or ``TransientFailure`` where the store does not answer.
    """
    feed = contracts.feed(dataset)
    windows = [Window(epoch(certificate.start), epoch(certificate.end)) for certificate in certificates]
    for window, certificate in zip(windows, certificates, strict=True):
        if not 0 < window.end - window.start <= DAY or windows.count(window) > 1:
            problem = f"{certificate.start} to {certificate.end} is no window of a feed, or another's too"
            raise InvalidData("verify", certificate.window, problem, "It was forged")
    scan = scan_partitions(
        contracts.dataset(dataset),
        expect(feed, contracts.calendar(feed.calendar), windows),
        partitions,
        workers=workers,
        as_certified=True,
    )
    sizes |= scan.sizes
    evidence = [{key: kept_absence(records, key) for key in certificate.evidence} for certificate in certificates]
    for absences in evidence:
        for absence in filter(None, absences.values()):
            scan.coverage.mark_absent(absence.entity, absence.ranges)
    counts = scan.coverage.counts()
    for place, certificate in enumerate(certificates):
        problems = [*_partitions(certificate, scan, place), *_lost_evidence(certificate, evidence[place])]
        # Other rows, or proofs less, give other counts: only where neither is so do the counts say something new.
        problems += [] if problems else _counts(certificate, counts[place], is_counted=is_counted)
        yield from ((certificate, partition, text) for partition, text in problems)


def _partitions(certificate: Certificate, scan: PartitionScan, place: int) -> Iterable[tuple[str, str]]:
    """(partition, problem) where the rows are not the certified ones."""
    if window_digest(certificate.partitions) != certificate.digest:
        yield "", "its digest is not that of its partitions"
    broken = {partition_of(scan.folders[bad.table], bad.partition): bad.problem for bad in scan.broken}
    now = scan.proofs[place]
    for name in sorted({*certificate.partitions, *now}):
        was, there = certificate.partitions.get(name), now.get(name)
        if was == there:
            continue
        if name in broken:
            yield name, broken[name]
        elif was is None or there is None:
            yield name, f"{_rows_of(there)} rows, {_rows_of(was)} were certified"
        elif was[0] != there[0]:
            yield name, f"{there[0]} rows, {was[0]} were certified"
        else:
            yield name, "its rows are not the certified ones"


def _rows_of(proof: Sequence[Any] | None) -> int:
    return int(proof[0]) if proof else 0


def _counts(certificate: Certificate, now: Any, *, is_counted: bool) -> Iterable[tuple[str, str]]:
    """What was promised under a contract that nobody knows cannot be counted; its rows are compared all the same."""
    if certificate.present + certificate.absent + certificate.missing != certificate.expected:
        yield "", "its own counts do not add up"
    if not is_counted:
        return
    for name in ("expected", "present", "observed", "late", "repaired", "absent", "missing"):
        if now[name] != getattr(certificate, name):
            yield "", f"{name} is {now[name]}, {getattr(certificate, name)} were certified"


def _lost_evidence(certificate: Certificate, evidence: Evidence) -> Iterable[tuple[str, str]]:
    """Every absent point needs evidence that is what its name says and covers it."""
    proven: dict[str, list[tuple[int, int]]] = {}
    for key, absence in evidence.items():
        if absence is None:
            yield "", f"its evidence {key} is missing or altered"
        else:
            proven.setdefault(absence.entity, []).extend(absence.ranges)
    for entity, ranges in certificate.absent_points.items():
        for start, end in ranges:
            if not _covered(epoch(start), epoch(end), proven.get(entity, [])):
                yield "", f"{entity} is said to be absent from {start} to {end} without evidence"


def _covered(start: int, end: int, ranges: Iterable[tuple[int, int]]) -> bool:
    for first, last in sorted(ranges):
        if first <= start < last:
            start = last
    return start >= end
