"""Generations of tables that nobody reads or writes any more: their partitions may go, a bounded number in each run.

A generation that readers saw goes when its grace period is over and no certificate rests on it: the audits certify the
windows anew in the generation that took its place, and until then ``starmend verify`` reads the old one. It goes after
40 days in any case, for a window that is longer than that of before may be whole only next year. One that was given up
before anybody saw it goes after its grace period.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby, islice

from auditor.services import Services
from core.audit.certificate import Ledger, LedgerEntry, chain_prefix
from core.audit.findings import UnreferencedObjects
from core.audit.overtaken import folders_in, speaking
from core.contract.model import Contract
from core.errors import InvalidData, PipelineBug
from core.evolution.deployments import read_history
from core.evolution.generations import retired_folders
from core.mirroring.held import HeldObjects
from core.time import epoch
from core.warehouse.pointer import DATA_ROOT, POINTER_NAME, ROOT, parse_object, table_of

MOST = 1000  # objects that one run lists of a generation
LONGEST = 40 * 86_400  # seconds that one stays for its certificates: by then the sweeps have come to all of history


def find_retired(services: Services, contract: Contract, held: HeldObjects) -> tuple[UnreferencedObjects, ...]:
    """The partitions of retired generations, as objects that nothing points to, not even a snapshot of the mirror.

    Raises ``TransientFailure`` where the store does not answer.
    """
    now = int(services.now().timestamp())
    history = read_history(services.records, contract.dataset)
    retired = retired_folders(history, services.contracts, now=now)
    left = {folder: parts for folder in sorted(retired) if (parts := _unheld_partitions(services, folder, held))}
    if not left:
        return ()
    try:
        certified = _certified_folders(services, contract)
    except InvalidData as error:  # a ledger is damaged, so nobody can say on which folders no certificate rests
        services.log.warning("retired generations are kept", dataset=contract.dataset, reason=str(error))
        certified = {*left}
    return tuple(
        UnreferencedObjects(contract.dataset, folder, path, objects, size)
        for folder, parts in left.items()
        if folder not in certified or retired[folder] <= now - LONGEST
        for path, (objects, size) in parts.items()
    )


def _unheld_partitions(services: Services, folder: str, held: HeldObjects) -> dict[str, tuple[int, int]]:
    """Paths of a generation's partitions, with their objects' number and bytes; none while its mirror names one."""
    try:
        is_held = any(key.startswith(f"{DATA_ROOT}{folder}/") for key in held.of(table_of(folder)))
    except PipelineBug:
        return {}
    return {} if is_held else dict(_partitions(services, folder))


def _partitions(services: Services, folder: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """The paths of a generation's partitions, with the number and the bytes of their objects."""
    infos = islice(services.records.list(f"{DATA_ROOT}{folder}/"), MOST)
    named = ((parse_object(info.key), info.size) for info in infos)
    objects = ((name.partition.removeprefix(folder).lstrip("/"), size) for name, size in named if name)
    has_objects = False
    for path, group in groupby(objects, key=lambda each: each[0]):
        sizes = [size for _, size in group]
        has_objects = True
        yield path, (len(sizes), sum(sizes))
    for info in islice(services.records.list(f"{ROOT}{folder}/"), 0 if has_objects else MOST):
        if info.key.endswith(f"/{POINTER_NAME}"):
            yield info.key.removeprefix(f"{ROOT}{folder}").removesuffix(POINTER_NAME).strip("/"), (0, 0)


def _certified_folders(services: Services, contract: Contract) -> set[str]:
    """The folders of tables that some window's certificate speaks of."""
    newest: dict[str, LedgerEntry] = {}
    for info in services.records.list(f"{chain_prefix(contract.dataset)}months/"):
        if stored := services.records.read(info.key):
            newest |= Ledger.from_json(stored.body, key=info.key).windows
    return {
        folder for name in speaking(newest, since=since_of(contract)) for folder in folders_in(newest[name].partitions)
    }


def since_of(contract: Contract) -> Mapping[str, int]:
    """The first instant that each fact has partitions of, by name (epoch seconds)."""
    return {table.name: epoch(table.since) for table in contract.tables if table.since}
