"""``starmend up``, ``down`` and ``local``: the whole pipeline on one machine, without an account."""

from __future__ import annotations

import signal
import textwrap
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.commands import examples, group
from cli.options import DEFAULT_FOLDER, AllowDestroy, AllowFewer, Folder, Json
from cli.output import FINDINGS, FINE, out, print_json, say, show
from core.errors import Misuse
from deploy.folders import build_folder

if TYPE_CHECKING:
    from local.demo import Demo
    from local.provisioning import Plan
    from local.stack import Stack
    from local.trading import Traded

app = group("Run the whole pipeline on this machine.")

Orders = Annotated[int, typer.Option("--orders", min=1, help="Sales orders that the source begins with.")]


def _stop_on_signals() -> None:
    """Let SIGTERM leave as Ctrl-C does: through the context managers, which stop every process."""
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))


@examples(
    "up",
    "up --database postgresql://reader:secret@db.example.com/shop?sslmode=verify-full",
    "up --speed 60",
)
def up(
    database: Annotated[
        list[str] | None,
        typer.Option(
            "--database",
            metavar="[SECRET=]URL",
            help="Your own database: postgresql://USER:PASSWORD@HOST:PORT/DATABASE; SECRET= where there are several.",
        ),
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option("--speed", min=0, help="How much faster than their clock schedules fire (1); 0: not at all."),
    ] = None,
    orders: Orders = 50_000,
    folder: Folder = DEFAULT_FOLDER,
    allow_destroy: AllowDestroy = False,
    allow_fewer: AllowFewer = False,
    as_json: Json = False,
) -> None:
    """Start the local stack; on one that runs, apply what changed.

    The real Terraform, applied to an emulator; a sample database and a market where contracts ask for them. Applying
    touches no data. `starmend down` ends it.
    """
    from local.provisioning import Plan, as_adapted
    from local.stack import Stack, is_up

    _stop_on_signals()
    plan = Plan(contracts=folder.resolve(), sales_orders=orders, speed=speed)
    running = Stack.attach(build_folder()) if is_up(build_folder()) else None
    plan = as_adapted(plan, running.folder) if running else plan
    if database:
        plan = replace(plan, secrets=_database_secrets(plan, database))
    if running:
        stack = running
        changed = _apply(stack, plan, allow_destroy=allow_destroy, allow_fewer=allow_fewer, as_json=as_json)
    else:
        stack = Stack.up(build_folder(), replace(plan, speed=1 if speed is None else speed), detached=True, say=say)
        changed = {"started": True, "changes": []}
    _say_what_is_up(stack, changed, as_json=as_json)


def _database_secrets(plan: Plan, given: Sequence[str]) -> dict[str, str]:
    """The secrets' values of ``--database``; raises ``Misuse`` where it is not clear which secret a URL is for."""
    from core.contract.model import Database
    from ingestion.engines.urls import secret_of_url
    from local.provisioning import contracts_of

    sources = [contract.source for contract in contracts_of(plan.contracts, plan)]
    names = sorted({source.secret for source in sources if isinstance(source, Database)})
    values = {}
    for text in given:
        name, _, url = text.partition("=") if "=" in text.partition("://")[0] else ("", "", text)
        if not name and len(names) == 1:
            name = names[0]
        if name not in names:
            problem = f"is no database's secret: {name}" if name else f"which secret? The contracts name {len(names)}"
            remedy = f"Write --database SECRET=URL with one of: {', '.join(names) or 'none'}"
            raise Misuse("use the database", "--database", problem, remedy)
        values[name] = secret_of_url(url)
    return values


def _apply(stack: Stack, plan: Plan, *, allow_destroy: bool, allow_fewer: bool, as_json: bool) -> dict[str, Any]:
    """Apply what changed to a running stack, new generations of tables in two steps; what that was."""
    from cli.contract_changes import refuse_changes, show_changes
    from cli.generations import build, now, refuse_smaller, tell_of_building, tell_of_built, transition_from
    from core.evolution.compare import compare_contracts
    from deploy.plans import counts, summary

    environment = stack.deployment.environment
    transition = transition_from(stack.deployment, stack.deployment.contracts, stack.contracts(plan), now())
    contracts = compare_contracts(stack.deployment.contracts, transition.wanted)
    if not as_json:
        show_changes(contracts)
        tell_of_building(transition.building)
    if not allow_destroy:
        refuse_changes(environment, contracts)
    changes = [*stack.apply(plan, transition.first, may_lose_data=allow_destroy, say=say)]
    if transition.building:
        built = build(stack.deployment, transition.building)
        if not as_json:
            tell_of_built(built)
        if not allow_fewer:
            refuse_smaller(environment, built)
        changes += stack.apply(plan, transition.last(now()), may_lose_data=allow_destroy, say=say)
    if not as_json:
        out.print(f"applied: {summary(changes)}")
    return {"started": False, "changes": counts(changes)}


def _say_what_is_up(stack: Stack, changed: dict[str, Any], *, as_json: bool) -> None:
    """Where the stack is, which of its secrets nobody has filled, and what to do next."""
    from aws.account import secrets_without_value
    from core.contract.model import Database

    deployed = stack.deployment
    empty = secrets_without_value(deployed.clients, deployed.secrets)
    databases = {contract.source.secret for contract in deployed.contracts if isinstance(contract.source, Database)}
    todo = [
        f"{name} is empty: starmend up --database {name}=URL, or: starmend secret set {name}"
        if name in databases
        else f"{name} is empty: starmend secret set {name}"
        for name in empty
    ]
    if as_json:
        print_json({**changed, "endpoint": stack.emulator.endpoint, "empty_secrets": empty})
        return
    out.print(f"up: emulator {stack.emulator.endpoint}; try: starmend status")
    for line in todo:
        out.print(f"  {line}")


