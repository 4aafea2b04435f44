"""``starmend status``: one verdict, until when each table is complete and certified, and how far it came."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands import examples
from cli.deployed import deployment
from cli.options import DEFAULT, Environment, Json
from cli.output import FINDINGS, FINE, out, print_json, say, show, steps
from core.contract.model import Contract, Contracts, Database, Feed, SourceTable, Table
from core.errors import StarmendError
from core.time import at_epoch, iso, parse_athena_instant

if TYPE_CHECKING:
    from auditor.changes.progress import ChangeProgress
    from auditor.page.report import Freshness
    from auditor.standing.standing import DatasetStanding, Standing
    from aws.deployment import Deployment


def utc_now() -> dt.datetime:
    """The present."""
    return dt.datetime.now(dt.UTC)


@examples("status", "status --progress", "status --env prod --json")
def status(
    progress_too: Annotated[
        bool, typer.Option("--progress", help="Also show source rows, ingest objects, ids and watermarks.")
    ] = False,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Say whether all is complete, and until when each table is.

    By the auditor's own rows of the last two months. Exits with 1 where something is missing, alarmed, older than
    promised, not audited lately or ever, or could not be read.
    """
    from auditor.changes.progress import change_progress
    from auditor.standing.reading import read_standing
    from auditor.standing.standing import verdict
    from aws.objects import S3ObjectStore

    deployed = deployment(environment)
    now = int(utc_now().timestamp())
    records = S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket)
    sourced = [contract for contract in deployed.contracts if contract.source]
    with steps() as progress:
        with progress.step("asking how fresh the tables are"):
            asked = _freshness(deployed)
            fresh = asked or []
        with progress.step("reading what the auditor knows"):
            stale = _stale(fresh)
            known = [
                read_standing(records, contract, now=now, stale=stale.get(contract.dataset, ())) for contract in sourced
            ]
            changes = {contract.dataset: change_progress(records, contract, now=now) for contract in sourced}
            known = [replace(each, changes=tuple(map(str, changes[each.dataset]))) for each in known]
    owes_points = any(isinstance(contract.source, Feed) for contract in sourced)
    said = verdict(known, unread=["how fresh the tables are"] if asked is None and owes_points else ())
    rows = _progress(deployed, sourced) if progress_too else []
    if as_json:
        more = {"progress": rows} if progress_too else {}
        data = [standing_data(dataset, fresh) | _changes_data(changes[dataset.dataset]) for dataset in known]
        print_json({"verdict": said.text, "complete": said.complete, "datasets": data} | more)
    else:
        out.print(said.text, style="green" if said.complete else "red")
        newest = _newest_rows(deployed.contracts, fresh)
        for dataset in known:
            out.print()
            show(
                _title(dataset, now),
                [_row(table, newest.get((table.dataset, table.table))) for table in dataset.tables],
                as_json=False,
            )
            for line in (*decisions(dataset), *dataset.changes):
                out.print(line)
        if progress_too:
            out.print()
            show("Progress", rows, as_json=False)
    raise typer.Exit(FINE if said.complete else FINDINGS)


def _changes_data(changes: Sequence[ChangeProgress]) -> dict[str, Any]:
    return {"changes": [change.to_data() for change in changes]}


def decisions(dataset: DatasetStanding) -> list[str]:
    """What operators decided about a dataset, a sentence each: nothing is silenced in silence."""
    paused = [f"{dataset.dataset} is {dataset.paused}"] if dataset.paused else []
    if dataset.unresumed:
        paused.append(f"{dataset.dataset} was {dataset.unresumed}: starmend resume {dataset.dataset}")
    return [*paused, *(f"{name} is {silence}" for name, silence in sorted(dataset.silences.items()))]


def _freshness(deployed: Deployment) -> list[Freshness] | None:
    """Freshness of every fact; None where Athena cannot be asked, which is said."""
    from auditor.page.reading.freshness import read_freshness
    from cli.report import sources_of

    try:
        return read_freshness(sources_of(deployed), utc_now())
    except StarmendError as error:
        say(f"freshness is not shown: {error}")
        return None


