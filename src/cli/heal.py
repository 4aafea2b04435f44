"""``starmend heal``: start the deployed state machine and watch it to its end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.auditing import datasets_of, kept_datasets, run_name, whole_range
from cli.commands import examples
from cli.deployed import deployment
from cli.local_contracts import refuse_other_contracts
from cli.operating import check_compared
from cli.options import DEFAULT, AsDeployed, Dataset, Environment, From, Full, Json, Source, To
from cli.output import FAILURE, FINDINGS, FINE, print_json, say, show, show_first, steps
from cli.ranges import Range, range_of, refuse_range_and_full
from core.errors import PipelineBug
from core.time import iso

if TYPE_CHECKING:
    from aws.deployment import Deployment
    from aws.executions import StateMachine
    from core.ports import ObjectReader

MACHINE = "audit"


@examples("heal", "heal --dataset quotes --full", "heal --dataset sales --from 2026-11-01 --to 2026-12-01 --json")
def heal(
    dataset: Dataset = "",
    table: Source = "",
    start: From = "",
    end: To = "",
    full: Full = False,
    now: Annotated[str, typer.Option("--now", help="Take this for the present (a simulated market's time).")] = "",
    as_deployed: AsDeployed = False,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Find, repair, prove: run the deployed auditor and watch it.

    One execution for each dataset, over the windows that are due, those of a range, or with --full all of them; with
    --table the rows of that one table are compared. Exits with 1 where something is left unhealed, and names it.
    """
    first, last = range_of(start, end, operation="heal")
    deployed = deployment(environment)
    check_compared(deployed.contracts, dataset, table)
    datasets = datasets_of(deployed, dataset, operation="heal")
    datasets = kept_datasets(deployed.contracts, datasets, table, last, operation="heal")
    if not as_deployed:
        refuse_other_contracts(deployed, datasets, operation="heal")
    if full:
        refuse_range_and_full(start, end, operation="heal")
    span = (first, last)
    ranges = {name: whole_range(deployed, name) if full else span for name in datasets}
    rows, left = run_auditor(deployed, ranges, now=now, table=table)
    show_healed(rows, left, as_json=as_json)
    raise typer.Exit(exit_code_of(rows))


def run_auditor(
    deployed: Deployment, ranges: Mapping[str, Range], *, now: str = "", table: str = ""
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """One execution for each dataset, watched to its end: how each ended, and what is left by cause.

    ``ranges`` are in epoch seconds; without ends it is what is due. ``table`` is the only one that is compared.
    Raises ``PipelineBug`` where the deployment has no auditor.
    """
    from aws.executions import StateMachine
    from aws.objects import S3ObjectStore

    arn = deployed.state_machines.get(MACHINE, "")
    if not arn:
        remedy = f"Deploy it: starmend deploy apply --env {deployed.environment}"
        raise PipelineBug("heal", deployed.environment, "this deployment has no auditor", remedy)
    machine = StateMachine(deployed.clients("stepfunctions"), arn)
    records = S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket)
    rows: list[dict[str, Any]] = []
    left: list[dict[str, Any]] = []
    with steps() as progress:
        for name, (first, last) in ranges.items():
            order: dict[str, Any] = {"dataset": name} | ({"tables": [table]} if table else {})
            if first is not None and last is not None:
                order |= {"start": iso(first), "end": iso(last)}
            if now:
                order["now"] = now
            run = run_name(dt.datetime.now(dt.UTC))
            execution = machine.start(run, order)
            with progress.step(f"healing {name}") as step:
                for state in machine.watch(execution):
                    step.update(title=f"healing {name}: {state}")
            rows.append(_row(name, machine, execution))
            left += left_of(records, run)
    return rows, left


def show_healed(rows: Sequence[Mapping[str, Any]], left: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """How each execution ended, and what is left."""
    for row in rows:
        if row["status"] != "SUCCEEDED":
            say(f"{row['dataset']}: {row['status']}: {row['cause']}")
    if as_json:
        print_json([{**row, "left": [each for each in left if each["dataset"] == row["dataset"]]} for row in rows])
        return
    shown = [{name: value for name, value in row.items() if name not in ("cause", "failure")} for row in rows]
    show("Healed", shown, as_json=False)
    if left:
        total = sum(cause["rows"] for cause in left)
        show_first("Left unhealed", left, total=f"{total:,} rows or points are left, of {len(left):,} causes")


def exit_code_of(rows: Sequence[Mapping[str, Any]]) -> int:
    """A failure where an execution did not succeed, else findings where something is left."""
    if any(row["status"] != "SUCCEEDED" for row in rows):
        return FAILURE
    return FINDINGS if any(row["missing"] or row["causes"] for row in rows) else FINE


def left_of(records: ObjectReader, run: str) -> list[dict[str, Any]]:
    """What a run left unhealed, by cause: how much, where, and what to do."""
    from auditor.repairs.causes import Cause, remedy_of
    from auditor.run_files import find_run_file

    judgement = find_run_file(records, run, "judgement") or {"causes": [], "healing": 0}
    rows = []
    for cause in map(Cause.from_data, judgement["causes"]):
        places = list(cause.entities[:10] or cause.details)
        more = f" and {len(cause.entities) - 10:,} more" if len(cause.entities) > 10 else ""
        spans = "; ".join(f"{start} to {end}" for start, end in cause.spans)
        rows.append(
            {
                "dataset": cause.dataset,
                "cause": cause.name.replace("_", " "),
                "rows": cause.count,
                "where": f"{', '.join(places)}{more}" + (f": {spans}" if spans else ""),
                "what_to_do": remedy_of(cause.to_data()),
            }
        )
    for dataset, place, reason in judgement.get("held", ()):
        remedy = f"It is left as it is until: starmend rollback {place} --release"
        held = {"cause": "held partition", "rows": 0, "where": f"{place}: {reason}", "what_to_do": remedy}
        rows.append({"dataset": dataset, **held})
    return rows


def _row(dataset: str, machine: StateMachine, execution: str) -> dict[str, Any]:
    from auditor.evidence.failures import failure_of

    done = machine.describe(execution)
    certified = done.output.get("certified", {})
    failed = failure_of(done.cause) if done.status != "SUCCEEDED" else None
    return {
        "dataset": dataset,
        "status": done.status,
        **{name: done.output.get(name, 0) for name in ("windows", "expected", "present", "absent", "missing")},
        "certificates": certified.get("certificates", 0),
        "causes": certified.get("causes", 0),
        "cause": failed.text if failed else "",
        "failure": failed.to_data() if failed else None,
    }
