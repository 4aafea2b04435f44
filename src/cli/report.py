"""``starmend report``: one page that says whether a number is complete."""

from __future__ import annotations

import datetime as dt
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands import examples
from cli.deployed import deployment
from cli.options import DEFAULT, Environment, From, Json, Output, To
from cli.output import FINDINGS, FINE, out, print_json, say, steps, write_file
from cli.ranges import range_of
from core.errors import NotDeployed
from deploy.folders import BUILD

if TYPE_CHECKING:
    from auditor.page.reading.sources import Sources
    from auditor.page.report import Report
    from aws.deployment import Deployment

PAGE = Path(BUILD) / "report.html"


@examples(
    "report",
    "report --open",
    "report --from 2026-11-20 --to 2026-11-21 --output today.html",
    "report --link --env prod",
)
def report(
    environment: Environment = DEFAULT,
    file: Output = PAGE,
    since: From = "",
    until: To = "",
    open_it: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    link: Annotated[
        bool, typer.Option("--link", help="Only print a signed address of the page that the deployment wrote last.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write one HTML page that says whether numbers are complete.

    One verdict, a card for each dataset, coverage down to the minute, each table with what proves it, alarms and
    audits; of the last seven days by default. The page asks nobody anything. Exits with 1 where something is incomplete
    or alarmed, or could not be read.
    """
    if link:
        _print_link(deployment(environment), as_json=as_json)
        return
    start, end = range_of(since, until, operation="report", open_ended=True)
    drawn = write_report(deployment(environment), file, start=start, end=end)
    if as_json:
        from auditor.page.report import to_data

        print_json({"page": str(file), **to_data(drawn)})
    else:
        out.print(drawn.banner.title, style="green" if drawn.banner.complete else "red")
        for view in drawn.datasets:
            counts, first = view.counts, view.conditions[0]
            known = f"{counts.missing:,} of {counts.expected:,} missing"
            certified = f"{view.facts.certified:,} of {view.facts.windows:,} windows certified"
            out.print(f"{view.name}: {first.state.replace('_', ' ')}; {known}, {certified}")
        out.print(f"written to {file}")
    if open_it:
        webbrowser.open(file.resolve().as_uri())
    raise typer.Exit(FINE if drawn.banner.complete else FINDINGS)


def _print_link(deployed: Deployment, *, as_json: bool) -> None:
    """Print an address of the deployment's own page, for somebody without credentials; raises ``NotDeployed``."""
    from auditor.page.publish import KEY
    from aws.links import signed_link
    from aws.objects import S3ObjectStore

    client, bucket, now = deployed.clients("s3"), deployed.warehouse_bucket, dt.datetime.now(dt.UTC)
    written = S3ObjectStore(client, bucket).stat(KEY)
    if written is None:
        remedy = "It is written every hour while schedules run; read it here: starmend report --open"
        raise NotDeployed("link the page", f"s3://{bucket}/{KEY}", "the deployment has written none yet", remedy)
    signed = signed_link(client, bucket, KEY, now=now)
    if as_json:
        print_json(
            {
                "link": signed.url,
                "made": written.modified.isoformat(timespec="seconds"),
                "until": signed.until.isoformat(timespec="seconds"),
                "ends_with_session": signed.session,
            }
        )
        return
    out.print(signed.url)
    sooner = ", and no longer than the session of the credentials that signed it" if signed.session else ""
    say(f"the page of {written.modified:%Y-%m-%d %H:%M} UTC, for whoever has this link until")
    say(f"{signed.until:%Y-%m-%d %H:%M} UTC{sooner}")


def write_report(
    deployed: Deployment,
    to: Path,
    *,
    start: int | None = None,
    end: int | None = None,
    now: dt.datetime | None = None,
) -> Report:
    """Read the deployment and write the page, whole or not at all; the report that it shows.

    ``[start, end)`` is the range in epoch seconds, by default the last seven days until ``now``; a feed begins with its
    first point. Points that would make the page too large lie beside it, in the folder ``<name>.points``.
    """
    from auditor.page.document import pages  # slow to import, as all that reads Parquet
    from auditor.page.reading.gather import gather
    from auditor.page.reading.sources import Range

    at = now or dt.datetime.now(dt.UTC)
    span = Range.of(start, end, int(at.timestamp()))
    sources = sources_of(deployed)
    with steps() as progress, progress.step("reading the warehouse") as step:
        report = gather(
            sources,
            span,
            project=deployed.project,
            environment=deployed.environment,
            on_dataset=lambda name: step.update(title=f"reading {name}"),
        )
    with steps() as progress, progress.step("writing the page"):
        for name, text in reversed(pages(report, to.name).items()):  # the page last: what it names is there
            write_file(to.parent / name, text, operation="write the page")
    return report


def sources_of(deployed: Deployment) -> Sources:
    from auditor.page.reading.freshness import newest_by
    from auditor.page.reading.sources import Sources
    from cli.auditing import auditor_of

    return Sources(
        auditor_of(deployed),
        newest=lambda tables: newest_by(deployed.athena, tables),
        runs=lambda: runs_of(deployed),
    )


def runs_of(deployed: Deployment) -> Sequence[str]:
    """The names of the newest audits, the newest first: a run's files lie under its execution's name."""
    from aws.executions import StateMachine

    arn = deployed.state_machines.get("audit", "")
    return StateMachine(deployed.clients("stepfunctions"), arn).newest(50) if arn else ()
