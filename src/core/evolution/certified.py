"""Columns and types as a certificate found them, so that a column which is added or widened later falsifies none.

The digest of rows is over their columns' names, types and values. Whoever verifies takes the certified columns of what
is there now and casts them back: as long as columns were only added and types only became wider, the digest is the
same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from core.contract.model import Column, Table, Take
from core.contract.types import parse_type

Columns = Mapping[str, Sequence[Sequence[str]]]  # table -> its columns, as (name, type), in the contract's order


def columns_of(tables: Iterable[Table], partitions: Iterable[str]) -> dict[str, list[list[str]]]:
    """The columns of the tables that the partitions (``core.warehouse.pointer``'s names) are of."""
    names = tuple(partitions)
    return {
        table.name: [[column.name, str(column.type)] for column in table.columns]
        for table in tables
        if any(name == table.folder or name.startswith(f"{table.folder}/") for name in names)
    }


def table_as_certified(table: Table, columns: Columns) -> Table:
    """The table with the certified columns in place of its own; unchanged where the certificate names none of it.

    Raises ``ValueError`` where a type is none.
    """
    if table.name not in columns:
        return table
    own = {column.name: column for column in table.columns}
    certified = []
    for name, kind in columns[table.name]:
        column = own.get(name) or Column(name, parse_type(kind), Take(name))
        certified.append(replace(column, type=parse_type(kind)))
    return replace(table, columns=tuple(certified))
