"""``starmend extract`` and ``backfill``: start acquisition by hand, and show what came of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import typer

from cli.auditing import datasets_of, run_name
from cli.commands import examples
from cli.deployed import deployment
from cli.local_contracts import refuse_other_contracts
from cli.operating import check_source
from cli.options import DEFAULT, AsDeployed, Dataset, Environment, From, Full, Json, Source, To
from cli.output import FAILURE, FINDINGS, FINE, out, print_json, say, show, steps
from cli.ranges import range_of
from core.contract.model import Contract, Database, Feed
from core.errors import Misuse, StarmendError
from core.landing.ingest_objects import EPOCH
from core.time import at_epoch, format_instant, format_second

if TYPE_CHECKING:
    from aws.deployment import Deployment

FAILED = "failed"
LEFT_TO_AUDITS = "left to audits"  # no time tells what of a table is new: heal, or --full
_UNFINISHED = ("held", "out of time", "beaten")  # what a pass leaves to the next one


@examples("extract", "extract --dataset sales --table staff", "extract --dataset sales --full --json")
def extract(
    dataset: Dataset = "",
    table: Source = "",
    full: Full = False,
    as_deployed: AsDeployed = False,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Take in what the sources have that is new, now.

    Databases: one pass, from where the last one ended; with --full every row again, beside the sequence. Feeds: the
    points of this minute. Processing follows by itself. Exits with 1 where the next pass has to go on.
    """
    deployed = deployment(environment)
    contracts = _chosen(deployed, dataset, table, operation="extract", as_deployed=as_deployed)
    now = dt.datetime.now(dt.UTC)
    rows: list[dict[str, Any]] = []
    with steps() as progress:
        for contract in contracts:
            with progress.step(f"extracting {contract.dataset}"):
                if isinstance(contract.source, Feed):
                    rows += _asked(deployed, contract, now)
                elif full:
                    rows += _interval(deployed, contract, table, EPOCH, now, now)
                else:
                    rows += _pass(deployed, contract, table)
    _finish("Extracted", rows, as_json=as_json)


