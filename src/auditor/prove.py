"""Certificates verified again, from the objects alone: needs nothing but to read them.

The chain: every number from 1 to the head's is there, each names the hash of the one before, and the head names the
last one's. The rows: what the newest certificate of each window says of its partitions, counts and evidence is what the
warehouse holds now. A window that was committed to after its certificate fails too, until its successor is issued.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from auditor.databases.prove import partition_problems
from auditor.evidence.absent import Absence
from auditor.evidence.chain import ChainReader
from auditor.feeds.expect import expect
from auditor.feeds.partition_scan import PartitionScan, scan_partitions
from auditor.windows import Window
from core.audit.certificate import FIRST_PREVIOUS, Certificate, certificate_key, hash_of, head_key, window_digest
from core.contract.model import Contract, Contracts, Database, Feed
from core.errors import InvalidData
from core.ports import ObjectReader, PartitionStore
from core.time import epoch

AT_ONCE = 200  # windows that are looked at together


@dataclass(frozen=True, slots=True)
class Failure:
    """What does not hold. ``partition`` and ``window`` are empty where the chain itself is concerned."""

    dataset: str
    certificate: int
    window: str
    partition: str
    problem: str


@dataclass(frozen=True, slots=True)
class Verified:
    """``certificates`` were read, ``windows`` compared with their rows."""

    dataset: str
    certificates: int
    windows: int
    failures: tuple[Failure, ...]


def verify(
    contracts: Contracts,
    dataset: str,
    *,
    records: ObjectReader,
    partitions: PartitionStore,
    start: int | None = None,
    end: int | None = None,
    workers: int = 8,
) -> Verified:
    """Verify a dataset's chain, and the windows that begin in ``[start, end)`` (epoch seconds; None: no bound).

    Raises ``TransientFailure`` where the store does not answer.
    """
    chain, failures = read_chain(records, dataset)
    newest: dict[str, Certificate] = {}
    for one in chain:
        newest[one.window] = one
    chosen = sorted(
        (
            one
            for one in newest.values()
            if (start is None or start <= epoch(one.start)) and (end is None or epoch(one.start) < end)
        ),
        key=lambda one: one.start,
    )
    contract = contracts.dataset(dataset)
    for first in range(0, len(chosen), AT_ONCE):
        failures += _rows(contracts, contract, chosen[first : first + AT_ONCE], records, partitions, workers)
    return Verified(dataset, len(chain), len(chosen), tuple(failures))


# ---------------------------------------------------------------- the chain


def read_chain(records: ObjectReader, dataset: str) -> tuple[list[Certificate], list[Failure]]:
    """All certificates that can be read, in order, and what is wrong with the chain."""
    reader = ChainReader(records, dataset)
    failures: list[Failure] = []
    try:
        head = reader.head()
    except InvalidData as error:
        return [], [Failure(dataset, 0, "", "", f"{head_key(dataset)}: {error.problem}")]
    numbers = set(reader.numbers())
    last = max([head.number, *numbers])
    chain: list[Certificate] = []
    previous: str | None = FIRST_PREVIOUS
    for number in range(1, last + 1):
        body = reader.body(number) if number in numbers else None
        key = certificate_key(dataset, number)
        if body is None:
            failures.append(Failure(dataset, number, "", "", f"{key} is missing"))
            previous = None
            continue
        try:
            certificate = Certificate.from_json(body, key=key)
        except InvalidData as error:
            failures.append(Failure(dataset, number, "", "", f"{key} {error.problem}"))
            previous = hash_of(body)
            continue
        if certificate.number != number:
            failures.append(Failure(dataset, number, certificate.window, "", f"{key} says it is {certificate.number}"))
        if previous is not None and certificate.previous != previous:
            problem = f"{key} does not follow certificate {number - 1}: one of the two was altered"
            failures.append(Failure(dataset, number, certificate.window, "", problem))
        previous = hash_of(body)
        if number == head.number and previous != head.hash:
            failures.append(
                Failure(dataset, number, certificate.window, "", f"{key} is not the one that the head names")
            )
        chain.append(certificate)
    if not head.number and numbers:
        failures.append(Failure(dataset, last, "", "", f"{head_key(dataset)} is missing"))
    return chain, failures


# ---------------------------------------------------------------- the rows


def _rows(
    contracts: Contracts,
    contract: Contract,
    certificates: Sequence[Certificate],
    records: ObjectReader,
    partitions: PartitionStore,
    workers: int,
) -> list[Failure]:
    feed = contract.source
    if isinstance(feed, Database):
        found_in = partition_problems(contract, certificates, partitions, workers=workers)
        return [Failure(one.dataset, one.number, one.window, name, text) for one, name, text in found_in]
    if not isinstance(feed, Feed):
        return []
    windows = [Window(epoch(certificate.start), epoch(certificate.end)) for certificate in certificates]
    calendar = contracts.calendar(feed.calendar)
    expectation = expect(feed, calendar, windows)
    found = scan_partitions(contract, expectation, partitions, workers=workers)
    for certificate in certificates:
        for absence in _evidence(records, certificate):
            found.coverage.mark_absent(absence.entity, absence.ranges)
    counts = found.coverage.counts()
    failures: list[Failure] = []
    for place, certificate in enumerate(certificates):
        problems = list(_partitions(certificate, found, place))
        # Other rows give other counts: only where the rows are the certified ones do the counts say something new.
        problems += (
            [] if problems else _counts(certificate, counts[place], same_promise=certificate.contract == contract.hash)
        )
        problems += _lost_evidence(records, certificate)
        failures += [
            Failure(certificate.dataset, certificate.number, certificate.window, partition, text)
            for partition, text in problems
        ]
    return failures


def _partitions(certificate: Certificate, found: PartitionScan, place: int) -> Iterable[tuple[str, str]]:
    """(partition, problem) where the rows are not the certified ones."""
    if window_digest(certificate.partitions) != certificate.digest:
        yield "", "its digest is not that of its partitions"
    broken = {f"{bad.table}/{bad.partition}": bad.problem for bad in found.broken}
    now = found.proofs[place]
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


def _counts(certificate: Certificate, now: Any, *, same_promise: bool) -> Iterable[tuple[str, str]]:
    """What was promised under another contract cannot be counted by this one; its rows are compared all the same."""
    if certificate.present + certificate.absent + certificate.missing != certificate.expected:
        yield "", "its own counts do not add up"
    if not same_promise:
        return
    for name in ("expected", "present", "observed", "late", "repaired", "absent", "missing"):
        if now[name] != getattr(certificate, name):
            yield "", f"{name} is {now[name]}, {getattr(certificate, name)} were certified"


def _evidence(records: ObjectReader, certificate: Certificate) -> list[Absence]:
    stored = [records.read(key) for key in certificate.evidence]
    return [Absence.from_json(body.body) for body in stored if body]


def _lost_evidence(records: ObjectReader, certificate: Certificate) -> Iterable[tuple[str, str]]:
    """Every absent point needs evidence that is what its name says and covers it."""
    proven: dict[str, list[tuple[int, int]]] = {}
    for key in certificate.evidence:
        stored = records.read(key)
        absence = Absence.from_json(stored.body) if stored else None
        if absence is None or absence.key != key:
            yield "", f"its evidence {key} is {'altered' if absence else 'missing'}"
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
