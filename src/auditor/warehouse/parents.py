"""The values that a column of keys may refer to: those of the parent table, read once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import pyarrow as pa

from auditor.warehouse.partitions import read_partition
from core.contract.model import Table
from core.contract.references import parent_of
from core.ports import PartitionStore
from core.warehouse.order import as_array

UNKNOWN_PARENT = "unknown_parent"  # why a window is not certified: nobody knows what its rows may refer to
Parents = Callable[[str], pa.Array | None]  # "dim_symbol.symbol" -> its values; None where the table has no commit yet


def parents_of(store: PartitionStore, tables: Callable[[str], Table]) -> Parents:
    """The columns that others refer to, each of them read when it is asked for first."""
    known: dict[str, pa.Array | None] = {}

    def values(reference: str) -> pa.Array | None:
        if reference not in known:
            name, _, column = reference.partition(".")
            held = read_partition(store, tables(name), "", [column])
            known[reference] = as_array(held.rows.column(column)) if held.target and not held.problem else None
        return known[reference]

    return values


@dataclass(frozen=True, slots=True)
class References:
    """The values that each referencing column of a table may have; None where nobody knows them.

    ``digest`` is of all of them, and of what they are asked for.
    """

    known: Mapping[str, pa.Array | None]
    digest: str


def references_of(table: Table, parents: Parents, *, broken: Collection[str] = ()) -> References:
    """The parents of a table's rows, as they are now. Those in ``broken`` tables accuse nobody, and are not known."""
    seal, known = hashlib.sha256(), dict[str, pa.Array | None]()
    for column in table.columns:
        parent = parent_of(column)
        if not parent:
            continue
        values = None if parent in broken and column.missing == "alarm" else parents(column.references)
        known[column.name] = values
        seal.update(f"{column.name} {column.references} {column.missing} {values is None}\n".encode())
        if values is not None:
            seal.update(pa.record_batch([as_array(values)], names=["values"]).serialize())
    return References(known, seal.hexdigest())
