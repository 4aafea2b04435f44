"""References between tables of the warehouse: what becomes of values that no parent has, and the unknown member."""

from __future__ import annotations

from collections.abc import Mapping

from core.contract.model import Column, Contracts, Latest, Table

# The key of a dimension's unknown member, by the key's type: no source gives it to a row of its own.
UNKNOWN_KEYS: Mapping[str, int | str] = {"int": -1, "bigint": -1, "string": "unknown"}


def parent_of(column: Column) -> str:
    """The table that a column refers to; empty where it refers to none."""
    return column.references.partition(".")[0]


def refers_to_unknown(column: Column) -> bool:
    """Whether values that no parent has count as the parent's unknown member."""
    return column.missing == "unknown"


def has_unknown_member(contracts: Contracts, dimension: Table) -> bool:
    """Whether any table refers to the dimension with ``missing: unknown``."""
    return any(
        refers_to_unknown(column) and parent_of(column) == dimension.name
        for table in contracts.tables()
        for column in table.columns
    )


def unknown_key(dimension: Table) -> int | str | None:
    """The key of the dimension's unknown member; None where its key is of no type that has one."""
    if len(dimension.key) != 1:
        return None
    return UNKNOWN_KEYS.get(dimension.column(dimension.key[0]).type.name)


def shows_newest(table: Table) -> bool:
    """Whether the table has a view of its newest rows (``<fact>_now``), which shows references as they count."""
    return any(isinstance(column.rule, Latest) for column in table.columns)
