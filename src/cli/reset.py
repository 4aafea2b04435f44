"""``starmend reset``: forget what the parameters say of a table's extraction; the objects say it again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.agreement import agree
from cli.commands import examples
from cli.deployed import deployment
from cli.operating import check_source
from cli.options import DEFAULT, Dataset, Environment, Json, Yes
from cli.output import out, print_json
from core.authoring.problems import nearest
from core.contract.model import Database
from core.errors import Misuse, UnknownTable
from core.landing.ingest_objects import EPOCH, table_prefix
from core.landing.state import ParameterNames
from core.time import format_instant

if TYPE_CHECKING:
    from aws.deployment import Deployment


@examples("reset staff", "reset staff --dataset sales --yes --json")
def reset(
    table: Annotated[str, typer.Argument(help="The source table.")],
    dataset: Dataset = "",
    yes: Yes = False,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Forget how far a table's extraction has come; ask first.

    The parameters are a cache of what the ingest objects prove: the next pass lists those and goes on behind the last,
    and no row comes twice. All rows once more: `extract --full`.
    """
    from aws.objects import S3ObjectStore
    from aws.parameters import SsmParameterStore
    from ingestion.extract.parameters import read_stored

    deployed = deployment(environment)
    name = _dataset_of(deployed, table, dataset)
    parameters = SsmParameterStore(deployed.clients("ssm"))
    names = ParameterNames(f"/{deployed.project}/{deployed.environment}", name)
    stored = read_stored(parameters, names, [table])[table]
    ingest = S3ObjectStore(deployed.clients("s3"), deployed.ingest_bucket)
    objects = sum(1 for _ in ingest.list(table_prefix(name, table)))
    before: dict[str, Any] = {
        "dataset": name,
        "table": table,
        "number": stored.number,
        "timestamp": format_instant(stored.timestamp) if stored.timestamp else None,
        "objects": objects,
    }
    if not as_json:
        out.print(
            f"{name}/{table}: object {stored.number or 0:,}, rows durable until {before['timestamp'] or 'unknown'}"
        )
        out.print(f"  what stays: {objects:,} objects in the landing zone, and all of the warehouse")
        out.print(
            "  what goes: the two parameters; the next pass lists the objects and goes on behind the last of them"
        )
        if not objects:
            out.print("  there is no object: the next pass reads the whole table")
        out.print(f"  all rows once more, if that is wanted: starmend extract --dataset {name} --table {table} --full")
    agree(yes, f"Reset the extraction of {name}/{table}?")
    parameters.put(names.timestamp(table), format_instant(EPOCH))
    parameters.put(names.sequential_id(table), "0")
    if as_json:
        print_json(before)
    else:
        out.print("reset")


def _dataset_of(deployed: Deployment, table: str, dataset: str) -> str:
    """The dataset of a source table; raises ``UnknownTable`` or, where several have it, ``Misuse``."""
    if dataset:
        check_source(deployed.contracts, dataset, table)
        return dataset
    sources = {
        contract.dataset: {each.name for each in contract.source.tables}
        for contract in deployed.contracts
        if isinstance(contract.source, Database) and not contract.source.canary
    }
    having = sorted(name for name, tables in sources.items() if table in tables)
    if not having:
        known = sorted({name for tables in sources.values() for name in tables})
        raise UnknownTable("reset", table, "no database has such a source table", nearest(table, known))
    if len(having) > 1:
        raise Misuse("reset", table, f"is a table of {', '.join(having)}", "Name one of them: --dataset")
    return having[0]
