"""``starmend rebuild | rollback | vacuum``: rebuild a table, bring a partition's version back, remove old objects."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands import examples
from cli.completion import complete_partition, complete_table
from cli.deployed import deployment
from cli.local_contracts import refuse_other_contracts
from cli.operating import services_of, table_of
from cli.options import DEFAULT, AsDeployed, AtScale, DryRun, Environment, Json, Resume
from cli.output import out, print_json, say, show, steps
from core.errors import Misuse
from core.time import format_second
from core.warehouse.vacuum import GRACE

if TYPE_CHECKING:
    from core.contract.model import Table
    from processing.services import Services


class Engine(StrEnum):
    """Who rebuilds at scale."""

    FUNCTIONS = "lambda"
    SPARK = "spark"
    AUTO = "auto"


Partition = Annotated[
    str,
    typer.Argument(
        help="Its path, such as symbol=AAPL/month=2026-11; none where there is one.", autocompletion=complete_partition
    ),
]


@examples(
    "rebuild dim_currency",
    "rebuild fact_sales_order --partition month=2026-11",
    "rebuild fact_quote --at-scale",
    "rebuild fact_quote --engine auto",
)
def rebuild(
    table: Annotated[str, typer.Argument(help="A fact or dimension.", autocompletion=complete_table)],
    partition: Annotated[
        str | None, typer.Option("--partition", help="Only this one, by its path.", autocompletion=complete_partition)
    ] = None,
    allow_fewer: Annotated[bool, typer.Option("--allow-fewer", help="Even where keys or newer rows would go.")] = False,
    at_scale: AtScale = False,
    engine: Annotated[
        Engine | None, typer.Option("--engine", help="At scale by this: lambda by default; auto goes by the size.")
    ] = None,
    resume: Resume = "",
    as_deployed: AsDeployed = False,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Make a table anew from the ingest objects alone.

    Partition by partition, while readers and writers go on. A partition from which keys or newer rows would go stays
    as it is, unless --allow-fewer lets it. With --at-scale functions make the partitions of a fact or rollup side by
    side, each from the objects that have its rows; by Spark each object is read once, whatever it has rows of. Exits
    with 1 where partitions were left, which --resume takes up again.
    """
    from processing.restating.rebuild import rebuild_table

    deployed = deployment(environment)
    dataset = table_of(deployed.contracts, table).dataset
    if not as_deployed:
        refuse_other_contracts(deployed, [dataset], operation="rebuild")
    if at_scale or resume or engine:
        if partition is not None:
            raise Misuse(
                "rebuild",
                table,
                "one partition is no work for many",
                "Leave --at-scale and --engine, or --partition out",
            )
        from cli.at_scale.rebuild import rebuild_at_scale

        chosen = (engine or Engine.FUNCTIONS).value
        rebuild_at_scale(deployed, table, engine=chosen, allow_fewer=allow_fewer, resume=resume, as_json=as_json)
        return
    rows: list[dict[str, Any]] = []
    with steps() as progress, progress.step(f"rebuilding {table}") as step:
        read = 0

        def count(key: str) -> None:
            nonlocal read
            read += 1
            step.update(title=f"rebuilding {table}: {read} objects read, {key}")

        for rebuilt in rebuild_table(services_of(deployed), table, partition, allow_fewer=allow_fewer, progress=count):
            rows.append(asdict(rebuilt))
            step.update(title=f"rebuilding {table}: {rebuilt.partition}")
    if not rows and not as_json:
        out.print("no ingest object has rows of it; nothing was changed")
        return
    show("Rebuilt", rows, as_json=as_json)


