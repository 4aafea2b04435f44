"""``starmend deploy``: packages, the state's bucket, plan, apply, destroy. The Makefile's targets call these."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.agreement import able_to_agree, agree
from cli.change_costs import costs_to_apply
from cli.commands import examples, group
from cli.contract import print_problems
from cli.contract_changes import as_data as changes_as_data
from cli.contract_changes import changes_to_apply, in_words, refuse_changes, show_changes
from cli.drift import notify_of_drift
from cli.generations import (
    as_changes,
    build,
    now,
    refuse_after_another,
    refuse_held,
    refuse_late,
    refuse_smaller,
    tell_of_building,
    tell_of_built,
    transition_to,
)
from cli.generations import as_data as generations_as_data
from cli.options import DEFAULT_FOLDER, ENVIRONMENT, OUTPUT, AllowDestroy, AllowFewer, Folder, Json, Yes
from cli.output import FINDINGS, FINE, USAGE, Steps, out, print_json, say, steps
from cli.plans import (
    build_uploaded_layers,
    carry_out,
    keep_text,
    make_plan,
    paused_datasets_of,
    short_path,
    show_plan,
    tell_of_uncompiled_layers,
)
from core.errors import Misuse

if TYPE_CHECKING:
    from aws.deployment import Deployment
    from cli.smoke import Checked
    from core.contract.model import Contracts
    from core.evolution.generations import Transition
    from deploy.layers.wheels import Platform
    from deploy.packaging import Packages
    from deploy.target import Target
    from deploy.terraform import Terraform
    from processing.restating.generations import BuiltGeneration

app = group("Put the pipeline into an AWS account, change it there, remove it.")

Env = Annotated[str, typer.Option("--env", help=ENVIRONMENT)]
VarFiles = Annotated[
    list[Path] | None,
    typer.Option("--var-file", help="More variables for Terraform; they win over the environment's own file."),
]
Processor = Annotated[str, typer.Option("--architecture", help="x86_64 or arm64, as the variable of that name says.")]
ForSpark = Annotated[str, typer.Option("--spark", help="Also for this engine of Spark jobs.", metavar="ENGINE")]
PlanFile = Annotated[Path | None, typer.Option("--plan", help="A plan that `plan --output` saved.")]
Out = Annotated[Path | None, typer.Option("--output", help=OUTPUT)]
DEFAULT_ENVIRONMENT = "dev"


@app.command()
@examples("deploy package", "deploy package --architecture arm64 --json", "deploy package --spark emr-serverless")
def package(
    folder: Folder = DEFAULT_FOLDER, architecture: Processor = "x86_64", spark: ForSpark = "", as_json: Json = False
) -> None:
    """Build the functions' code and layers.

    Into build/packages and build/layers; the same sources give the same bytes. With --spark also what a Spark job
    brings along, for emr-serverless, glue-5.1 or glue-6.0, which the variable spark names.
    """
    from deploy.folders import build_folder
    from deploy.layers.wheels import Platform
    from deploy.work_lock import alone_in

    contracts = _checked_contracts(folder, now())
    place = (build_folder() / "packages").resolve()
    with alone_in(place, "deploy package"), steps() as progress:
        packages = _packaged(contracts, place, progress, layers_for=Platform(architecture=architecture))
        tell_of_uncompiled_layers()
        with progress.step("building the layers"):
            layers = [packages.build_layer(layer.name) for layer in packages.layers]
        if spark:
            from deploy.layers.spark import build_spark_packages

            with progress.step("building what a Spark job brings along"):
                layers.append(build_spark_packages(build_folder().resolve() / "spark", spark, architecture))
    rows = [_file_row(file) for file in (packages.code.file, *layers)]
    if as_json:
        print_json(rows)
        return
    for row in rows:
        sizes = f"{row['bytes']:,} bytes, {row['unpacked']:,} unpacked"
        out.print(f"{row['file']}: {sizes}, sha256 {row['sha256']}")


@app.command()
@examples("deploy bootstrap --env dev")
def bootstrap(environment: Env = DEFAULT_ENVIRONMENT, var_file: VarFiles = None) -> None:
    """Make the bucket that holds Terraform's state.

    Versioned, encrypted, private, TLS only. Again is harmless.
    """
    from aws.buckets import ensure_private_bucket
    from deploy.target import Target

    target = Target.of(environment, var_file or ())
    is_new = ensure_private_bucket(
        target.clients("s3"),
        target.state_bucket,
        region=target.region,
        partition=target.account.partition,
        tags={"project": target.project, "component": "state", "purpose": "base"},
    )
    state = "made" if is_new else "was there; its settings are as they should be"
    out.print(f"s3://{target.state_bucket}: {state}")
    out.print(f"next: starmend deploy plan --env {environment}, then: starmend deploy apply --env {environment}")


@app.command()
@examples("deploy plan --env dev", "deploy plan --env prod --output prod.plan")
def plan(
    environment: Env = DEFAULT_ENVIRONMENT, var_file: VarFiles = None, folder: Folder = DEFAULT_FOLDER,
    file: Out = None, as_json: Json = False,
) -> None:  # fmt: skip
    """Check the contracts, package the code, and show what would change."""
    from deploy.saved_plans import origin_of, save_plan

    with _alone("deploy plan", environment, var_file) as target:
        with steps() as progress:
            terraform, packages, transition = _prepared(target, folder, progress, at := now())
            planned, text = make_plan(target, terraform, packages, progress)
        if file:
            save_plan(planned.file, origin_of(target, packages, paused_datasets_of(target)), file, at=at)
    changes = changes_to_apply(target, transition.wanted)
    costs = costs_to_apply(target, transition.wanted, changes)
    if not as_json:
        show_changes(changes, costs)
        tell_of_building(transition.building)
    show_plan(planned.changes, text, as_json=as_json, contracts=changes_as_data(changes, costs))


@app.command()
@examples("deploy drift --env prod --notify")
def drift(
    environment: Env = DEFAULT_ENVIRONMENT, var_file: VarFiles = None, folder: Folder = DEFAULT_FOLDER,
    notify: Annotated[bool, typer.Option("--notify", help="Mail the admins what differs, and set its alarm.")] = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Compare what is deployed with the code that is checked out.

    Changes nothing. Exits with 1 where anything differs.
    """
    from aws.topic import SnsTopic

    with _alone("deploy drift", environment, var_file) as target, steps() as progress:
        terraform, packages, transition = _prepared(target, folder, progress, now())
        planned, text = make_plan(target, terraform, packages, progress)
    changes = (*planned.changes, *as_changes(transition.building))
    show_plan(changes, text, as_json=as_json)
    if notify:
        notify_of_drift(target, SnsTopic(target.clients("sns"), terraform.output()["alarm_topic"]), changes)
    raise typer.Exit(FINDINGS if changes else FINE)


