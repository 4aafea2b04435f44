"""``starmend heal``: start the deployed state machine and watch it to its end."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any

import typer

from aws.executions import StateMachine
from cli.auditing import Dataset, From, To, datasets_of, range_of, run_name
from cli.deployed import DEFAULT, deployment
from cli.local_contracts import AsDeployed, refuse_other_contracts
from cli.output import FAILURE, FINDINGS, FINE, Environment, Json, print_json, say, show, steps
from core.errors import PipelineBug
from core.time import iso

MACHINE = "audit"


def heal(
    dataset: Dataset = "",
    start: From = "",
    end: To = "",
    now: Annotated[str, typer.Option("--now", help="Take this for the present (a simulated market's time).")] = "",
    as_deployed: AsDeployed = False,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Find, repair, prove: one execution of the auditor for each dataset. Exits 1 when something is left unhealed."""
    deployed = deployment(environment)
    datasets = datasets_of(deployed, dataset)
    if not as_deployed:
        refuse_other_contracts(deployed, datasets, operation="heal")
    arn = deployed.state_machines.get(MACHINE, "")
    if not arn:
        raise PipelineBug("heal", environment, "this deployment has no auditor", "Deploy it: make deploy")
    machine = StateMachine(deployed.clients("stepfunctions"), arn)
    first, last = range_of(start, end)
    rows: list[dict[str, Any]] = []
    with steps() as progress:
        for name in datasets:
            order = {"dataset": name}
            if first is not None and last is not None:
                order |= {"start": iso(first), "end": iso(last)}
            if now:
                order["now"] = now
            execution = machine.start(run_name(dt.datetime.now(dt.UTC)), order)
            with progress.step(f"healing {name}") as step:
                for state in machine.watch(execution):
                    step.update(title=f"healing {name}: {state}")
            rows.append(_row(name, machine, execution))
    failed = [row for row in rows if row["status"] != "SUCCEEDED"]
    for row in failed:
        say(f"{row['dataset']}: {row['status']}: {row['cause']}")
    shown = [{name: value for name, value in row.items() if name != "cause"} for row in rows]
    print_json(rows) if as_json else show("Healed", shown, as_json=False)
    raise typer.Exit(FAILURE if failed else FINDINGS if any(row["missing"] or row["causes"] for row in rows) else FINE)


def _row(dataset: str, machine: StateMachine, execution: str) -> dict[str, Any]:
    done = machine.describe(execution)
    certified = done.output.get("certified", {})
    return {
        "dataset": dataset,
        "status": done.status,
        **{name: done.output.get(name, 0) for name in ("windows", "expected", "present", "absent", "missing")},
        "certificates": certified.get("certificates", 0),
        "causes": certified.get("causes", 0),
        "cause": done.cause,
    }
