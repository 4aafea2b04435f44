"""Certificates of a database's tables against the partitions as they are now."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from auditor.databases.rows.targets import targets_of
from auditor.warehouse.partitions import read_partition
from core.audit.certificate import Certificate, window_digest
from core.contract.model import Contract
from core.evolution.certified import table_as_certified
from core.ports import PartitionStore
from core.warehouse.canonical_rows import proof_of


def partition_problems(
    contract: Contract, certificates: Sequence[Certificate], partitions: PartitionStore, *, workers: int = 8
) -> Iterator[tuple[Certificate, str, str]]:
    """(certificate, partition, problem) of what does not hold of certificates that name the same columns.

    Raises ``TransientFailure`` where the store does not answer.
    """
    tables = {target.table.folder: target.table for target in targets_of(contract)}

    columns = certificates[0].columns if certificates else {}

    def now(name: str) -> tuple[str, list[object] | None]:
        """The problem of a partition, and what a certificate would say of it."""
        table = next((table for known, table in tables.items() if name == known or name.startswith(f"{known}/")), None)
        if table is None:
            return "no contract promises it any more", None
        path = name.removeprefix(table.folder).lstrip("/")
        held = read_partition(partitions, table_as_certified(table, columns), path, as_certified=True)
        return held.problem, proof_of(held.rows) if held.rows.num_rows else None

    names = sorted({name for certificate in certificates for name in certificate.partitions})
    with ThreadPoolExecutor(workers) as pool:
        partitions_now = dict(zip(names, pool.map(now, names), strict=True))
    for certificate in certificates:
        if window_digest(certificate.partitions) != certificate.digest:
            yield certificate, "", "its digest is not that of its partitions"
        if certificate.present + certificate.absent + certificate.missing != certificate.expected:
            yield certificate, "", "its own counts do not add up"
        for name, proof in sorted(certificate.partitions.items()):
            problem, there = partitions_now[name]
            if problem or there != list(proof):
                yield certificate, name, problem or _differs(proof, there)


def _differs(was: Sequence[Any], there: Sequence[Any] | None) -> str:
    rows = there[0] if there else 0
    return f"{rows} rows, {was[0]} were certified" if rows != was[0] else "its rows are not the certified ones"
