"""``starmend quarantine``: list refused lines, and process the objects again that they came from."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

import typer

from cli.deployed import DEFAULT, deployment
from cli.local_contracts import AsDeployed, datasets_of_objects, refuse_other_contracts
from cli.operating import check_source, services_of
from cli.output import FINDINGS, FINE, Environment, Json, out, print_json, show, steps
from cli.replay import finish, process_again
from processing.restating.replay import quarantined, to_retry

app = typer.Typer(help="Look at refused lines, and process their objects again.", no_args_is_help=True)

Dataset = Annotated[str, typer.Option("--dataset", help="Only of this dataset.")]
Source = Annotated[str, typer.Option("--table", help="Only of this source table of the dataset.")]
SHOWN = 60  # characters of a line on a terminal


@app.command("list")
def list_lines(
    dataset: Dataset = "",
    table: Source = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show no more lines than this.")] = 100,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Lines in quarantine, with object, line number and reason. Exit code 1 where there are any."""
    deployed = deployment(environment)
    check_source(deployed.contracts, dataset, table)
    lines = list(islice(quarantined(services_of(deployed), dataset=dataset, table=table), limit + 1))
    rows: list[dict[str, Any]] = [dict(line) for line in lines[:limit]]
    if as_json:
        print_json(rows)
    elif rows:
        show("Quarantine", [_shortened(row) for row in rows], as_json=False)
        if len(lines) > limit:
            out.print(f"and more: --limit {limit * 10}", highlight=False)
    else:
        out.print("no line is in quarantine")
    raise typer.Exit(FINDINGS if rows else FINE)


@app.command()
def retry(
    dataset: Dataset = "",
    table: Source = "",
    as_deployed: AsDeployed = False,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Process the objects again that have lines in quarantine or were halted; do so when the contract was mended."""
    deployed = deployment(environment)
    check_source(deployed.contracts, dataset, table)
    services = services_of(deployed)
    with steps() as progress:
        with progress.step("looking for refused lines and halted objects"):
            keys = to_retry(services, dataset=dataset, table=table)
        if not as_deployed:
            refuse_other_contracts(deployed, datasets_of_objects(keys), operation="retry the quarantine")
        outcome = process_again(services, keys, progress)
    finish(outcome, as_json=as_json)


def _shortened(line: dict[str, Any]) -> dict[str, Any]:
    content = str(line["content"])
    return {
        "object": line["object"],
        "line": line["line"],
        "reason": line["reason"],
        "content": content if len(content) <= SHOWN else content[: SHOWN - 3] + "...",
    }
