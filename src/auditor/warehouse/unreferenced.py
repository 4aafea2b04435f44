"""Objects that nothing points to: those of the partitions that are audited, and of all others in a slow sweep.

The sweep walks along the listing of a dataset's objects, a bounded stretch in each run, and goes on where it stopped:
no run lists all of history, and every partition comes round.

Partitions of which earlier audits could not remove them are scanned in every run (``evidence.outstanding``).

What is found has been removable for as long again as its grace lasts. So nothing becomes due between a vacuum and the
scan that verifies it, and a partition that is written to every minute is cleaned four times a day, not in every run.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import groupby, islice

from auditor.evidence.results import AuditResult
from auditor.run_files import read_run_file
from auditor.services import Services
from auditor.state import read_state
from auditor.warehouse.partitions import read_partition
from auditor.warehouse.retired import find_retired
from core.audit.findings import UnreferencedObjects
from core.contract.model import Contract, Contracts, Table
from core.errors import NotGranted, PipelineBug
from core.mirroring.held import HeldObjects
from core.ports import ObjectInfo
from core.warehouse.current_state import current_table, inputs_of
from core.warehouse.pointer import DATA_ROOT, data_prefix, parse_object, partition_of
from core.warehouse.vacuum import GRACE, plan_vacuum

FOUND_AFTER = 2 * GRACE
AUDITED = 100  # partitions of the audited windows that are scanned in one run; the sweep comes to the others


@dataclass(frozen=True, slots=True)
class Unreferenced:
    """Findings of a run. ``until`` is the key at which the next run's sweep goes on; empty: from the beginning.

    ``passed`` are the partitions that were outstanding and were scanned again, by name.
    """

    findings: tuple[UnreferencedObjects, ...]
    until: str
    passed: tuple[str, ...] = ()

    @property
    def partitions(self) -> tuple[str, ...]:
        """The names of the partitions that have such objects."""
        return tuple(sorted({partition_of(each.table, each.partition) for each in self.findings}))


def find_unreferenced(
    services: Services,
    contract: Contract,
    run: str,
    *,
    audited: Iterable[str],
    outstanding: Sequence[str] = (),
    scheduled: bool,
    attempt: int,
) -> Unreferenced:
    """Scan the ``audited`` partitions (``core.warehouse.pointer``'s names) and those that are ``outstanding``.

    Sweeps on where the run is ``scheduled``. Later attempts scan what the first one named. Raises ``TransientFailure``
    where the store does not answer.
    """
    tables = tables_of(services.contracts, contract.dataset)
    state = read_state(services.records, contract.dataset)
    if attempt:
        before = AuditResult.from_data(read_run_file(services.records, run, "audit-0"))
        named = [finding for finding in before.findings if isinstance(finding, UnreferencedObjects)]
        again = [partition_of(finding.table, finding.partition) for finding in named]
        left = _in_partitions(services, tables, again, HeldObjects(services.records))
        return Unreferenced(left, before.swept_until, tuple(outstanding))
    held = HeldObjects(services.records)
    retired = find_retired(services, contract, held) if scheduled else ()
    near = sorted({*sorted(audited)[:AUDITED], *outstanding})
    findings = _in_partitions(services, tables, near, held)
    if not scheduled:
        return Unreferenced(findings, state.swept_until, tuple(outstanding))
    swept, until = _sweep(services, tables, state.swept_until, held, passed=set(near))
    return Unreferenced((*retired, *findings, *swept), until, tuple(outstanding))


def tables_of(contracts: Contracts, dataset: str) -> list[Table]:
    """The tables that a dataset's objects belong to: its own, and the current states that these are computed from."""
    contract = contracts.dataset(dataset)
    sources = {name for table in contract.tables for name in inputs_of(table)}
    current = [current_table(contract, contract.source_table(name)) for name in sources]
    return sorted([*(table for table in contracts.tables() if table.dataset == dataset), *current], key=_folder)


def _folder(table: Table) -> str:
    return f"{DATA_ROOT}{table.folder}/"


def _in_partitions(
    services: Services, tables: Sequence[Table], names: Sequence[str], held: HeldObjects
) -> tuple[UnreferencedObjects, ...]:
    """Of the named partitions, each listed no further than the sweep would."""

    def scan(name: str) -> UnreferencedObjects | None:
        infos, _ = _take(services.records.list(data_prefix(name)), services.limits.sweep_objects)
        return _finding_of(services, tables, name, infos, held)

    with ThreadPoolExecutor(services.limits.workers) as pool:
        return tuple(finding for finding in pool.map(scan, names) if finding is not None)


def _sweep(
    services: Services, tables: Sequence[Table], after: str, held: HeldObjects, *, passed: Collection[str]
) -> tuple[tuple[UnreferencedObjects, ...], str]:
    infos, until = _take(_listed(services, tables, after), services.limits.sweep_objects)
    parts = [(name, list(objects)) for name, objects in groupby(infos, key=lambda info: _number(info)[0])]
    with ThreadPoolExecutor(services.limits.workers) as pool:
        others = [part for part in parts if part[0] not in passed]
        findings = pool.map(lambda part: _finding_of(services, tables, part[0], part[1], held), others)
        return tuple(finding for finding in findings if finding is not None), until


def _listed(services: Services, tables: Sequence[Table], after: str) -> Iterator[ObjectInfo]:
    """The objects of all tables behind a key, in the order of keys."""
    for folder in map(_folder, tables):
        if after < folder or after.startswith(folder):
            yield from services.records.list(folder, after=after if after > folder else "")


def _take(listing: Iterable[ObjectInfo], budget: int) -> tuple[list[ObjectInfo], str]:
    """The first objects of a listing, and the key behind which the rest begins; empty where there is none.

    Of what the budget may have cut in two the next time is to see the whole: of the last partition, or, where that is
    larger than the budget, of its last number.
    """
    infos = list(islice(listing, budget))
    if len(infos) < budget:
        return infos, ""
    last = _number(infos[-1])
    others = [info for info in infos if _number(info)[0] != last[0]]
    whole = others or [info for info in infos if _number(info) != last] or infos
    return whole, whole[-1].key


def _number(info: ObjectInfo) -> tuple[str, int]:
    """The partition and the number of an object; empty and 0 of one that no commit made."""
    name = parse_object(info.key)
    return (name.partition, name.version) if name else ("", 0)


def _finding_of(
    services: Services, tables: Sequence[Table], name: str, infos: Sequence[ObjectInfo], held: HeldObjects
) -> UnreferencedObjects | None:
    """The objects of a partition that could go.

    None of one whose pointer leads nowhere, for that is repaired first, nor of a table whose mirror cannot be read (an
    earlier release left it, or it lost its state): what that names may not go, and the mirror's next run makes it anew.
    """
    table = next((table for table in tables if name == table.folder or name.startswith(f"{table.folder}/")), None)
    if table is None or len(infos) < 2:
        return None
    path = name.removeprefix(table.folder).lstrip("/")
    try:
        plan_for = partial(plan_vacuum, name, infos, held=held.of(table.name), now=services.now(), grace=FOUND_AFTER)
        pointer = services.partitions.read_pointer(name)
        if not pointer or not plan_for(current=pointer.target, dailies=(), swapped=pointer.swapped).remove:
            return None
        read = read_partition(services.partitions, table, path, list(table.key)[:1])  # its footer names what else stays
        if read.problem or read.footer is None:
            return None
        dailies = {daily.key for daily in read.footer.dailies}
        swapped = pointer.swapped if pointer.target == read.target else None
        plan = plan_for(current=read.target, dailies=dailies, swapped=swapped)
    except NotGranted:  # what was not seen is no partition without old objects
        raise
    except PipelineBug:  # a pointer to what no commit made, or a mirror that cannot be read
        return None
    return UnreferencedObjects(table.dataset, table.folder, path, len(plan.remove), plan.bytes) if plan.remove else None