@examples(
    "rollback fact_quote symbol=AAPL/month=2026-11 --to-version 41",
    'rollback dim_currency --to-version 3 --hold "codes were wrong"',
    "rollback dim_currency --release",
)
def rollback(
    table: Annotated[str, typer.Argument(help="A table of the warehouse.", autocompletion=complete_table)],
    partition: Partition = "",
    to: Annotated[int | None, typer.Option("--to-version", min=1, help="The version to bring back.")] = None,
    hold: Annotated[str | None, typer.Option("--hold", help="Why the auditor must leave it as it was.")] = None,
    release: Annotated[bool, typer.Option("--release", help="End a hold: the auditor may heal it again.")] = False,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Bring an earlier version of a partition back.

    It becomes the next version, which the auditor heals forward again unless --hold says why not; --release ends that.
    The rows are those of that version, byte by byte: no contract makes them, so contract files here do not matter.
    """
    if release == (to is not None) or (release and hold is not None):
        raise Misuse(
            "roll back",
            table,
            "what is to be done?",
            "Give --to-version N, with --hold REASON or without; or --release",
        )
    if hold is not None and not hold.strip():
        raise Misuse("roll back", table, "a hold without a reason", "Give the reason: --hold REASON")
    from aws.account import identity_of
    from processing.partitions.attempt import Committed
    from processing.partitions.rollback import held_by
    from processing.partitions.rollback import release as end_hold
    from processing.partitions.rollback import rollback as go_back

    deployed = deployment(environment)
    contract = table_of(deployed.contracts, table)
    services = services_of(deployed)
    context = services.context_of(services.contracts.dataset(contract.dataset))
    path = partition.strip("/")
    if to is None:
        outcome = end_hold(services.partitions, contract, path, context=context)
    else:
        since = format_second(services.now())
        held = held_by(hold, by=identity_of(deployed.clients), since=since) if hold else None
        outcome = go_back(services.partitions, contract, path, to=to, hold=held, context=context)
    changed = isinstance(outcome, Committed)
    row = {"partition": outcome.partition, "version": outcome.version, "rows": outcome.rows, "changed": changed}
    show("Released" if release else "Rolled back", [row], as_json=as_json)
    if changed and to is not None and not hold:
        say("without --hold the auditor may heal it forward again")


@examples("vacuum --dry-run", "vacuum fact_quote --grace 24")
def vacuum(
    table: Annotated[
        str, typer.Argument(help="Only this table; all where none is named.", autocompletion=complete_table)
    ] = "",
    grace: Annotated[
        float, typer.Option("--grace", min=1.0, help="Hours that a replaced object stays for its readers.")
    ] = GRACE.total_seconds() / 3600,
    dry_run: DryRun = False,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Remove objects that no reader can be reading.

    Of one table or of all. Pointers alone decide what may go, and tables are the deployed contracts': contract files
    here do not matter.
    """
    deployed = deployment(environment)
    tables = [table_of(deployed.contracts, table)] if table else None
    services = services_of(deployed)
    rows: list[dict[str, Any]] = []
    with steps() as progress:
        for cleaned in tables or list(_all_tables(services)):
            with progress.step(f"cleaning {cleaned.name}"):
                rows += _cleaned(services, cleaned, grace=dt.timedelta(hours=grace), dry_run=dry_run)
    if as_json:
        print_json(rows)
        return
    if rows:
        show("Would be removed" if dry_run else "Removed", rows, as_json=False)
    objects, freed = sum(row["objects"] for row in rows), sum(row["bytes"] for row in rows)
    out.print(f"{objects:,} objects, {freed:,} bytes {'would go' if dry_run else 'removed'}")


def _all_tables(services: Services) -> Iterator[Table]:
    """The contracts' tables, and the tables of current rows that dimensions are computed from."""
    from processing.plan import plan_source

    yield from services.contracts.tables()
    for contract in services.contracts:
        for source in contract.source.tables if contract.source else ():
            if current := plan_source(contract, source.name).current:
                yield current


def _cleaned(services: Services, table: Table, *, grace: dt.timedelta, dry_run: bool) -> list[dict[str, Any]]:
    from processing.partitions.vacuum import vacuum as clean

    plans = clean(services.partitions, services.records, table, now=services.now(), grace=grace, dry_run=dry_run)
    return [
        {"partition": plan.partition, "objects": len(plan.remove), "bytes": plan.bytes, "stay": plan.stay}
        for plan in plans
    ]
