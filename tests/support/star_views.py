"""A lake's folder as views of DuckDB: what its pointers name, under the catalog's names and types."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from core.contract.model import Contracts
from core.rendering.catalog import catalog_tables
from core.rendering.views import catalog_views
from core.warehouse.pointer import POINTER_NAME

TYPES = {"string": "varchar"}


def view_stars(file: Path, contracts: Contracts, warehouse: Path) -> None:
    """Write a database of views; ``warehouse`` is the warehouse bucket's content."""
    with duckdb.connect(str(file)) as connection:
        for name, entry in catalog_tables(contracts).items():
            columns = [*entry["columns"], *entry["partition_keys"]]
            rows = _rows(name, entry, warehouse)
            if rows:
                cast = ", ".join(
                    f'cast("{column["name"]}" as {TYPES.get(column["type"], column["type"])}) as "{column["name"]}"'
                    for column in columns
                )
                connection.execute(f'create view "{name}" as select {cast} from ({rows})')
        for name, view in catalog_views(contracts).items():
            connection.execute(f'create view "{name}" as {view["sql"]}')


def _rows(name: str, entry: dict[str, Any], warehouse: Path) -> str:
    """The rows of a table of the star, or of ``completeness``; empty for the other tables."""
    if name == "completeness":
        kinds = ", ".join(
            f"'{column['name']}': '{TYPES.get(column['type'], column['type'])}'" for column in entry["columns"]
        )
        files = warehouse / "completeness/*/*/*.json"
        return f"select * from read_json('{files}', columns={{{kinds}}}, hive_partitioning=true)"
    if entry["format"] != "pointers":
        return ""
    folder = warehouse / entry["location"]
    partitions = []
    for pointer in sorted(folder.rglob(POINTER_NAME)):
        key = pointer.read_text().strip().partition("://")[2].partition("/")[2]
        levels = [part.partition("=") for part in pointer.parent.relative_to(folder).parts]
        values = "".join(f", '{value}' as \"{level}\"" for level, _, value in levels)
        partitions.append(f"select *{values} from read_parquet('{warehouse / key}', hive_partitioning=false)")
    return " union all by name ".join(partitions)
