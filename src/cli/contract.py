"""``starmend contract``: check what is promised, show what it becomes, render it for Terraform and the Lambdas."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cli.output import FINE, USAGE, Json, err, out, print_json, say, show
from core.contract.codec import to_data
from core.contract.load import examine, load
from core.contract.problems import Problem
from core.contract.render import render

app = typer.Typer(help="Check, show and render the contracts.", no_args_is_help=True)

Folder = Annotated[Path, typer.Option("--contracts", help="The folder of contracts.", exists=True, file_okay=False)]
DEFAULT_FOLDER = Path("contracts")


def today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def print_problems(problems: Sequence[Problem]) -> None:
    """Each as file, path and problem, and below it the remedy."""
    for one in problems:
        err.print(f"[{'yellow' if one.warning else 'red'}]{one.file}[/]", end="")
        say(f": {one.path}: {one.problem}")
        say(f"    {one.remedy}")


@app.command()
def check(folder: Folder = DEFAULT_FOLDER, as_json: Json = False) -> None:
    """Say whether the contracts can be kept; every problem with file, path, and what would be right."""
    contracts, problems = examine(folder, today=today())
    errors = [one for one in problems if not one.warning]
    if as_json:
        print_json([to_data(one) for one in problems])
    else:
        print_problems(problems)
        if not errors:
            tables = len(list(contracts.tables()))
            out.print(f"{len(contracts.contracts)} contracts, {tables} tables of the warehouse: fine", highlight=False)
    raise typer.Exit(USAGE if errors else FINE)


@app.command("show")
def show_tables(folder: Folder = DEFAULT_FOLDER, as_json: Json = False) -> None:
    """What the contracts become: tables, grain, keys, partitions."""
    contracts = load(folder, today=today())
    rows = [
        {
            "dataset": table.dataset,
            "table": table.name,
            "kind": table.kind,
            "grain": table.description,
            "key": ", ".join(table.key),
            "partitions": ", ".join(part.name for part in table.partition_by) or "one",
            "columns": len(table.columns),
        }
        for table in contracts.tables()
    ]
    show("Warehouse", rows, as_json=as_json)


@app.command("render")
def render_contracts(
    folder: Folder = DEFAULT_FOLDER,
    to: Annotated[Path, typer.Option("--to", help="Where to write it.")] = Path("build/contracts.json"),
) -> None:
    """Write the resolved form that Terraform and the Lambdas read."""
    text = render(load(folder, today=today()))
    to.parent.mkdir(parents=True, exist_ok=True)
    to.write_text(text, encoding="utf-8")
    out.print(f"wrote {to} ({len(text):,} bytes)", highlight=False)
