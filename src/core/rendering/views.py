"""Views for analysts: the current rows of facts with history, and the complete groups of rollups. Terraform makes them.

Both conditions are columns that the pipeline itself keeps right, so a view adds no rule: it only spares the analyst a
``where`` that is easily forgotten.
"""

from __future__ import annotations

from typing import Any

from core.contract.model import Aggregated, Column, Contracts, Latest, Table
from core.contract.references import parent_of, refers_to_unknown, unknown_key
from core.rendering.catalog import catalog_tables

# The catalog's type -> its name in Trino, which Athena stores with a view.
_TRINO = {"string": "varchar", "int": "integer", "timestamp": "timestamp(3)"}


def catalog_views(contracts: Contracts) -> dict[str, dict[str, Any]]:
    """Name -> {description, sql, columns}; a column has its type in the catalog and in Trino.

    ``<fact>_now``: of a fact that keeps history, the newest version of every row that the source still has.
    ``<rollup>_complete``: the groups of a rollup that are whole and certified. Partition keys are among the columns, so
    that a query of the view reads no more than it names. The tables of canaries get none.
    """
    tables = catalog_tables(contracts)
    canaries = {contract.dataset for contract in contracts if contract.source and contract.source.canary}
    views = {}
    for table in contracts.tables():
        if table.dataset in canaries:
            continue
        for column in table.columns:
            suffix, about = _condition_of(table, column)
            name = f"{table.name}_{suffix}"
            if suffix and name not in tables:
                unknown = _unknown_members(contracts, table)
                views[name] = _view(table.name, tables[table.name], column.name, about, unknown)
    return views


def _condition_of(table: Table, column: Column) -> tuple[str, str]:
    """The suffix and the description of the view that a column is the condition of; empty for other columns."""
    if isinstance(column.rule, Latest):
        key = ", ".join(table.history_of)
        return "now", f"one row per {key} that the source still has, in its newest version"
    if isinstance(column.rule, Aggregated) and column.rule.function == "complete":
        return "complete", f"{table.description}, of what is whole and certified"
    return "", ""


def _unknown_members(contracts: Contracts, table: Table) -> dict[str, str]:
    """The columns in which a value that no parent has, or none, is the parent's unknown member, each as SQL."""
    shown = {}
    for column in table.columns:
        if refers_to_unknown(column):
            parent, key = parent_of(column), unknown_key(contracts.table(parent_of(column)))
            stands_for = f"'{key}'" if isinstance(key, str) else str(key)
            known = f'"{column.name}" in (select "{column.references.partition(".")[2]}" from "{parent}")'
            shown[column.name] = f'case when {known} then "{column.name}" else {stands_for} end "{column.name}"'
    return shown


def _view(table: str, entry: dict[str, Any], condition: str, about: str, unknown: dict[str, str]) -> dict[str, Any]:
    shown = [column for column in (*entry["columns"], *entry["partition_keys"]) if column["name"] != condition]
    values = ", ".join(unknown.get(column["name"], f'"{column["name"]}"') for column in shown)
    return {
        "description": about,
        "sql": f'select {values} from "{table}" where "{condition}"',
        "columns": [{**column, "trino": _TRINO.get(column["type"], column["type"])} for column in shown],
    }
