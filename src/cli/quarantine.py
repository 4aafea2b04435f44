"""``starmend quarantine``: list refused lines, and process the objects again that they came from."""

from __future__ import annotations

from typing import Annotated, Any

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
    everything: Annotated[bool, typer.Option("--all", help="those that are over, too")] = False,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """List the refused lines, with object, line number and reason.

    Those are over, and left out, whose row or point is in the warehouse by now, as it was then or newer. Exits with 1
    where there are others.
    """
    from auditor.stories.superseded import Superseded
    from processing.restating.replay import quarantined

    deployed = deployment(environment)
    check_source(deployed.contracts, dataset, table)
    services = services_of(deployed)
    superseded = Superseded(services.partitions, deployed.contracts)
    rows: list[dict[str, Any]] = []
    counts = {False: 0, True: 0}
    for line, is_over in superseded.split(quarantined(services, dataset=dataset, table=table)):
        counts[is_over] += 1
        if (everything or not is_over) and (not limit or len(rows) < limit):
            rows.append({**line, "over": is_over} if everything else dict(line))
    left = counts[False] + counts[True] * everything - len(rows)
    if as_json:
        print_json(rows)
    elif rows:
        show("Quarantine", [_shortened(row) for row in rows], as_json=False)
        total = len(rows) + left
        counted = f"{total:,} line{'s' * (total != 1)} in quarantine"
        out.print(f"{counted}; the first {len(rows):,} are shown, all of them: --limit 0" if left else counted)
    else:
        out.print("no line is in quarantine" if not counts[True] else "no line in quarantine is open")
    if counts[True] and not everything and not as_json:
        verb, row = ("is", "its row is") if counts[True] == 1 else ("are", "their rows are")
        out.print(f"{counts[True]:,} {verb} over, for {row} in the warehouse by now, as then or newer: --all")
    raise typer.Exit(FINDINGS if counts[False] else FINE)


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
        **({"over": "yes" if line["over"] else ""} if "over" in line else {}),
    }
