"""The contract's checks, run on what the warehouse holds: which rows break one. Pure.

Processing refuses such rows on their way in, so what is found here was made under another contract, or altered.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from heapq import nsmallest

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.warehouse.parents import References
from core.audit.findings import BrokenRule, OrphanKeys
from core.audit.key_values import key_texts
from core.contract.model import Column, Table
from core.warehouse.checks import broken_checks
from core.warehouse.order import as_array

NAMED = 20  # orphan keys that a finding names


def broken_rules(table: Table, partition: str, rows: pa.Table) -> Iterator[BrokenRule]:
    """One finding per rule that is broken; a null breaks only ``required`` (as in SQL)."""
    for check in broken_checks(table, rows):
        count = pc.sum(check.breaks).as_py()
        first = rows.filter(check.breaks).slice(0, 1).to_pylist()[0]
        example = ", ".join(f"{name} {first[name]}" for name in (*table.key, check.column) if name in first)
        yield BrokenRule(table.dataset, table.name, partition, f"{check.column}: {check.rule}", count, example)


def orphans(
    table: Table, column: Column, values: pa.ChunkedArray, parents: pa.Array, *, named: int = NAMED, turn: str = ""
) -> OrphanKeys | None:
    """The values of a referencing column that no parent has; null refers to nothing and is no orphan.

    Of more than can be ``named`` each ``turn`` names others: those whose parents nobody has hide none whose parent
    would come if it was asked for. Within a turn the order stays, whatever else is healed.
    """
    distinct = pc.unique(values).drop_null()
    there = pc.is_in(distinct, value_set=parents.cast(distinct.type))
    lost = distinct.filter(pc.invert(there))
    if not len(lost):
        return None
    rows = pc.sum(pc.is_in(values, value_set=lost)).as_py() or 0
    keys = tuple(key_texts(lost).to_pylist())
    if len(keys) > named:
        keys = tuple(nsmallest(named, keys, key=lambda key: blake2b(f"{turn} {key}".encode()).digest()))
    return OrphanKeys(table.dataset, table.name, column.name, column.references, keys, rows)


def accepted_orphans(table: Table, rows: pa.Table, references: References) -> int:
    """The rows of which some value has no parent, where the contract accepts it (``missing``)."""
    lost = np.zeros(rows.num_rows, bool)
    for column in table.columns:
        known = references.known.get(column.name) if column.missing != "alarm" else None
        if known is not None:
            values = as_array(rows.column(column.name))
            there = pc.is_in(values, value_set=as_array(known).cast(values.type))
            lost |= np.asarray(pc.and_(values.is_valid(), pc.invert(there)))
    return int(lost.sum())