@app.command()
@examples("deploy apply --env dev", "deploy apply --env prod --plan prod.plan --yes")
def apply(
    environment: Env = DEFAULT_ENVIRONMENT, var_file: VarFiles = None, folder: Folder = DEFAULT_FOLDER,
    saved: PlanFile = None, yes: Yes = False, allow_destroy: AllowDestroy = False, allow_fewer: AllowFewer = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Plan, show it, ask, carry it out.

    Then try everything once and say what to do next; exits with 1 where something does not work.

    A plan that takes away what holds data (buckets, parameters, secrets, streams, queues, keys) is refused where data
    matter.

    A table whose key, partitions or types change is built anew beside the old one, compared with it, and switched.
    """
    with _alone("deploy apply", environment, var_file) as target:
        works = _apply(
            target, folder, saved, yes=yes, allow_destroy=allow_destroy, allow_fewer=allow_fewer, as_json=as_json
        )
    raise typer.Exit(FINE if works else FINDINGS)


def _apply(
    target: Target, folder: Path, saved: Path | None, *, yes: bool, allow_destroy: bool, allow_fewer: bool,
    as_json: bool,
) -> bool:  # fmt: skip
    """Carry out a deployment that is agreed to; whether everything works then."""
    from deploy.plans import as_data, summary
    from deploy.refusals import refuse_to_lose_anchors, refuse_to_lose_data
    from deploy.saved_plans import planned_at

    environment = target.environment
    with steps() as progress:
        at = planned_at(saved) if saved else now()
        terraform, packages, transition = _prepared(target, folder, progress, at)
        if saved:
            refuse_late(target, transition, str(saved))
        if transition.building and not allow_destroy:
            packages = _foreseen(target, terraform, transition, progress)
        planned, text = make_plan(target, terraform, packages, progress, saved=saved)
    changes = changes_to_apply(target, transition.wanted)
    costs = costs_to_apply(target, transition.wanted, changes)
    if not as_json:
        show_changes(changes, costs)
        tell_of_building(transition.building)
        show_plan(planned.changes, text, as_json=False)
    refuse_to_lose_anchors(target, (change.address for change in planned.changes if "delete" in change.actions))
    if not allow_destroy:
        refuse_to_lose_data(environment, planned.changes, may_lose_data=target.may_lose_data)
        refuse_changes(environment, changes)
    if planned.changes or transition.building:
        what = "; ".join([*([in_words(changes)] if changes else []), summary(planned.changes)])
        agree(yes, f"Apply this ({what}) to {environment} (account {target.account.id}, {target.region})?")
        build_uploaded_layers(packages, planned)
        carry_out(terraform, planned)
    _record_contracts(target)
    built: list[BuiltGeneration] = []
    if transition.building:
        built = _build_generations(target, transition, allow_fewer=allow_fewer, quiet=as_json)
        _switch(target, terraform, transition, allow_destroy=allow_destroy, quiet=as_json)
        _record_contracts(target)
    plan_data = {**as_data(planned.changes, text), "contracts": changes_as_data(changes, costs)}
    plan_data |= {"generations": generations_as_data(built)} if built else {}
    return _try_and_tell(target, terraform, plan_data if as_json else None)


@app.command()
@examples("deploy destroy --env dev")
def destroy(
    environment: Env = DEFAULT_ENVIRONMENT, var_file: VarFiles = None, folder: Folder = DEFAULT_FOLDER,
    yes: Yes = False,
) -> None:  # fmt: skip
    """Remove the deployment.

    Where data may not be lost (prod), it refuses while its buckets hold anything.
    """
    able_to_agree(yes, f"Destroy {environment}?")
    with _alone("deploy destroy", environment, var_file) as target:
        _destroy(target, folder, yes=yes)


def _destroy(target: Target, folder: Path, *, yes: bool) -> None:
    from deploy.refusals import refuse_to_lose_anchors, refuse_while_data_exist

    environment = target.environment
    terraform = target.terraform()
    outputs = terraform.output()
    if not target.may_lose_data:
        refuse_to_lose_anchors(target, terraform.addresses() if outputs else ())
        refuse_while_data_exist(target, outputs.get("buckets", {}))
    contracts = _checked_contracts(folder, now())
    with steps() as progress:
        packages = _packaged(contracts, target.folder, progress, layers_for=None)
        with progress.step("planning"):
            planned = terraform.plan(packages.variables, destroy=True)
    if not planned.changes:
        out.print(f"nothing of {environment} is deployed")
        return
    file = keep_text(target, "destroy.txt", planned.text)
    show_plan(planned.changes, file, as_json=False)
    agree(yes, f"Destroy {environment} (account {target.account.id}, {target.region}) and all its data?")
    carry_out(terraform, planned)
    out.print(f"destroyed: {environment}; its state stays in s3://{target.state_bucket}")


@app.command()
@examples("deploy policy deployer --env prod --drift", "deploy policy operator --env prod")
def policy(
    who: Annotated[str, typer.Argument(help="deployer or operator.")],
    environment: Env = DEFAULT_ENVIRONMENT,
    var_file: VarFiles = None,
    account: Annotated[
        str | None, typer.Option("--account", help="The account, where the variables do not name it.")
    ] = None,
    partition: Annotated[str, typer.Option("--aws-partition", help="aws, aws-cn or aws-us-gov.")] = "aws",
    network: Annotated[bool, typer.Option("--network", help="Also what vpc_endpoints needs.")] = False,
    drift_told: Annotated[bool, typer.Option("--drift", help="Also what `drift --notify` needs.")] = False,
    spark: ForSpark = "",
) -> None:
    """Print the policies that a deployer or an operator needs, and no more.

    A JSON array of IAM documents.
    """
    from deploy.policies import EMR, GLUE, Place, deployer, documents, operator
    from deploy.target import Target

    if who not in _WHO:
        raise Misuse("print policies", who, "is nobody we know", f"Use one of: {', '.join(_WHO)}")
    engine = (GLUE if spark.startswith(GLUE) else spark) or None  # all of Glue's versions need the same
    if engine not in (None, EMR, GLUE):
        raise Misuse("print policies", f"--spark {spark}", "is no engine", f"Use one of: {EMR}, {GLUE}")
    target = Target.of(environment, var_file or ())
    named = account or target.settings.get("account")
    if not isinstance(named, str):
        raise Misuse(
            "print policies", environment, "no account is named", "Give --account, or name it in the variables"
        )
    place = Place(partition, named, target.region, target.project, environment)
    boundary = target.settings.get("permissions_boundary")
    statements = (
        deployer(
            place,
            boundary=boundary if isinstance(boundary, str) else None,
            network=network,
            notify=drift_told,
            spark=engine,
        )
        if who == "deployer"
        else operator(place, spark=engine)
    )
    print_json(list(documents(statements)))


_WHO = ("deployer", "operator")


@contextmanager
def _alone(operation: str, environment: str, var_files: Sequence[Path] | None) -> Iterator[Target]:
    """The target of a command that plans or packages: no other command of this checkout does, until this one ends.

    So what is carried out is what was shown, however long somebody thinks about the question.
    """
    from deploy.target import Target
    from deploy.work_lock import alone_in

    target = Target.of(environment, var_files or ())
    with alone_in(target.folder, operation):
        yield target


def _checked_contracts(folder: Path, at: int) -> Contracts:
    """The contracts as of ``at``; prints every problem and exits with 2 where they cannot be kept."""
    from core.authoring.load import examine

    contracts, problems = examine(folder, today=dt.datetime.fromtimestamp(at, dt.UTC).date())
    print_problems(problems)
    if any(not problem.warning for problem in problems):
        raise typer.Exit(USAGE)
    return contracts


def _packaged(contracts: Contracts, folder: Path, progress: Steps, *, layers_for: Platform | None) -> Packages:
    from core.rendering.render import render
    from deploy.packaging import build_packages

    with progress.step("packaging"):
        return build_packages(render(contracts), folder, layers_for=layers_for)


def _file_row(file: Path) -> dict[str, Any]:
    from deploy.zip_files import unpacked_size

    body = file.read_bytes()
    return {
        "file": str(short_path(file)),
        "bytes": len(body),
        "unpacked": unpacked_size(file),
        "sha256": hashlib.sha256(body).hexdigest(),
    }


def _prepared(target: Target, folder: Path, progress: Steps, at: int) -> tuple[Terraform, Packages, Transition]:
    """Check the contracts, open the state, package the first step's code and plan the layers."""
    wanted = _checked_contracts(folder, at)
    with progress.step("connecting to the account and its state"):
        terraform = target.terraform()
        target.refuse_names_of_another()
    transition = transition_to(target, wanted, at)
    return terraform, _packages(target, transition.first, progress), transition


def _packages(target: Target, contracts: Contracts, progress: Steps) -> Packages:
    from local.emulator.execution.python import function_python

    platform = function_python().platform if target.emulator else target.platform
    return _packaged(contracts, target.folder, progress, layers_for=platform)


def _foreseen(target: Target, terraform: Terraform, transition: Transition, progress: Steps) -> Packages:
    """Refuse what the second step would delete before the first is taken and hours are built; the first's packages."""
    from deploy.refusals import refuse_to_lose_data

    last = _packages(target, transition.last(now()), progress)
    planned, _ = make_plan(target, terraform, last, progress)
    refuse_to_lose_data(target.environment, planned.changes, may_lose_data=target.may_lose_data)
    return _packages(target, transition.first, progress)


def _switch(target: Target, terraform: Terraform, transition: Transition, *, allow_destroy: bool, quiet: bool) -> None:
    """The deployment's second step: the wanted contracts, whose tables are built; each catalog table is one update."""
    from deploy.refusals import refuse_to_lose_data

    refuse_after_another(target, transition)
    with steps() as progress:
        packages = _packages(target, transition.last(now()), progress)
        planned, text = make_plan(target, terraform, packages, progress)
    if not quiet:
        show_plan(planned.changes, text, as_json=False)
    if not allow_destroy:
        refuse_to_lose_data(target.environment, planned.changes, may_lose_data=target.may_lose_data)
    build_uploaded_layers(packages, planned)
    carry_out(terraform, planned)


def _build_generations(
    target: Target, transition: Transition, *, allow_fewer: bool, quiet: bool
) -> list[BuiltGeneration]:
    """The new generations of tables, built beside the old ones; one with fewer rows is refused."""
    built = build(target.deployment(), transition.building)
    if not quiet:
        tell_of_built(built)
    if not allow_fewer:
        refuse_smaller(target.environment, built)
        refuse_held(target.environment, built)
    return built


def _record_contracts(target: Target) -> None:
    """Append what is deployed now to the lake's history of contracts; one that an earlier apply left out too."""
    from aws.objects import S3ObjectStore
    from core.evolution.deployments import record_deployments

    deployed = target.deployment()
    records = S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket)
    collecting = target.settings.get("schedules_enabled") is True
    now = int(dt.datetime.now(dt.UTC).timestamp())
    record_deployments(records, deployed.contracts, now=now, collecting=collecting)


def _try_and_tell(target: Target, terraform: Terraform, plan_data: Mapping[str, Any] | None) -> bool:
    """Try everything once and say what to do next, as JSON with the data of the plan; whether everything works."""
    from aws.account import secrets_without_value
    from deploy.next_steps import next_steps

    outputs = terraform.output()
    empty = secrets_without_value(target.clients, outputs["secrets"])
    checks = _smoke(target.deployment(), empty)
    works = not any(check.problem for check in checks)
    todo = next_steps(target, outputs["alarm_topic"], empty)
    if plan_data is not None:
        print_json({"plan": plan_data, "smoke": [asdict(check) for check in checks], "next": todo})
        return works
    out.print(f"deployed: {target.environment}" + ("" if works else ", but not everything works"))
    for number, step in enumerate(todo, 1):
        out.print(f"  {number}. {step}")
    return works


def _smoke(deployed: Deployment, empty_secrets: Sequence[str]) -> list[Checked]:
    from cli.smoke import smoke_test

    checks = []
    with steps() as progress, progress.step("trying everything once"):
        for check in smoke_test(deployed, empty_secrets=empty_secrets):
            checks.append(check)
            if check.problem:
                say(f"  does not work: {check.what}: {check.problem}")
    return checks