@examples("down")
def down() -> None:
    """Stop the local stack and remove what it left, its data too.

    Whatever became of its files: processes are found by a mark of their own. One that is just starting is ended too.
    """
    from local import stack

    stack.down(build_folder())
    out.print("down")


@app.command()
@examples("local demo", "local demo --keep --orders 1000 --json")
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave the stack up to be queried.")] = False,
    orders: Orders = 50_000,
    as_json: Json = False,
) -> None:
    """Tell the whole story once, and compare every table with its source.

    A database becomes a star schema, changes, and the star follows. Exits with 1 where anything differs.
    """
    from local.demo import Demo
    from local.provisioning import Plan
    from local.stack import Stack, down

    _stop_on_signals()
    began = time.monotonic()
    # The fault switch: one symbol is left out each minute, for the auditor to find. What a deployment waits for, with
    # several clocks and a network between, one machine need not.
    plan = Plan(sales_orders=orders, margin=1, settle=1, variables={"drop_one_entity": "demo"})
    stack = Stack.up(build_folder(), plan, detached=keep, say=say)
    try:
        story = Demo(stack, say)
        story.outcome.stages["up"] = round(time.monotonic() - began, 1)
        mismatches = _run_through(story, as_json=as_json)
        story.outcome.seconds = round(time.monotonic() - began, 1)
        (build_folder() / "demo.json").write_text(story.outcome.to_json(), encoding="utf-8")
    except BaseException:
        down(build_folder())
        raise
    _leave(stack, keep=keep)
    if as_json:
        print_json(story.outcome.__dict__)
    else:
        out.print(f"{mismatches} mismatches in {story.outcome.seconds} s; figures in build/demo.json")
    raise typer.Exit(FINDINGS if mismatches else FINE)


def _run_through(story: Demo, *, as_json: bool) -> int:
    """Run every step of the demonstration and print its results; the number of mismatches and faults left."""
    story.extract_and_process("extracting and processing everything")
    story.change_the_source()
    story.await_horizon()
    story.extract_and_process("extracting and processing what changed")
    unhealed = _heal_tables(story, quiet=as_json)
    for title, rows in story.questions():
        if not as_json:
            show(title, rows, as_json=False)
    comparisons: list[dict[str, Any]] = [
        {
            "table": comparison.table,
            "source_rows": comparison.source["n_rows"],
            "warehouse_rows": comparison.warehouse["n_rows"],
            "measures": len(comparison.source),
            "differences": ", ".join(comparison.differences) or "none",
        }
        for comparison in story.check()
    ]
    if not as_json:
        show("Warehouse against source: every measure of every column, exactly", comparisons, as_json=False)
    traded = story.trade_an_hour()
    points = story.points(traded)
    if not as_json:
        show("points per symbol and hour (60 are expected of each)", points, as_json=False)
        missing = f"{story.outcome.missing_before} of {traded.expected} expected points are missing"
        out.print(f"{missing}: the fault switch left out {len(traded.left_out)}")
    _heal_feed(story, traded, quiet=as_json)
    follows = story.mirror()
    if not as_json:
        mirrored = story.outcome.mirrored
        out.print(
            f"{len(mirrored)} Iceberg tables of {sum(mirrored.values()):,} rows: docs/iceberg.md says who opens them"
        )
    faults = (not story.outcome.verified) + (not follows)
    return story.outcome.mismatches + unhealed + story.outcome.missing_after + faults


def _heal_tables(story: Demo, *, quiet: bool) -> int:
    """The auditor's part for the database; the number of planted faults that are left."""
    story.plant_faults()
    counts, mails = story.heal_tables()
    if not quiet:
        rows = [{"fault": kind, **figures} for kind, figures in story.outcome.tables.items()]
        show("What no extraction could see, found and healed by the auditor", rows, as_json=False)
        out.print(f"{len(mails)} mails to the admins")
    return sum(count.left for count in counts.values())


def _heal_feed(story: Demo, traded: Traded, *, quiet: bool) -> None:
    """The auditor's part for the feed: the healed hour with its rollup, the case that cannot be healed, the proof."""
    from cli.report import write_report

    # Both pages show the two hours of the story: the traded one, and the one that is missing whole.
    first, last = int(traded.first.timestamp()), int(traded.last.timestamp()) + 3600
    write_report(story.stack.deployment, build_folder() / "report-before.html", start=first, end=last)
    story.heal(traded)
    healed = story.hourly(traded)
    audited, mails = story.fail_to_heal(traded, "ZM")
    proofs = story.prove()
    write_report(story.stack.deployment, build_folder() / "report.html", start=first, end=last)
    if quiet:
        return
    show("the healed hour, and only certified hours are complete", healed, as_json=False)
    for mail in mails:
        out.print("mail to the admins:", style="bold")
        out.print(textwrap.indent(mail, "    "))
    certificates = sum(proof.certificates for proof in proofs)
    out.print(
        f"{story.outcome.repaired} points repaired, {audited.missing} alarmed, {certificates} certificates: "
        f"{'each proven again from the objects alone' if story.outcome.verified else 'NOT proven'}",
    )
    out.print("pages: build/report-before.html, build/report.html")


def _leave(stack: Stack, *, keep: bool) -> None:
    if keep:
        out.print('left up: try `starmend query "select count(*) from dim_staff"`; end it: make down')
    else:
        stack.down()
