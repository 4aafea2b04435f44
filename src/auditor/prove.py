"""Proof of certificates from the objects alone: needs nothing but to read them.

The chain: every number from 1 to the head's is there, each names the hash of the one before, and the head names the
last one's. The rows: what the newest certificate of each window says of its partitions, counts and evidence is what the
warehouse holds now. A window that was committed to after its certificate fails too, until its successor is issued.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from auditor.databases.prove import partition_problems
from auditor.evidence.absent import Absence
from auditor.evidence.chain import ChainReader
from auditor.feeds.expect import expect
from auditor.feeds.partition_scan import PartitionScan, scan_partitions
from auditor.warehouse.retired import since_of
from auditor.windows import Window
from core.audit.certificate import FIRST_PREVIOUS, Certificate, Head, certificate_key, hash_of, head_key, window_digest
from core.audit.overtaken import folders_in, speaking
from core.contract.model import Contract, Contracts, Database, Feed, Table
from core.errors import InvalidData
from core.evolution.certified import columns_of, table_as_certified
from core.evolution.deployments import Recorded, read_history
from core.evolution.promised import contracts_until, place_of
from core.json import canonical_text
from core.ports import ObjectReader, PartitionStore
from core.time import epoch
from core.warehouse.current_state import current_table
from core.warehouse.pointer import partition_of

AT_ONCE = 200  # windows that are scanned together


@dataclass(frozen=True, slots=True)
class Failure:
    """A claim that does not hold. ``partition`` and ``window`` are empty where the chain itself is concerned."""

    dataset: str
    certificate: int
    window: str
    partition: str
    problem: str


@dataclass(frozen=True, slots=True)
class Verified:
    """Result of a proof: ``certificates`` were read, ``windows`` compared with their rows."""

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

    That rows of a generation which readers do not see any more have changed since, or are gone, is no failure: it was
    written until its grace period ended, and its windows wait to be certified in the one that took its place.

    Raises ``TransientFailure`` where the store does not answer.
    """
    chain, failures = read_chain(records, dataset)
    newest = {certificate.window: certificate for certificate in chain}
    spoken = speaking(newest, since=since_of(contracts.dataset(dataset)))
    within = [newest[name] for name in spoken if _is_between(epoch(newest[name].start), start, end)]
    chosen = sorted(within, key=lambda certificate: certificate.start)
    history = read_history(records, dataset)
    served = _served_folders(contracts.dataset(dataset))
    for terms, group in _by_terms(contracts, dataset, chosen, history).items():
        promises = _promises(contracts, dataset, history, terms, group[0])
        for first in range(0, len(group), AT_ONCE):
            part = group[first : first + AT_ONCE]
            problems = _rows(promises, dataset, part, records, partitions, workers, is_counted=terms.is_known)
            failures += [each for each in problems if not each.partition or folders_in([each.partition]) <= served]
    return Verified(dataset, len(chain), len(chosen), tuple(failures))


def _served_folders(contract: Contract) -> frozenset[str]:
    """The folders of what readers see, and of the current states that it is computed from."""
    states = [current_table(contract, each) for each in contract.source.tables] if contract.source else []
    return frozenset(table.folder for table in (*contract.tables, *states))


@dataclass(frozen=True, slots=True)
class _Terms:
    """What certificates are verified by: the place of their contract in the history, and their columns as text.

    ``folders`` are those of the tables that they name: the generations that they speak of.

    ``is_known``: the contract of the certificates is known, so what it promised can be counted.
    """

    place: int | None
    columns: str
    is_known: bool
    folders: frozenset[str]


def _by_terms(
    contracts: Contracts, dataset: str, certificates: Sequence[Certificate], history: Sequence[Recorded]
) -> dict[_Terms, list[Certificate]]:
    groups: dict[_Terms, list[Certificate]] = {}
    for certificate in certificates:
        place = place_of(history, certificate.contract, verified_at=epoch(certificate.verified_at))
        is_known = place is not None or certificate.contract == contracts.dataset(dataset).hash
        terms = _Terms(place, canonical_text(certificate.columns), is_known, folders_in(certificate.partitions))
        groups.setdefault(terms, []).append(certificate)
    return groups


