"""SQL of a contract's promises, as Athena (Trino) and DuckDB both read it. Pure."""

from __future__ import annotations

from core.contract.model import Column, Table
from core.contract.types import ColumnType


def quoted(name: str) -> str:
    """A column's name in double quotes; contracts allow none in it."""
    return f'"{name}"'


def literal(text: str, kind: ColumnType) -> str:
    """A value of the contract, which is text, as a literal of the column's type."""
    if kind.name in ("string", "json"):
        return "'" + text.replace("'", "''") + "'"
    if kind.name in ("date", "timestamp"):
        return f"{kind.name} '{text.replace('T', ' ')}'"
    return text


def condition(column: Column) -> str:
    """What the column's ``check`` says, as a condition; empty where it has none. Null neither keeps nor breaks it."""
    if column.check is None:
        return ""
    operator = "<>" if column.check.operator == "!=" else column.check.operator
    return f"{quoted(column.name)} {operator} {literal(column.check.literal, column.type)}"


def key_of(table: Table) -> str:
    """The natural key as one value: the column, or a row of the columns."""
    names = ", ".join(quoted(name) for name in table.key)
    return names if len(table.key) == 1 else f"row({names})"