def _stale(fresh: Sequence[Freshness]) -> dict[str, list[str]]:
    """Facts of feeds that are older than promised; of a database nobody knows from here whether its source is quiet."""
    stale: dict[str, list[str]] = {}
    for fact in fresh:
        if fact.feed and fact.state == "old":
            stale.setdefault(fact.dataset, []).append(fact.table)
    return stale


def _title(dataset: DatasetStanding, now: int) -> str:
    """``quotes: audited 20 min ago, again in 40 min; alarms: limited``."""
    from auditor.page import words

    last = max((table.audited_at for table in dataset.tables if table.audited_at is not None), default=None)
    if last is None or dataset.next_audit is None:
        title = f"{dataset.dataset}: never audited; starmend heal --dataset {dataset.dataset}"
    else:
        ago, ahead = words.length(dt.timedelta(seconds=max(now - last, 0))), dataset.next_audit - now
        again = f"again in {words.length(dt.timedelta(seconds=ahead))}" if ahead > 0 else "again is due"
        title = f"{dataset.dataset}: audited {ago} ago, {again}"
    return title + (f"; alarms: {', '.join(dataset.alarms)}" if dataset.alarms else "")


def _row(table: Standing, newest: dt.datetime | None) -> dict[str, Any]:
    return {
        "table": table.table,
        "complete_until": _minute(table.complete_until),
        "certified_until": _minute(table.certified_until),
        "missing": table.missing if table.windows else None,
        "newest_row": None if newest is None else _minute(int(newest.timestamp())),
    }


def _newest_rows(contracts: Contracts, fresh: Sequence[Freshness]) -> dict[tuple[str, str], dt.datetime | None]:
    """The newest row of the fact that each source table becomes."""
    sources = {table.name: table.source for table in contracts.tables() if table.kind == "fact"}
    return {(fact.dataset, sources[fact.table]): fact.newest for fact in fresh}


def standing_data(dataset: DatasetStanding, fresh: Sequence[Freshness]) -> dict[str, Any]:
    """JSON of a dataset's standing; instants are ISO 8601."""
    return {
        "dataset": dataset.dataset,
        "alarms": list(dataset.alarms),
        "silences": dict(dataset.silences),
        "paused": dataset.paused or None,
        "unresumed": dataset.unresumed or None,
        "heard": dataset.heard,
        "damaged": list(dataset.damaged),
        "silent_since": iso(dataset.silent_since) if dataset.silent_since is not None else None,
        "next_audit": iso(dataset.next_audit) if dataset.next_audit is not None else None,
        "tables": [
            {
                "table": table.table,
                "windows": table.windows,
                "certified": table.certified,
                "missing": table.missing,
                "held": list(table.held),
                **{
                    name: iso(value) if (value := getattr(table, name)) is not None else None
                    for name in ("since", "complete_until", "certified_until", "audited_at")
                },
            }
            for table in dataset.tables
        ],
        "freshness": [
            {
                "table": fact.table,
                "newest": fact.newest and fact.newest.isoformat(),
                "behind_seconds": None if fact.behind is None else int(fact.behind.total_seconds()),
                "limit_seconds": int(fact.limit.total_seconds()),
                "state": fact.state,
            }
            for fact in fresh
            if fact.dataset == dataset.dataset
        ],
    }


def _minute(seconds: int | None) -> str | None:
    return None if seconds is None else f"{at_epoch(seconds):%Y-%m-%d %H:%M}"