def _promises(
    contracts: Contracts, dataset: str, history: Sequence[Recorded], terms: _Terms, certificate: Certificate
) -> Contracts:
    """The contracts that certificates are verified by: those of their time, with tables as they are stored now.

    A table is read in the generation that the certificates speak of, as the last contract that named it says. One that
    no contract promises any more is read as it was promised last.
    """
    promised = contracts if terms.place is None else contracts_until(history, terms.place)
    contract, now = promised.dataset(dataset), contracts.dataset(dataset)
    of_now = {table.name: table for table in now.tables}
    by_folder = _tables_by_folder([*(recorded.form.contract for recorded in history), now])
    of_now |= {by_folder[folder].name: by_folder[folder] for folder in terms.folders if folder in by_folder}
    columns = certificate.columns or columns_of(contract.tables, (table.name for table in contract.tables))
    tables = [table_as_certified(of_now.get(table.name, table), columns) for table in contract.tables]
    changed = replace(contract, tables=tuple(tables))
    return replace(promised, contracts=tuple(changed if each is contract else each for each in promised))


def _tables_by_folder(contracts: Iterable[Contract]) -> dict[str, Table]:
    """The tables of contracts and of those beside them, as the last one that names a folder says."""
    tables: dict[str, Table] = {}
    for contract in contracts:
        for each in (*(contract.beside.contract.tables if contract.beside else ()), *contract.tables):
            tables[each.folder] = each
    return tables


def _is_between(instant: int, start: int | None, end: int | None) -> bool:
    return (start is None or start <= instant) and (end is None or instant < end)


# ---------------------------------------------------------------- the chain


def read_chain(records: ObjectReader, dataset: str) -> tuple[list[Certificate], list[Failure]]:
    """All certificates that can be read, in order, and what is wrong with the chain."""
    reader = ChainReader(records, dataset)
    try:
        head = reader.head()
    except InvalidData as error:
        return [], [Failure(dataset, 0, "", "", f"{head_key(dataset)}: {error.problem}")]
    failures: list[Failure] = []
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
        else:
            problems = _link_problems(certificate, hash_of(body), number=number, previous=previous, head=head)
            failures += [Failure(dataset, number, certificate.window, "", f"{key} {text}") for text in problems]
            chain.append(certificate)
        previous = hash_of(body)
    if not head.number and numbers:
        failures.append(Failure(dataset, last, "", "", f"{head_key(dataset)} is missing"))
    return chain, failures


def _link_problems(
    certificate: Certificate, stored_hash: str, *, number: int, previous: str | None, head: Head
) -> Iterable[str]:
    """What is wrong with a certificate as link ``number``; ``previous`` is the hash before it, None: not known."""
    if certificate.number != number:
        yield f"says it is {certificate.number}"
    if previous is not None and certificate.previous != previous:
        yield f"does not follow certificate {number - 1}: one of the two was altered"
    if number == head.number and stored_hash != head.hash:
        yield "is not the one that the head names"


# ---------------------------------------------------------------- the rows


def _rows(
    contracts: Contracts,
    dataset: str,
    certificates: Sequence[Certificate],
    records: ObjectReader,
    partitions: PartitionStore,
    workers: int,
    *,
    is_counted: bool,
) -> list[Failure]:
    contract = contracts.dataset(dataset)
    feed = contract.source
    if isinstance(feed, Database):
        problems_in = partition_problems(contract, certificates, partitions, workers=workers)
        return [_failure(certificate, text, partition=name) for certificate, name, text in problems_in]
    if not isinstance(feed, Feed):
        return []
    windows = [Window(epoch(certificate.start), epoch(certificate.end)) for certificate in certificates]
    calendar = contracts.calendar(feed.calendar)
    expectation = expect(feed, calendar, windows)
    scan = scan_partitions(contract, expectation, partitions, workers=workers, as_certified=True)
    for certificate in certificates:
        for absence in _evidence(records, certificate):
            scan.coverage.mark_absent(absence.entity, absence.ranges)
    counts = scan.coverage.counts()
    failures: list[Failure] = []
    for place, certificate in enumerate(certificates):
        problems = list(_partitions(certificate, scan, place))
        # Other rows give other counts: only where the rows are the certified ones do the counts say something new.
        problems += [] if problems else _counts(certificate, counts[place], is_counted=is_counted)
        problems += _lost_evidence(records, certificate)
        failures += [_failure(certificate, text, partition=partition) for partition, text in problems]
    return failures


def _failure(certificate: Certificate, problem: str, *, partition: str = "") -> Failure:
    return Failure(certificate.dataset, certificate.number, certificate.window, partition, problem)


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