@examples(
    "backfill --from 2026-01-01 --to 2026-02-01",
    "backfill --dataset sales --table payment --from 2026-11-01 --to 2026-11-02",
)
def backfill(
    start: From,
    end: To,
    dataset: Dataset = "",
    table: Source = "",
    as_deployed: AsDeployed = False,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Bring in what the sources have of a range.

    Also of a time before the pipeline began. Databases: the rows whose last change lies in it, once more. Feeds: the
    auditor asks the provider's history for each point that is missing, and proves what came. Nothing is taken away.
    Exits with 1 where something is left.
    """
    from cli.heal import exit_code_of, run_auditor, show_healed

    first, last = range_of(start, end, operation="backfill")
    if first is None or last is None:
        raise Misuse("backfill", "--from and --to", "name no range", "Write both like 2026-11-20 or 2026-11-20T14:30")
    deployed = deployment(environment)
    contracts = _chosen(deployed, dataset, table, operation="backfill", as_deployed=as_deployed)
    now = dt.datetime.now(dt.UTC)
    rows: list[dict[str, Any]] = []
    with steps() as progress:
        for contract in contracts:
            if isinstance(contract.source, Database):
                with progress.step(f"extracting {contract.dataset} again"):
                    rows += _interval(deployed, contract, table, at_epoch(first), at_epoch(last), now)
    feeds = [contract.dataset for contract in contracts if isinstance(contract.source, Feed)]
    healed, left = run_auditor(deployed, dict.fromkeys(feeds, (first, last))) if feeds else ([], [])
    if as_json:
        print_json({"tables": rows, "feeds": healed, "left": left})
    else:
        if rows:
            show("Extracted", rows, as_json=False)
        if feeds:
            show_healed(healed, left, as_json=False)
    raise typer.Exit(max(_exit_code(rows), exit_code_of(healed)))


def _chosen(deployed: Deployment, dataset: str, table: str, *, operation: str, as_deployed: bool) -> list[Contract]:
    """The contracts of the named dataset, or of all that have a source but for the canaries."""
    check_source(deployed.contracts, dataset, table)
    contracts = [deployed.contracts.dataset(name) for name in datasets_of(deployed, dataset, operation=operation)]
    contracts = [contract for contract in contracts if dataset or not (contract.source and contract.source.canary)]
    if not as_deployed:
        refuse_other_contracts(deployed, [contract.dataset for contract in contracts], operation=operation)
    return contracts


def _pass(deployed: Deployment, contract: Contract, table: str) -> Iterator[dict[str, Any]]:
    """One pass over a database's tables, or one of them."""
    chosen = [source for source in contract.needed_source.tables if table in ("", source.name)]
    if any(not source.by_keys for source in chosen):
        event = {"dataset": contract.dataset, "report": True} | ({"tables": [table]} if table else {})
        answer = _called(deployed, "extract", event, contract, table)
        for name, done in answer.get("tables", {}).items():
            if done["outcome"] == FAILED:
                say(f"{contract.dataset}/{name}: {done.get('error', 'failed')}")
            yield _row(contract, name, done["outcome"], done["objects"], done["rows"])
        if FAILED in answer:
            yield _row(contract, table or "(see the message)", FAILED)
    for source in chosen:
        if source.by_keys:
            yield _row(contract, source.name, LEFT_TO_AUDITS)


def _interval(
    deployed: Deployment, contract: Contract, table: str, start: dt.datetime, until: dt.datetime, now: dt.datetime
) -> Iterator[dict[str, Any]]:
    """The rows of an interval once more, table by table, beside the sequence; one that fails stops no other.

    As the auditor has it done: a job of the check function, which may write nothing but such rows.
    """
    from aws.objects import S3ObjectStore
    from core.audit.repair_jobs import ExtractAgain, RepairJob, write_job

    records = S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket)
    run = run_name(now)
    tables = contract.source.tables if contract.source else ()
    for number, name in enumerate([table] if table else [source.name for source in tables]):
        again = ExtractAgain(contract.dataset, name, format_instant(start), format_instant(until))
        job = write_job(
            records, RepairJob(contract.dataset, f"{run}-{contract.dataset}", again), attempt=1, number=number
        )
        answer = _called(deployed, "check", {"dataset": contract.dataset, "job": job}, contract, name)
        if FAILED in answer:
            yield _row(contract, name, FAILED)
        else:
            yield _row(contract, name, "extracted again", answer["objects"], answer["rows"])


def _asked(deployed: Deployment, contract: Contract, now: dt.datetime) -> Iterator[dict[str, Any]]:
    """The points of this minute, asked for as the schedule does."""
    event = {"dataset": contract.dataset, "time": format_second(now)}
    answer = _called(deployed, "request", event, contract, contract.dataset)
    if FAILED in answer:
        yield _row(contract, contract.dataset, FAILED)
    else:
        outcome = "asked for" if answer["messages"] else "nothing is due now"
        yield _row(contract, contract.dataset, outcome, 0, answer["messages"])


def _called(deployed: Deployment, function: str, event: dict[str, Any], contract: Contract, table: str) -> Any:
    """A function's answer; ``failed`` in it where it failed, which was said then."""
    from aws.functions import invoke

    try:
        return invoke(deployed.clients("lambda"), deployed.functions[function], event)
    except StarmendError as error:
        say(f"{contract.dataset}{'/' if table else ''}{table}: {error.problem}")
        return {FAILED: True}


def _row(contract: Contract, table: str, outcome: str, objects: int = 0, rows: int = 0) -> dict[str, Any]:
    return {"dataset": contract.dataset, "table": table, "outcome": outcome, "objects": objects, "rows": rows}


def _finish(title: str, rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(rows)
    else:
        show(title, rows, as_json=False)
        count = sum(row["rows"] for row in rows)
        if count:
            out.print(f"{count:,} rows or points; processing follows by itself: starmend status")
        if LEFT_TO_AUDITS in {row["outcome"] for row in rows}:
            out.print("what no time tells the new rows of, every audit takes in: starmend heal; or now: --full")
    raise typer.Exit(_exit_code(rows))


def _exit_code(rows: Sequence[dict[str, Any]]) -> int:
    outcomes = {row["outcome"] for row in rows}
    return FAILURE if FAILED in outcomes else FINDINGS if outcomes & set(_UNFINISHED) else FINE
