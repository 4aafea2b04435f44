"""The contract's checks, run on what the warehouse holds: which rows break one. Pure.

Processing refuses such rows on their way in, so what is found here was made under another contract, or altered.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import pyarrow as pa
import pyarrow.compute as pc

from core.audit.findings import BrokenRule, OrphanKeys
from core.contract.model import Column, Table
from core.warehouse.arrow_types import arrow_type

NAMED = 20  # orphan keys that a finding names
_HOLDS: Mapping[str, Callable[..., pa.ChunkedArray]] = {
    ">": pc.greater,
    ">=": pc.greater_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    "=": pc.equal,
    "!=": pc.not_equal,
}


def broken_rules(table: Table, partition: str, rows: pa.Table) -> Iterator[BrokenRule]:
    """One finding per rule that is broken; a null breaks only ``required`` (as in SQL)."""
    for column in table.columns:
        if column.name not in rows.column_names:
            continue
        for rule, bad in _broken(table, column, rows.column(column.name)):
            count = pc.sum(bad).as_py() or 0
            if count:
                first = rows.filter(bad).slice(0, 1).to_pylist()[0]
                example = ", ".join(f"{name} {first[name]}" for name in (*table.key, column.name) if name in first)
                yield BrokenRule(table.dataset, table.name, partition, f"{column.name}: {rule}", count, example)


def _broken(table: Table, column: Column, values: pa.ChunkedArray) -> Iterator[tuple[str, pa.ChunkedArray]]:
    if values.null_count and (column.required or column.name in table.key):
        yield "required", pc.is_null(values)
    if column.check is not None:
        literal = pa.scalar(column.check.literal).cast(arrow_type(column.type))
        holds = _HOLDS[column.check.operator](values, literal)
        yield f"check {column.check.operator} {column.check.literal}", pc.fill_null(pc.invert(holds), False)
    if column.one_of:
        listed = pc.is_in(values.cast(pa.string()), value_set=pa.array(column.one_of, pa.string()))
        yield f"one_of {', '.join(column.one_of)}", pc.and_(pc.invert(listed), pc.is_valid(values))


def orphans(
    table: Table, column: Column, values: pa.ChunkedArray, parents: pa.Array, *, named: int = NAMED
) -> OrphanKeys | None:
    """The values of a referencing column that no parent has; null refers to nothing and is no orphan."""
    distinct = pc.unique(values).drop_null()
    there = pc.is_in(distinct, value_set=parents.cast(distinct.type))
    lost = distinct.filter(pc.invert(there))
    if not len(lost):
        return None
    rows = pc.sum(pc.is_in(values, value_set=lost)).as_py() or 0
    keys = tuple(lost.cast(pa.string()).slice(0, named).to_pylist())
    return OrphanKeys(table.dataset, table.name, column.name, column.references, keys, rows)
