"""``starmend alarms``: the causes that the admins were called for and that are not over."""

from __future__ import annotations

import typer

from cli.auditing import datasets_of
from cli.commands import examples, group
from cli.deployed import deployment
from cli.options import DEFAULT, Dataset, Environment, Json
from cli.output import FINDINGS, FINE, out, print_json, show

app = group("See what the admins were called for.")


@app.command("list")
@examples("alarms list", "alarms list --dataset quotes --json")
def list_alarms(dataset: Dataset = "", environment: Environment = DEFAULT, as_json: Json = False) -> None:
    """List the open alarms, since when, and what to do.

    Exits with 1 where there are any.
    """
    from auditor.standing.alarms import open_alarms
    from aws.objects import S3ObjectStore

    deployed = deployment(environment)
    records = S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket)
    names = datasets_of(deployed, dataset, operation="list alarms")
    rows = [row for name in names for row in open_alarms(records, name)]
    if as_json:
        print_json(rows)
    elif rows:
        shown = ("dataset", "alarm", "since", "rows", "what_to_do")
        show("Open alarms", [{name: row[name] for name in shown} for row in rows], as_json=False)
    else:
        out.print("no alarm is open")
    raise typer.Exit(FINDINGS if rows else FINE)
