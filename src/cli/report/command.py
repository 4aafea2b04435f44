"""``starmend report``: one page that says whether a number is complete."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from cli.commands import examples
from cli.deployed import deployment
from cli.options import DEFAULT, Environment, From, Json, Output, To
from cli.output import FINDINGS, FINE, out, print_json, steps
from cli.ranges import range_of
from core.time import parse_athena_instant
from deploy.folders import BUILD

if TYPE_CHECKING:
    from aws.deployment import Deployment
    from cli.report.gather import Sources
    from cli.report.shape import Report
    from core.contract.model import Table

PAGE = Path(BUILD) / "report.html"


@examples("report", "report --from 2026-11-20 --to 2026-11-21 --output today.html", "report --json")
def report(
    environment: Environment = DEFAULT,
    file: Output = PAGE,
    since: From = "",
    until: To = "",
    as_json: Json = False,
) -> None:
    """Write one HTML page that says whether numbers are complete.

    Coverage, gaps found and healed, freshness, last runs; of the last seven days by default. The page needs nothing
    else: no network, no script. Exits with 1 where something is incomplete or alarmed.
    """
    start, end = range_of(since, until, operation="report", open_ended=True)
    drawn = write_report(deployment(environment), file, start=start, end=end)
    if as_json:
        from cli.report.shape import to_data

        print_json({"page": str(file), **to_data(drawn)})
    else:
        for feed in drawn.feeds:
            known = f"{feed.total.missing:,} of {feed.total.expected:,} points missing"
            out.print(f"{feed.dataset}: {known}, {feed.certified} of {feed.windows} windows certified")
        out.print(f"written to {file}")
    raise typer.Exit(FINE if is_complete(drawn) else FINDINGS)


def is_complete(drawn: Report) -> bool:
    """Whether nothing on the page is something that somebody should look at."""
    return not (
        drawn.alarms
        or drawn.notes
        or any(feed.total.missing and feed.verdict != "filling" for feed in drawn.feeds)
        or any(subject.missing for subject in drawn.subjects)
    )


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
    first point.
    """
    from cli.report.gather import Range, gather  # slow to import, as all that reads Parquet
    from cli.report.page import page

    at = now or dt.datetime.now(dt.UTC)
    span = Range.of(start, end, int(at.timestamp()))
    sources = sources_of(deployed)
    with steps() as progress, progress.step("reading the warehouse") as step:
        drawn = gather(
            sources,
            span,
            project=deployed.project,
            environment=deployed.environment,
            on_dataset=lambda name: step.update(title=f"reading {name}"),
        )
    with steps() as progress, progress.step("drawing"):
        text = page(drawn)
    to.parent.mkdir(parents=True, exist_ok=True)
    fresh = to.with_name(to.name + ".new")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(to)
    return drawn


def sources_of(deployed: Deployment) -> Sources:
    from aws.objects import S3ObjectStore
    from aws.parameters import SsmParameterStore
    from aws.pointers import S3PartitionStore
    from cli.report.gather import Sources

    s3 = deployed.clients("s3")
    return Sources(
        contracts=deployed.contracts,
        records=S3ObjectStore(s3, deployed.warehouse_bucket),
        partitions=S3PartitionStore(s3, deployed.warehouse_bucket),
        parameters=SsmParameterStore(deployed.clients("ssm")),
        parameter_prefix=deployed.settings.parameter_prefix,
        newest=lambda tables: newest_of(deployed, tables),
        runs=lambda: runs_of(deployed),
    )


def runs_of(deployed: Deployment) -> Sequence[str]:
    """The names of the newest audits, the newest first: a run's files lie under its execution's name."""
    from aws.executions import StateMachine

    arn = deployed.state_machines.get("audit", "")
    return StateMachine(deployed.clients("stepfunctions"), arn).newest(50) if arn else ()


def newest_of(deployed: Deployment, tables: Sequence[Table]) -> Mapping[str, dt.datetime | None]:
    """The newest instant in each fact, asked of Athena in one query: of a feed's point, or of a row's change."""
    instants = {table.name: _instant_column(table) for table in tables}
    parts = [
        f'select \'{name}\' as name, cast(max("{column}") as varchar) as newest from "{name}"'
        for name, column in instants.items()
        if column
    ]
    if not parts:
        return {}
    answers = deployed.athena.query(" union all ".join(parts)).to_dict("records")
    return {row["name"]: _utc(row["newest"]) for row in answers}


def _instant_column(table: Table) -> str:
    """The key's instant: a feed's point, or a version's change. Empty where the key has none."""
    timed = [column.name for column in table.columns if column.name in table.key and column.type.name == "timestamp"]
    return timed[-1] if timed else ""


def _utc(text: object) -> dt.datetime | None:
    if not isinstance(text, str) or not text:
        return None
    return parse_athena_instant(text)
