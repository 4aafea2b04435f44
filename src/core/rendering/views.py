"""Views for analysts: the current rows of facts with history, and the complete groups of rollups. Terraform makes them.

All conditions are columns that the pipeline itself keeps right, so a view adds no rule: it only spares the analyst a
``where`` that is easily forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from core.contract.model import Aggregated, Column, Contracts, Latest, Table
from core.contract.references import parent_of, refers_to_unknown, unknown_key
from core.rendering.catalog import catalog_tables

# The catalog's type -> its name in Trino, which Athena stores with a view.
_TRINO = {"string": "varchar", "int": "integer", "timestamp": "timestamp(3)"}


def catalog_views(contracts: Contracts) -> dict[str, dict[str, Any]]:
    """Name -> {description, sql, columns}; a column has its type in the catalog and in Trino.

    ``<fact>_now``: of a fact that keeps history, the newest version of every row that the source still has; of one that
    keeps none and marks what is deleted, the rows that are not marked.
    ``<rollup>_complete``: the groups of a rollup that are whole and certified. Partition keys are among the columns, so
    that a query of the view reads no more than it names. The tables of canaries get none.
    """
    tables = catalog_tables(contracts)
    return {view.name: _rendered(view, tables[view.table.name]) for view in views_of(contracts, tables)}


@dataclass(frozen=True, slots=True)
class UnknownMember:
    """The key as which a column shows values that no row of ``parent`` has in its column ``of``, and nulls."""

    parent: str
    of: str
    key: int | str | None


@dataclass(frozen=True, slots=True)
class View:
    """A view: the rows of its table in which the boolean column ``condition`` is true, without that column.

    Where it ``is_mark``, those in which it is null. ``unknown`` has the columns that show the unknown member.
    """

    name: str
    table: Table
    condition: str
    description: str
    unknown: Mapping[str, UnknownMember] = field(default_factory=dict)
    is_mark: bool = False


def views_of(contracts: Contracts, taken: Mapping[str, Any]) -> Iterator[View]:
    """The views of the contracts' tables; a name that is ``taken`` by a table stays the table's."""
    canaries = {contract.dataset for contract in contracts if contract.source and contract.source.canary}
    for table in contracts.tables():
        if table.dataset in canaries:
            continue
        for column in table.columns:
            suffix, about = _condition_of(table, column)
            name = f"{table.name}_{suffix}"
            if suffix and name not in taken:
                unknown = _unknown_members(contracts, table)
                yield View(name, table, column.name, about, unknown, is_mark=column.name == table.deleted)


def _condition_of(table: Table, column: Column) -> tuple[str, str]:
    """The suffix and the description of the view that a column is the condition of; empty for other columns."""
    if isinstance(column.rule, Latest):
        key = ", ".join(table.history_of)
        return "now", f"one row per {key} that the source still has, in its newest version"
    if table.kind == "fact" and not table.history_of and column.name == table.deleted:
        return "now", f"{table.description} that the source still has"
    if isinstance(column.rule, Aggregated) and column.rule.function == "complete":
        return "complete", f"{table.description}, of what is whole and certified"
    return "", ""


def _unknown_members(contracts: Contracts, table: Table) -> dict[str, UnknownMember]:
    """The columns in which a value that no parent has, or none, is the parent's unknown member."""
    return {
        column.name: UnknownMember(
            parent_of(column), column.references.partition(".")[2], unknown_key(contracts.table(parent_of(column)))
        )
        for column in table.columns
        if refers_to_unknown(column)
    }


def _shown(column: str, unknown: UnknownMember) -> str:
    """A column that shows the unknown member, as SQL."""
    stands_for = f"'{unknown.key}'" if isinstance(unknown.key, str) else str(unknown.key)
    known = f'"{column}" in (select "{unknown.of}" from "{unknown.parent}")'
    return f'case when {known} then "{column}" else {stands_for} end "{column}"'


def _rendered(view: View, entry: dict[str, Any]) -> dict[str, Any]:
    shown = [column for column in (*entry["columns"], *entry["partition_keys"]) if column["name"] != view.condition]
    unknown = {name: _shown(name, member) for name, member in view.unknown.items()}
    values = ", ".join(unknown.get(column["name"], f'"{column["name"]}"') for column in shown)
    condition = f'"{view.condition}" is null' if view.is_mark else f'"{view.condition}"'
    return {
        "description": view.description,
        "sql": f'select {values} from "{view.table.name}" where {condition}',
        "columns": [{**column, "trino": _TRINO.get(column["type"], column["type"])} for column in shown],
    }
