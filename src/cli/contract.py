"""``starmend contract``: check the contracts, show their tables and changes, render them for Terraform and Lambdas."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.commands import examples, group
from cli.contract_changes import DEPLOYED, as_data, contracts_against, show_changes
from cli.deployed import deployment
from cli.local_contracts import as_deployed_to
from cli.options import DEFAULT, DEFAULT_FOLDER, OUTPUT, Dataset, Environment, Folder, From, Json, Output, Source, To
from cli.output import FINDINGS, FINE, USAGE, err, out, print_json, say, show, steps, write_file
from core.errors import Misuse

if TYPE_CHECKING:
    from core.authoring.problems import Problem
    from core.contract.model import Contracts

app = group("Check, show and render the contracts.")
CATALOG = "starmend_dev"


def today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def print_problems(problems: Sequence[Problem]) -> None:
    """Each as file, path and problem, and below it the remedy."""
    for problem in problems:
        err.print(problem.file, style="yellow" if problem.warning else "red", end="")
        say(f": {problem.path}: {problem.problem}")
        say(f"    {problem.remedy}")


@app.command()
@examples("contract check", "contract check --live --env dev", "contract check --json")
def check(
    folder: Folder = DEFAULT_FOLDER,
    live: Annotated[bool, typer.Option("--live", help="Also ask the feeds' providers and the databases.")] = False,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Say whether the contracts can be kept.

    Names every problem with its file, the path inside it, and what would be right; exits with 2 where there is one.
    With --live it exits with 1 where a provider or a database would refuse what the contract rests on.
    """
    from core.authoring.load import examine
    from core.contract.codec import to_data

    contracts, problems = examine(folder, today=today())
    errors = [problem for problem in problems if not problem.warning]
    if live and not errors:
        _check_live(as_deployed_to(environment, contracts), environment, problems, as_json=as_json)
        return
    if as_json:
        print_json([to_data(problem) for problem in problems])
    else:
        print_problems(problems)
        if not errors:
            tables = len(list(contracts.tables()))
            out.print(f"{len(contracts.contracts)} contracts, {tables} tables of the warehouse: fine")
    raise typer.Exit(USAGE if errors else FINE)


def _check_live(contracts: Contracts, environment: str, problems: Sequence[Problem], *, as_json: bool) -> None:
    """Ask each feed's provider and each database, with the keys, logins and addresses of the deployment."""
    from aws.functions import environment_of
    from aws.secrets import AwsSecretStore
    from cli.entitlement import ask_providers
    from cli.source_check import databases_data, inspect_databases, show_databases
    from core.contract.codec import to_data

    deployed = deployment(environment)
    pull = deployed.functions.get("pull")
    variables = environment_of(deployed.clients("lambda"), pull) if pull else {}
    secrets = AwsSecretStore(deployed.clients("secretsmanager"), f"{deployed.project}/{deployed.environment}/")
    urls = json.loads(variables.get("STARMEND_PROVIDER_URLS") or "{}")
    now = dt.datetime.now(dt.UTC)
    with steps() as progress, progress.step("asking the providers and the databases"):
        findings = list(ask_providers(contracts, secrets=secrets, urls=urls, now=now))
        databases = inspect_databases(contracts, secrets=secrets, now=now)
    if as_json:
        live = [asdict(finding) for finding in findings]
        written = [to_data(problem) for problem in problems]
        print_json({"problems": written, "live": live, "databases": databases_data(databases)})
    else:
        print_problems(problems)
        for finding in findings:
            out.print("may    " if finding.fine else "may not", style="green" if finding.fine else "red", end=" ")
            text = f"{finding.dataset}: {finding.setting} ({finding.provider}): {finding.asked}: {finding.says}"
            out.print(text)
            if finding.remedy:
                out.print(f"        {finding.remedy}")
        show_databases(databases)
        if not findings and not databases:
            out.print("no contract has a source: nobody was asked")
    fine = all(finding.fine for finding in findings) and all(database.fine for database in databases)
    raise typer.Exit(FINE if fine else FINDINGS)


@app.command("show")
@examples("contract show", "contract show --contracts other/contracts --json")
def show_tables(folder: Folder = DEFAULT_FOLDER, as_json: Json = False) -> None:
    """Show what the contracts become: tables, grain, keys, partitions."""
    from core.authoring.load import load

    contracts = load(folder, today=today())
    rows = [
        {
            "dataset": table.dataset,
            "table": table.name,
            "kind": table.kind,
            "grain": table.description,
            "key": ", ".join(table.key),
            "partitions": ", ".join(part.name for part in table.partition_by) or "one",
            "columns": len(table.columns),
        }
        for table in contracts.tables()
    ]
    show("Warehouse", rows, as_json=as_json)


