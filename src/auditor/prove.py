"""Proof of certificates from the objects alone: needs nothing but to read them.

The chain: every number from 1 to the head's is there, each names the hash of the one before, and the head names the
last one's. The rows: what the newest certificate of each window says of its partitions, counts and evidence is what the
warehouse holds now. A window that was committed to after its certificate fails too, until its successor is issued.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from auditor.proof.database_slices import partition_problems
from auditor.proof.feed_windows import window_problems
from auditor.proof.links import Failure, Links, Restated, read_links
from auditor.proof.uncertified import Uncertified, find_uncertified
from auditor.warehouse.retired import since_of
from core.audit.certificate import Certificate
from core.audit.overtaken import folders_in, speaking
from core.contract.model import Contract, Contracts, Database, Table
from core.errors import InvalidData, NotGranted, PipelineBug, StarmendError, TransientFailure
from core.evolution.certified import columns_of, table_as_certified
from core.evolution.deployments import Recorded, read_history
from core.evolution.promised import contracts_until, place_of
from core.json import canonical_text
from core.ports import ObjectReader, PartitionStore
from core.time import epoch
from core.warehouse.current_state import current_table

AT_ONCE = 200  # windows that are scanned together


@dataclass(frozen=True, slots=True)
class Verified:
    """Result of a proof: ``certificates`` were read, ``windows`` compared with their rows.

    ``restated`` are windows of the range that were certified otherwise before, and ``uncertified`` the rows of which no
    certificate speaks: neither is a failure, and both are where a lie can be.
    """

    dataset: str
    certificates: int
    windows: int
    failures: tuple[Failure, ...]
    restated: tuple[Restated, ...] = ()
    uncertified: tuple[Uncertified, ...] = ()
    links: Links = field(default_factory=Links)


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
    contract = contracts.dataset(dataset)
    links = read_links(records, dataset, workers=workers)
    newest = {certificate.window: certificate for certificate in links.certificates}
    served = _served_tables(contract)
    spoken = list(_speaking(newest, frozenset(served), since_of(contract)))
    within = (certificate for certificate in spoken if _is_between(epoch(certificate.start), start, end))
    chosen = sorted(within, key=_order)
    history, failures = _history(records, dataset)
    stores = _Stores(records, partitions, workers)
    for terms, group in _by_terms(contracts, dataset, chosen, history).items():
        for first in range(0, len(group), AT_ONCE):
            part = group[first : first + AT_ONCE]
            problems = _compared(contracts, dataset, history, terms, part, stores)
            failures += [each for each in problems if not each.partition or folders_in([each.partition]) <= {*served}]
    sizes = stores.sizes if start is None and end is None else {}
    uncertified, strays = find_uncertified(records, served.values(), spoken, sizes)
    failures += [Failure(dataset, 0, "", "", problem) for problem in strays]
    windows = {certificate.window for certificate in chosen}
    restated = tuple(each for each in links.restated if each.window in windows)
    return Verified(
        dataset,
        len(links.certificates),
        len(chosen),
        (*links.failures, *failures),
        restated,
        tuple(uncertified),
        links,
    )


def _order(certificate: Certificate) -> tuple[int, int]:
    return epoch(certificate.start), epoch(certificate.end)


def _history(records: ObjectReader, dataset: str) -> tuple[Sequence[Recorded], list[Failure]]:
    """The dataset's contracts; none of them, and why, where what was promised then is not known."""
    try:
        return read_history(records, dataset, thoroughly=True), []
    except InvalidData as error:
        return (), [Failure(dataset, 0, "", "", f"{error.place} {error.problem}")]


def _speaking(
    newest: Mapping[str, Certificate], served: frozenset[str], since: Mapping[str, int]
) -> Iterable[Certificate]:
    """The certificates that are not overtaken. What is said of rows that readers see speaks, whatever came after it.

    Else whoever adds certificates of a table that there never was could silence all others.
    """
    spoken = set(speaking(newest, since=since))
    for window, certificate in newest.items():
        folders = folders_in(certificate.partitions)
        if window in spoken or (folders and folders <= served):
            yield certificate


def _served_tables(contract: Contract) -> dict[str, Table]:
    """The tables that readers see, and the current states that these are computed from, by their folders."""
    states = [current_table(contract, each) for each in contract.source.tables] if contract.source else []
    return {table.folder: table for table in (*contract.tables, *states)}


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


# ---------------------------------------------------------------- the rows


@dataclass(frozen=True, slots=True)
class _Stores:
    """Where the rows are, and how many partitions of them are read at the same time.

    ``sizes`` takes up how many rows a feed's partitions have; in a database's there are none but the certified ones.
    """

    records: ObjectReader
    partitions: PartitionStore
    workers: int
    sizes: dict[str, int] = field(default_factory=dict)


def _compared(
    contracts: Contracts,
    dataset: str,
    history: Sequence[Recorded],
    terms: _Terms,
    certificates: Sequence[Certificate],
    stores: _Stores,
) -> list[Failure]:
    """What does not hold of certificates of the same terms.

    Where some of them, or the contract that they name, are such that nothing can be compared, they are told apart by
    halves: whoever writes the lake may have written anything, and one of them hides no other.
    """
    try:
        promises = _promises(contracts, dataset, history, terms, certificates[0])
        problems = list(_problems(promises, dataset, certificates, stores, is_counted=terms.is_known))
    except (TransientFailure, NotGranted):
        raise
    except (InvalidData, PipelineBug, ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        if len(certificates) == 1:
            problem = error.problem if isinstance(error, StarmendError) else repr(error)
            return [_failure(certificates[0], f"cannot be compared: {problem}")]
        half = len(certificates) // 2
        parts = certificates[:half], certificates[half:]
        return [each for part in parts for each in _compared(contracts, dataset, history, terms, part, stores)]
    return [_failure(certificate, text, partition=partition) for certificate, partition, text in problems]


def _problems(
    promises: Contracts, dataset: str, certificates: Sequence[Certificate], stores: _Stores, *, is_counted: bool
) -> Iterable[tuple[Certificate, str, str]]:
    contract = promises.dataset(dataset)
    if isinstance(contract.source, Database):
        return partition_problems(contract, certificates, stores.partitions, workers=stores.workers)
    return window_problems(
        promises,
        dataset,
        certificates,
        records=stores.records,
        partitions=stores.partitions,
        sizes=stores.sizes,
        workers=stores.workers,
        is_counted=is_counted,
    )


def _failure(certificate: Certificate, problem: str, *, partition: str = "") -> Failure:
    return Failure(certificate.dataset, certificate.number, certificate.window, partition, problem)
