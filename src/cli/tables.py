"""``starmend tables | describe``: the tables that a deployment promises, and one of them column by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands import examples
from cli.completion import complete_table
from cli.deployed import deployment
from cli.operating import table_of
from cli.options import DEFAULT, Environment, Json
from cli.output import out, print_json, show

if TYPE_CHECKING:
    from core.contract.model import Column, Contracts, Table


@examples("tables", "tables --env prod --json")
def tables(environment: Environment = DEFAULT, as_json: Json = False) -> None:
    """List the tables and views that can be queried."""
    rows = table_rows(deployment(environment).contracts)
    if as_json:
        print_json(rows)
    else:
        show(
            "Tables",
            [{name: row[name] for name in ("table", "kind", "dataset", "grain")} for row in rows],
            as_json=False,
        )


@examples("describe fact_quote", "describe dim_currency --json")
def describe(
    table: Annotated[str, typer.Argument(help="A table or view.", autocompletion=complete_table)],
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Show a table's grain, key, partitions and columns."""
    contracts = deployment(environment).contracts
    views = {row["table"]: row for row in table_rows(contracts) if row["kind"] == "view"}
    row = views.get(table)
    contract = table_of(contracts, row["of"] if row else table)
    about = row or next(row for row in table_rows(contracts) if row["table"] == table)
    columns = [column_row(contract, column) for column in contract.columns]
    if as_json:
        print_json(about | {"columns": columns})
        return
    out.print(f"{table}: {about['grain']}")
    out.print(
        f"{about['kind']} of {about['dataset']}; key: {', '.join(about['key'])}; partitions: {_partitions(contract)}"
    )
    show("Columns", columns, as_json=False)


def table_rows(contracts: Contracts) -> list[dict[str, Any]]:
    """A row for each table, the views of each below it."""
    from core.rendering.views import catalog_views

    views = catalog_views(contracts)
    rows = []
    for table in contracts.tables():
        about: dict[str, Any] = {"key": list(table.key), "partitions": [part.name for part in table.partition_by]}
        shared: dict[str, Any] = {"dataset": table.dataset} | about | {"columns": len(table.columns)}
        rows.append({"table": table.name, "kind": table.kind, "grain": table.description, "of": None} | shared)
        for name, view in views.items():
            if name.startswith(f"{table.name}_") and name.removeprefix(f"{table.name}_") in ("now", "complete"):
                grain = str(view["description"])
                rows.append({"table": name, "kind": "view", "grain": grain, "of": table.name} | shared)
    return rows


def column_row(table: Table, column: Column) -> dict[str, Any]:
    """A column as an analyst sees it."""
    notes = [column.comment, column.unit and f"in {column.unit}", column.references and f"is {column.references}"]
    return {
        "column": column.name,
        "type": column.type.catalog,
        "key": column.name in table.key,
        "null": not (column.required or column.name in table.key),
        "about": "; ".join(note for note in notes if note) or None,
    }


def _partitions(table: Table) -> str:
    parts = [
        part.name if part.transform == "value" else f"{part.name} ({part.transform} of {part.column})"
        for part in table.partition_by
    ]
    return ", ".join(parts) or "one"