@app.command()
@examples("contract diff --env dev", "contract diff --against main --json")
def diff(
    folder: Folder = DEFAULT_FOLDER,
    against: Annotated[
        str, typer.Option("--against", help="deployed, a rendered file, another folder, or a git revision.")
    ] = DEPLOYED,
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Say what of the contracts is another than deployed, and what each change means for the lake.

    Against what is deployed it also says what each class takes: rows, calls, minutes and money.
    Exits 0 where nothing is, 1 where something is, 2 where a change is refused.
    """
    from cli.change_costs import costs_in
    from core.authoring.load import load
    from core.evolution.changes import gravest
    from core.evolution.compare import compare_contracts

    after = load(folder, today=today())
    if against == DEPLOYED:
        after = as_deployed_to(environment, after)
    changes = compare_contracts(contracts_against(against, folder, environment), after)
    costs = costs_in(deployment(environment), after, changes) if against == DEPLOYED else None
    if as_json:
        print_json({"against": against, **as_data(changes, costs)})
    else:
        show_changes(changes, costs or ())
    grade = gravest(changes)
    raise typer.Exit(USAGE if grade == "refused" else FINDINGS if grade else FINE)


@app.command()
@examples("contract suggest --env dev", "contract suggest --dataset sales --json")
def suggest(
    folder: Folder = DEFAULT_FOLDER,
    dataset: Dataset = "",
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Write the lines that would promise what the databases and the newest lines have and the contracts do not.

    Reads each database's catalog with the deployment's login, and the newest ingest objects. Exits 1 where there is
    something to add, to take out or to widen.
    """
    from aws.objects import S3ObjectStore
    from aws.secrets import AwsSecretStore
    from cli.suggesting import show_suggestions, suggest_for, suggest_of_lines, suggestions_data
    from core.authoring.load import load

    contracts = as_deployed_to(environment, load(folder, today=today()))
    deployed = deployment(environment)
    secrets = AwsSecretStore(deployed.clients("secretsmanager"), f"{deployed.project}/{deployed.environment}/")
    objects = S3ObjectStore(deployed.clients("s3"), deployed.ingest_bucket)
    lines = [
        *suggest_for(contracts, secrets=secrets, dataset=dataset),
        *suggest_of_lines(contracts, objects, now=dt.datetime.now(dt.UTC), dataset=dataset),
    ]
    if as_json:
        print_json(suggestions_data(lines))
    else:
        show_suggestions(lines)
    raise typer.Exit(FINDINGS if lines else FINE)


@app.command("try")
@examples(
    "contract try contracts/sales.yaml --sample rows --table staff",
    "contract try contracts/quotes.yaml --sample objects --json",
    "contract try contracts/quotes.yaml --answer candle.json --from 2026-11-20T15:00 --to 2026-11-20T16:00",
)
def try_contract(
    file: Annotated[Path, typer.Argument(help="The contract's file.")],
    sample: Annotated[
        str,
        typer.Option("--sample", help="objects: the newest ingest objects; rows: of the database, or a feed's call."),
    ] = "objects",
    table: Source = "",
    entity: Annotated[str, typer.Option("--entity", help="The entity of a feed's point, such as a symbol.")] = "",
    answer: Annotated[
        Path | None, typer.Option("--answer", help="Of a feed: a saved answer instead of a call.")
    ] = None,
    status: Annotated[int, typer.Option("--status", help="The saved answer's status.")] = 200,
    content_type: Annotated[str, typer.Option("--content-type", help="The saved answer's type.")] = "application/json",
    answered_at: Annotated[str, typer.Option("--answered-at", help="The saved answer's time, ISO 8601, UTC.")] = "",
    start: From = "",
    end: To = "",
    environment: Environment = DEFAULT,
    as_json: Json = False,
) -> None:
    """Run a contract against a sample, in memory: rows, refusals with reasons, the star's first lines.

    Nothing is written, and a database is only read. A feed's call is live without --from and --to, else it asks for
    history; its answer's class and why, and what becomes of the slots, are shown too. Exits 1 where something is
    refused.
    """
    from cli.trying.command import TrialOrder, is_fine, run_trial, show_trial, trial_data
    from cli.trying.feeds import SavedAnswer
    from core.time import parse_instant

    for needed in (file, *([answer] if answer else [])):
        if not needed.is_file():
            raise Misuse("try contract", str(needed), "is no file", "Name one that is there")
    try:
        at = parse_instant(answered_at) if answered_at else None
    except ValueError as error:
        raise Misuse("try contract", answered_at, "is no instant of ISO 8601", "Like 2026-11-20T14:30:05Z") from error
    saved = SavedAnswer(answer.read_bytes(), status, content_type, at) if answer else None
    order = TrialOrder(file, sample, table, entity, start, end, saved)
    trial, call = run_trial(order, environment, now=dt.datetime.now(dt.UTC))
    if as_json:
        print_json(trial_data(trial, call))
    else:
        show_trial(trial, call)
    raise typer.Exit(FINE if is_fine(trial, call) else FINDINGS)


@app.command("render")
@examples("contract render", "contract render --output contracts.json")
def render_contracts(folder: Folder = DEFAULT_FOLDER, file: Output = Path("build/contracts.json")) -> None:
    """Write the resolved form that Terraform and the Lambdas read."""
    from core.authoring.load import load
    from core.rendering.render import render

    text = render(load(folder, today=today()))
    write_file(file, text, operation="render contracts")
    out.print(f"wrote {file} ({len(text):,} bytes)")


@app.command()
@examples(
    "contract export --odcs",
    "contract export --odcs --dataset sales --output catalog/contracts",
    "contract export --dbt --catalog starmend_prod --output models/starmend.yml",
    "contract export --dbt --reader --output models/starmend.yml",
)
def export(
    folder: Folder = DEFAULT_FOLDER,
    odcs: Annotated[
        bool, typer.Option("--odcs", help="Open Data Contract Standard: a document of each dataset, into a folder.")
    ] = False,
    dbt: Annotated[
        bool, typer.Option("--dbt", help="dbt's sources of all tables, with tests and freshness, into a file.")
    ] = False,
    reader: Annotated[
        bool, typer.Option("--reader", help="With --dbt: for dbt-duckdb, which reads the lake by starmend-reader.")
    ] = False,
    dataset: Dataset = "",
    schema: Annotated[
        str, typer.Option("--catalog", help="The catalog's database, PROJECT_ENVIRONMENT, that dbt reads.")
    ] = CATALOG,
    file: Annotated[Path | None, typer.Option("--output", help=OUTPUT)] = None,
) -> None:
    """Write the contracts in the form of another tool.

    Without --output the documents go to build/odcs and the sources to build/dbt/sources.yml.
    """
    from cli.exports import DBT_FILE, ODCS_FOLDER, export_dbt, export_odcs
    from core.authoring.load import load

    if odcs == dbt:
        raise Misuse("export contracts", "--odcs, --dbt", "are two forms", "Give one of them")
    if dbt and dataset:
        raise Misuse("export contracts", "--dataset", "is for --odcs", "Leave it out: dbt's sources are one file")
    if odcs and reader:
        raise Misuse("export contracts", "--reader", "is for --dbt", "Leave it out: a document names no reader")
    if odcs and schema != CATALOG:
        raise Misuse("export contracts", "--catalog", "is for --dbt", "Leave it out: a contract knows no account")
    contracts = load(folder, today=today())
    if odcs:
        written = export_odcs(contracts, file or ODCS_FOLDER, dataset=dataset)
    else:
        written = export_dbt(contracts, file or DBT_FILE, schema=schema, reader=reader)
    for path in written:
        out.print(f"wrote {path}")


@app.command()
@examples("contract docs", "contract docs --output contract.md", "contract docs --schema --output contract.schema.json")
def docs(
    schema: Annotated[
        bool, typer.Option("--schema", help="The JSON schema that editors use, instead of the page.")
    ] = False,
    file: Output = Path("-"),
) -> None:
    """Print the contract reference: every key, what it means, how it is written.

    With --schema it is a JSON schema. An editor that speaks yaml-language-server completes and checks a contract by it
    whose first line is: # yaml-language-server: $schema=contract.schema.json
    """
    from core.reference.page import contract_page
    from core.reference.schema import contract_schema

    text = json.dumps(contract_schema(), indent=1) + "\n" if schema else contract_page()
    if file == Path("-"):
        sys.stdout.write(text)
        return
    write_file(file, text, operation="write the reference")
    out.print(f"wrote {file} ({len(text):,} bytes)")
