"""``starmend status``: rows and progress of each table, in the source, the landing zone and the warehouse."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

from cli.commands import examples
from cli.deployed import deployment
from cli.options import DEFAULT, Environment, Json
from cli.output import say, show, steps
from core.contract.model import Contract, Database, SourceTable, Table
from core.errors import StarmendError
from core.time import parse_athena_instant

if TYPE_CHECKING:
    from aws.deployment import Deployment


@examples("status", "status --env prod --json")
def status(environment: Environment = DEFAULT, as_json: Json = False) -> None:
    """Show rows and progress of each table."""
    deployed = deployment(environment)
    rows: list[dict[str, Any]] = []
    with steps() as progress:
        for contract in deployed.contracts:
            if contract.source:
                with progress.step(f"looking at {contract.dataset}"):
                    rows += _dataset(deployed, contract)
    show("Status", rows, as_json=as_json)


def _dataset(deployed: Deployment, contract: Contract) -> list[dict[str, Any]]:
    from aws.parameters import SsmParameterStore

    now = dt.datetime.now(dt.UTC)
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
                "last_id": _number(known.get(f"{prefix}/sequential_id")),
                "processed": _number(known.get(f"{prefix}/latest_object")),
                "watermark": known.get(f"{prefix}/timestamp"),
                "warehouse_rows": count,
                "newest_row": newest and newest.isoformat(timespec="seconds"),
                "age_minutes": int((now - newest).total_seconds() // 60) if newest else None,
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
    names = [column.name for column in table.columns]
    source = contract.source_table(table.source) if table.source in [t.name for t in _tables(contract)] else None
    wanted = [source.changed_at] if source else []
    wanted += [column.name for column in table.columns if column.name in table.key and column.type.name == "timestamp"]
    for name in wanted:
        if name in names:
            return f'cast(max("{name}") as varchar)'
    return "cast(null as varchar)"


def _tables(contract: Contract) -> tuple[SourceTable, ...]:
    return contract.source.tables if contract.source else ()
