"""Views for analysts: the current rows of facts with history, and the complete groups of rollups. Terraform makes them.

Both conditions are columns that the pipeline itself keeps right, so a view adds no rule: it only spares the analyst a
``where`` that is easily forgotten.
"""

from __future__ import annotations

from typing import Any

from core.contract.model import Aggregated, Column, Contracts, Latest, Table
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
                views[name] = _view(table.name, tables[table.name], column.name, about)
    return views


def _condition_of(table: Table, column: Column) -> tuple[str, str]:
    """The suffix and the description of the view that a column is the condition of; empty for other columns."""
    if isinstance(column.rule, Latest):
        key = ", ".join(table.history_of)
        return "now", f"one row per {key} that the source still has, in its newest version"
    if isinstance(column.rule, Aggregated) and column.rule.function == "complete":
        return "complete", f"{table.description}, of what is whole and certified"
    return "", ""


def _view(table: str, entry: dict[str, Any], condition: str, about: str) -> dict[str, Any]:
    shown = [column for column in (*entry["columns"], *entry["partition_keys"]) if column["name"] != condition]
    names = ", ".join(f'"{column["name"]}"' for column in shown)
    return {
        "description": about,
        "sql": f'select {names} from "{table}" where "{condition}"',
        "columns": [{**column, "trino": _TRINO.get(column["type"], column["type"])} for column in shown],
    }
