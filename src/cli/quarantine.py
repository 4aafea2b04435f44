"""``starmend quarantine``: list refused lines, and process the objects again that they came from."""

from __future__ import annotations

from itertools import islice
from typing import Any

import typer

from cli.commands import examples, group
from cli.deployed import deployment
from cli.local_contracts import datasets_of_objects, refuse_other_contracts
from cli.operating import check_source, services_of
from cli.options import DEFAULT, AsDeployed, Dataset, Environment, Json, Limit, Source
from cli.output import FINDINGS, FINE, out, print_json, show, steps
from cli.replay import finish, process_again

app = group("Look at refused lines, and process their objects again.")

CONTENT = 200  # characters of a refused line that are shown


@app.command("list")
@examples("quarantine list", "quarantine list --dataset sales --table currency --limit 0 --json")
def list_lines(
    dataset: Dataset = "",
    table: Source = "",
    limit: Limit = 100,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """List the refused lines, with object, line number and reason.

    Exits with 1 where there are any.
    """
    from processing.restating.replay import quarantined

    deployed = deployment(environment)
    check_source(deployed.contracts, dataset, table)
    lines = quarantined(services_of(deployed), dataset=dataset, table=table)
    rows: list[dict[str, Any]] = [dict(line) for line in islice(lines, limit or None)]
    left = sum(1 for _ in lines)
    if as_json:
        print_json(rows)
    elif rows:
        show("Quarantine", [_shortened(row) for row in rows], as_json=False)
        total = len(rows) + left
        counted = f"{total:,} line{'s' * (total != 1)} in quarantine"
        out.print(f"{counted}; the first {len(rows):,} are shown, all of them: --limit 0" if left else counted)
    else:
        out.print("no line is in quarantine")
    raise typer.Exit(FINDINGS if rows else FINE)


@app.command()
@examples("quarantine retry", "quarantine retry --dataset sales --table currency")
def retry(
    dataset: Dataset = "",
    table: Source = "",
    as_deployed: AsDeployed = False,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Process the objects again that have refused lines or were halted.

    Do so when contract or code were mended and deployed.
    """
    from processing.restating.replay import to_retry

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
    rest = len(content) - CONTENT
    return {
        "object": line["object"],
        "line": line["line"],
        "reason": line["reason"],
        "content": content if len(content) <= CONTENT else f"{content[:CONTENT]} ... ({rest:,} more: --json)",
    }
