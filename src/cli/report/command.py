"""``starmend report``: one page that says whether a number is complete."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aws.deployment import Deployment
from cli.deployed import DEFAULT, deployment
from cli.output import Environment, Json, out, print_json, steps
from core.errors import Misuse
from core.time import parse_athena_instant
from deploy.folders import BUILD

if TYPE_CHECKING:
    from cli.report.gather import Sources
    from cli.report.shape import Report
    from core.contract.model import Table

PAGE = BUILD / "report.html"
To = Annotated[Path, typer.Option("--to", help="The file to write; it needs nothing else.")]
From = Annotated[str, typer.Option("--from", help="First day or instant, UTC: 2026-11-20 or 2026-11-20T14:30.")]
ToDate = Annotated[str, typer.Option("--to-date", help="Last day (all of it), or the instant at which to end, UTC.")]


def report(
    environment: Environment = DEFAULT,
    to: To = PAGE,
    since: From = "",
    until: ToDate = "",
    as_json: Json = False,
) -> None:
    """Coverage, gaps found and healed, freshness, last runs: one HTML page, of the last seven days by default."""
    start, end = parse_start(since), parse_end(until)
    if start is not None and end is not None and end <= start:
        raise Misuse("read the range", f"{since} to {until}", "ends before it begins", "Swap them")
    drawn = write_report(deployment(environment), to, start=start, end=end)
    if as_json:
        from cli.report.shape import to_data

        print_json({"page": str(to), **to_data(drawn)})
    else:
        for feed in drawn.feeds:
            known = f"{feed.total.missing:,} of {feed.total.expected:,} points missing"
            out.print(f"{feed.dataset}: {known}, {feed.certified} of {feed.windows} windows certified", highlight=False)
        out.print(f"written to {to}", highlight=False, soft_wrap=True)


def write_report(
    deployed: Deployment,
    to: Path,
    *,
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    now: dt.datetime | None = None,
) -> Report:
    """Read the deployment and write the page, whole or not at all; the report that it shows.

    ``[start, end)`` is the range, by default the last seven days until ``now``; a feed begins with its first point.
    """
    from cli.report.gather import Range, gather  # slow to import, as all that reads Parquet
    from cli.report.page import page

    at = now or dt.datetime.now(dt.UTC)
    span = Range.of(_seconds(start), _seconds(end), int(at.timestamp()))
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


def parse_start(text: str) -> dt.datetime | None:
    """The instant at which a range begins; None for an empty text."""
    return _instant(text, dt.timedelta())


def parse_end(text: str) -> dt.datetime | None:
    """The instant before which a range ends; a day counts whole."""
    return _instant(text, dt.timedelta(days=1))


def _instant(text: str, of_day: dt.timedelta) -> dt.datetime | None:
    if not text:
        return None
    try:
        if len(text) == 10:
            return dt.datetime.combine(dt.date.fromisoformat(text), dt.time(), dt.UTC) + of_day
        instant = dt.datetime.fromisoformat(text)
    except ValueError as error:
        raise Misuse(
            "read the range", text, "is no day and no instant", "Write 2026-11-20 or 2026-11-20T14:30"
        ) from error
    return instant.astimezone(dt.UTC) if instant.tzinfo else instant.replace(tzinfo=dt.UTC)


def _seconds(at: dt.datetime | None) -> int | None:
    return int(at.timestamp()) if at else None


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
