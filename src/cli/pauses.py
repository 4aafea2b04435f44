"""``starmend pause`` and ``starmend resume``: let a dataset rest, and let it catch up."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated

import typer

from cli.auditing import datasets_of
from cli.commands import examples
from cli.completion import complete_dataset
from cli.deployed import deployment
from cli.options import DEFAULT, Environment, Json
from cli.output import out, print_json, say
from core.errors import Misuse

if TYPE_CHECKING:
    from auditor.interventions.pauses import Pauses
    from aws.deployment import Deployment
    from aws.objects import S3ObjectStore
    from aws.schedules import Schedules

Named = Annotated[str, typer.Argument(metavar="DATASET", help="The dataset.", autocompletion=complete_dataset)]


def utc_now() -> dt.datetime:
    """The present."""
    return dt.datetime.now(dt.UTC)


@examples("pause quotes --reason 'the provider moves'", "pause sales --env prod --json")
def pause(
    dataset: Named,
    reason: Annotated[str, typer.Option("--reason", help="Why, for whoever reads it later.")] = "",
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Pause a dataset: it is not asked for, and owes nothing new.

    Its schedules are switched off, and a deploy leaves them off. Audits go on by what is there; they do not miss what
    would have come since. Status and mails say so.
    """
    from auditor.interventions import switching
    from aws.account import identity_of

    deployed, records, schedules = _of(environment)
    datasets_of(deployed, dataset, operation="pause")
    now, by = int(utc_now().timestamp()), identity_of(deployed.clients)
    pauses, switched = switching.pause(records, schedules, dataset, now=now, by=by, reason=reason)
    _tell(dataset, pauses, switched, as_json=as_json)


@examples("resume quotes", "resume sales --env prod --json")
def resume(dataset: Named, environment: Environment = DEFAULT, as_json: Json = False) -> None:
    """Resume a dataset: it is asked for again, and catches up.

    What the pause left out is missing from then on, and is fetched as any gap is. Its schedules are as the deployment
    has them by now: on where schedules_enabled is.
    """
    from auditor.interventions import switching

    deployed, records, schedules = _of(environment)
    datasets_of(deployed, dataset, operation="resume")
    now, wanted = int(utc_now().timestamp()), deployed.schedules_enabled
    outcome = switching.resume(records, schedules, dataset, now=now, wanted=wanted)
    if outcome is None:
        raise Misuse("resume", dataset, "is not paused", "starmend status shows what is")
    _tell(dataset, *outcome, as_json=as_json)
    if wanted is False:
        say("schedules_enabled is off in this deployment, so no schedule asks for it: starmend deploy apply")


def _of(environment: str) -> tuple[Deployment, S3ObjectStore, Schedules]:
    from aws.objects import S3ObjectStore
    from aws.schedules import Schedules

    deployed = deployment(environment)
    group = f"{deployed.project}-{deployed.environment}"
    records = S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket)
    return deployed, records, Schedules(deployed.clients("scheduler"), group)


def _tell(dataset: str, pauses: Pauses, switched: list[str], *, as_json: bool) -> None:
    last = pauses.pauses[-1]
    if as_json:
        print_json({"dataset": dataset, "paused": pauses.standing is not None, "switched": switched} | last.to_data())
        return
    names = f"; schedules {', '.join(switched)}" if switched else "; no schedule was switched"
    if pauses.standing:
        out.print(f"{dataset} is {last}{names}{' are off' if switched else ''}")
        out.print(f"It owes nothing new meanwhile. To go on: starmend resume {dataset}")
    else:
        out.print(f"{dataset} is resumed; it was {last}{names}{' are on' if switched else ''}")
        out.print(f"The next audit catches up. Now: starmend heal --dataset {dataset}")