def _progress(deployed: Deployment, sourced: Sequence[Contract]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    with steps() as progress:
        for contract in sourced:
            with progress.step(f"looking at {contract.dataset}"):
                rows += _dataset(deployed, contract)
    return rows


def _dataset(deployed: Deployment, contract: Contract) -> list[dict[str, Any]]:
    from aws.parameters import SsmParameterStore

    is_database = isinstance(contract.source, Database)  # a feed's objects have no ids
    counts = _source_counts(deployed, contract)
    parameters = SsmParameterStore(deployed.clients("ssm"))
    warehouse = _warehouse(deployed, contract)
    rows = []
    for source in contract.needed_source.tables:
        prefix = f"{deployed.settings.parameter_prefix}/{contract.dataset}/{source.name}"
        known = parameters.get_many([f"{prefix}/{name}" for name in ("timestamp", "sequential_id", "latest_object")])
        count, newest = warehouse.get(source.name, (None, None))
        rows.append(
            {
                "dataset": contract.dataset,
                "table": source.name,
                "source_rows": counts.get(source.name),
                "objects": _objects(deployed, contract, source),
                "last_id": _number(known.get(f"{prefix}/sequential_id")) if is_database else None,
                "processed": _number(known.get(f"{prefix}/latest_object")) if is_database else None,
                "watermark": known.get(f"{prefix}/timestamp"),
                "warehouse_rows": count,
                "newest_row": newest and newest.isoformat(timespec="seconds"),
            }
        )
    return rows


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdigit() else None


def _objects(deployed: Deployment, contract: Contract, source: SourceTable) -> int:
    from aws.objects import S3ObjectStore

    if not isinstance(contract.source, Database):
        prefix = f"feeds/{contract.dataset}/"
    else:
        prefix = f"tables/{contract.dataset}/{source.name}/"
    return sum(1 for _ in S3ObjectStore(deployed.clients("s3"), deployed.ingest_bucket).list(prefix))


def _source_counts(deployed: Deployment, contract: Contract) -> Mapping[str, int]:
    """Rows per source table; none where the database cannot be reached from here, which is said once."""
    if not isinstance(contract.source, Database):
        return {}
    from aws.secrets import AwsSecretStore
    from ingestion.engines.build import engine_named
    from ingestion.engines.port import Timeouts

    source = contract.source
    secrets = AwsSecretStore(deployed.clients("secretsmanager"), f"{deployed.project}/{deployed.environment}/")
    try:
        engine = engine_named(source.engine)
        connector = engine.connector(secrets, source.secret, timeouts=Timeouts(statement=60))
        with closing(connector.open()) as session:
            catalog = engine.catalog(session, source.tables)
            return {
                table.name: catalog.reading(table, timezone=source.timezone).count_rows(session, seconds=60)
                for table in source.tables
            }
    except StarmendError as error:
        say(f"source rows are not shown: {error}")
        return {}


def _warehouse(deployed: Deployment, contract: Contract) -> Mapping[str, tuple[int, dt.datetime | None]]:
    """Rows of the table that each source table becomes, and its newest instant where it has one."""
    tables = [table for table in contract.tables if table.kind in ("fact", "dimension")]
    if not tables:
        return {}
    parts = [
        f"select '{table.source}' as source, count(*) as n_rows, {_newest(contract, table)} as newest"
        f' from "{table.name}"'
        for table in tables
    ]
    frame = deployed.athena.query(" union all ".join(parts))
    holdings: dict[str, tuple[int, dt.datetime | None]] = {}
    for row in frame.to_dict("records"):
        newest = row["newest"]
        instant = None if newest is None or newest != newest or newest == "" else parse_athena_instant(str(newest))
        holdings[row["source"]] = (int(row["n_rows"]), instant)
    return holdings


def _newest(contract: Contract, table: Table) -> str:
    """The newest version's instant as text; dimensions keep none, so theirs is null."""
    from auditor.page.reading.freshness import newest_text

    names = [column.name for column in table.columns]
    source = contract.source_table(table.source) if table.source in [t.name for t in _tables(contract)] else None
    wanted = [source.changed_at] if source else []
    wanted += [column.name for column in table.columns if column.name in table.key and column.type.name == "timestamp"]
    for name in wanted:
        if name in names:
            return newest_text(name)
    return "cast(null as varchar)"


def _tables(contract: Contract) -> tuple[SourceTable, ...]:
    return contract.source.tables if contract.source else ()
