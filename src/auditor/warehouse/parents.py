"""The values that a column of keys may refer to: those of the parent table, read once."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

from auditor.warehouse.partitions import read_partition
from core.contract.model import Table
from core.ports import PartitionStore
from core.warehouse.order import as_array

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
