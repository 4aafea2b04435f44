"""Rows that readers see and no certificate speaks of: partitions of their own, and objects that are no pointers.

Athena reads whatever lies below a partition's folder as pointers, also what lies in folders within it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from core.audit.certificate import Certificate
from core.contract.model import Table
from core.ports import ObjectReader
from core.warehouse.pointer import POINTER_NAME, ROOT


@dataclass(frozen=True, slots=True)
class Uncertified:
    """Rows of a partition that no certificate speaks of; ``rows`` None: all that it has."""

    partition: str
    rows: int | None


def find_uncertified(
    records: ObjectReader, tables: Iterable[Table], certificates: Iterable[Certificate], sizes: Mapping[str, int]
) -> tuple[list[Uncertified], list[str]]:
    """(rows that no certificate speaks of, what is wrong with objects that readers take for pointers).

    ``sizes`` are the rows of partitions of which some are certified, where they are known.

    Raises ``TransientFailure`` where the store does not answer.
    """
    certified: Counter[str] = Counter()
    for certificate in certificates:
        certified.update({partition: rows for partition, (rows, _) in certificate.partitions.items()})
    uncertified = [
        Uncertified(name, size - certified[name]) for name, size in sorted(sizes.items()) if size > certified[name] > 0
    ]
    strays: list[str] = []
    for table in tables:
        for info in records.list(f"{ROOT}{table.folder}/"):
            if not _is_pointer(table, info.key):
                strays.append(f"{info.key} is no pointer of a partition, and readers take it for one")
            elif (partition := info.key.removeprefix(ROOT).removesuffix(f"/{POINTER_NAME}")) not in certified:
                uncertified.append(Uncertified(partition, None))
    return uncertified, strays


def _is_pointer(table: Table, key: str) -> bool:
    """Whether a key is that of a pointer of the table as it is partitioned, and not of one deeper within another."""
    *folders, name = key.removeprefix(f"{ROOT}{table.folder}/").split("/")
    names = [f"{part.name}=" for part in table.partition_by]
    is_partition = len(folders) == len(names) and all(map(str.startswith, folders, names))
    return name == POINTER_NAME and is_partition
