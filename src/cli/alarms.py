"""``starmend alarms``: the causes that the admins were called for, and which of them are to be silent."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.auditing import datasets_of
from cli.commands import examples, group
from cli.deployed import deployment
from cli.options import DEFAULT, Dataset, Environment, Json
from cli.output import FINDINGS, FINE, out, print_json, show
from core.errors import Misuse

if TYPE_CHECKING:
    from auditor.interventions.silences import Silence
    from aws.deployment import Deployment

app = group("See what the admins were called for; silence what is known.")

SILENCES = (
    "Held back are its mails and events. It stays open: status, alarms list and the page show it with the silence. "
    "CloudWatch's own alarms (queues, functions, freshness) know nothing of it"
)
_SPAN = re.compile(r"(\d+) ?(m|min|minutes?|h|hours?|d|days?)")
LONGEST = dt.timedelta(days=31)

Cause = Annotated[str, typer.Argument(metavar="ALARM", help="The alarm's name, as `alarms list` shows it.")]
End = Annotated[bool, typer.Option("--end", help="End it now: mails come again.")]
Reason = Annotated[str, typer.Option("--reason", help="Why, for whoever reads it later.")]


def utc_now() -> dt.datetime:
    """The present."""
    return dt.datetime.now(dt.UTC)


@app.command("list")
@examples("alarms list", "alarms list --dataset quotes --json")
def list_alarms(dataset: Dataset = "", environment: Environment = DEFAULT, as_json: Json = False) -> None:
    """List the open alarms, since when, and what to do.

    Exits with 1 where there are any, silenced ones too.
    """
    from auditor.standing.alarms import open_alarms
    from aws.objects import S3ObjectStore

    deployed = deployment(environment)
    records = S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket)
    names = datasets_of(deployed, dataset, operation="list alarms")
    now = int(utc_now().timestamp())
    rows = [row for name in names for row in open_alarms(records, name, now=now)]
    if as_json:
        print_json(rows)
    elif rows:
        shown = ("dataset", "alarm", "since", "rows", "what_to_do", "silence")
        show("Open alarms", [{name: row[name] for name in shown} for row in rows], as_json=False)
    else:
        out.print("no alarm is open")
    raise typer.Exit(FINDINGS if rows else FINE)


@app.command()
@examples("alarms ack limited --dataset quotes --reason 'the plan is being raised'", "alarms ack limited --end")
def ack(
    alarm: Cause,
    dataset: Dataset = "",
    reason: Reason = "",
    end: End = False,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Acknowledge an open alarm: no mail of it until it is over.

    Outages of the same cause that begin meanwhile are held back too. When it is over and comes again, it is mailed.
    """
    _silence(alarm, dataset, "", reason, end=end, environment=environment, as_json=as_json)


@app.command()
@examples("alarms silence limited --dataset quotes --for 4h --reason 'maintenance'", "alarms silence limited --end")
def silence(
    alarm: Cause,
    span: Annotated[str, typer.Option("--for", help="How long, such as 30m, 4h or 2d; 31 days at most.")] = "",
    dataset: Dataset = "",
    reason: Reason = "",
    end: End = False,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Silence an alarm for a while, whether it is open or not.

    If it is open when the silence ends, the next audit mails it and says who held it back.
    """
    if end == bool(span):
        raise Misuse("silence an alarm", alarm, "for how long?", "Give --for, such as --for 4h, or --end")
    until = "" if end else _until(span)
    _silence(alarm, dataset, until, reason, end=end, environment=environment, as_json=as_json)


def _until(span: str) -> str:
    from core.time import format_second

    match = _SPAN.fullmatch(span.strip())
    if not match:
        raise Misuse("silence an alarm", span, "is no span of time", "Write it like 30m, 4h or 2d")
    number, unit = int(match[1]), match[2][0]
    units = {"m": dt.timedelta(minutes=1), "h": dt.timedelta(hours=1), "d": dt.timedelta(days=1)}
    if not 0 < number <= LONGEST / units[unit]:
        raise Misuse("silence an alarm", span, "is longer than 31 days, or nothing", "Write it like 30m, 4h or 2d")
    return format_second(utc_now() + number * units[unit])


def _silence(alarm: str, dataset: str, until: str, reason: str, *, end: bool, environment: str, as_json: bool) -> None:
    """Store a silence or its end; an alarm that nobody can mean is refused, so that none is silenced by mistake."""
    from auditor.interventions.silences import Silence, end_silence, read_silences, write_silence
    from aws.account import identity_of
    from aws.objects import S3ObjectStore
    from core.time import iso

    deployed = deployment(environment)
    records = S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket)
    now = int(utc_now().timestamp())
    name = _dataset_of(deployed, records, alarm, dataset, wants_open=not until, now=now)
    if end:
        known = read_silences(records, name, now=now).get(alarm)
        if known is None:
            raise Misuse("end a silence", f"{name}/{alarm}", "is not silenced", "starmend alarms list shows what is")
        after = end_silence(records, known, now=now)
    else:
        after = Silence(name, alarm, iso(now), identity_of(deployed.clients), until, reason)
        write_silence(records, after)
    if as_json:
        print_json(after.to_data() | {"silences": "" if end else SILENCES})
    else:
        out.print(f"{name}/{alarm} is {_said(after)}")
        if not end:
            out.print(f"{SILENCES}.")


def _said(silence: Silence) -> str:
    return f"heard of again; it was {silence}" if silence.ended else str(silence)


def _dataset_of(deployed: Deployment, records: Any, alarm: str, dataset: str, *, wants_open: bool, now: int) -> str:
    """The dataset whose alarm is meant. Raises ``Misuse`` where none has it, or several have."""
    from auditor.interventions.silences import read_silences
    from auditor.repairs.causes import MEANINGS
    from auditor.standing.alarms import open_alarms
    from core.authoring.problems import nearest

    if alarm not in MEANINGS:
        raise Misuse("silence an alarm", alarm, "is no alarm of an audit", nearest(alarm, sorted(MEANINGS)))
    names = datasets_of(deployed, dataset, operation="silence an alarm")
    if dataset and not wants_open:
        return dataset
    having = [
        name
        for name in names
        if alarm in {row["alarm"] for row in open_alarms(records, name, now=now)}
        or alarm in read_silences(records, name, now=now)
    ]
    if len(having) == 1:
        return having[0]
    if having:
        raise Misuse("silence an alarm", alarm, f"is one of {', '.join(having)}", "Name one: --dataset")
    remedy = "starmend alarms list shows what is; to silence it beforehand: alarms silence --dataset NAME --for 4h"
    raise Misuse("silence an alarm", alarm, "is not open", remedy)
