"""``starmend deploy``: packages, the state's bucket, plan, apply, destroy. The Makefile's targets call these."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping, Sequence
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
from cli.generations import as_changes, build, now, refuse_smaller, tell_of_building, tell_of_built, transition_to
from cli.generations import as_data as generations_as_data
from cli.options import DEFAULT_FOLDER, ENVIRONMENT, OUTPUT, AllowDestroy, AllowFewer, Folder, Json, Yes
from cli.output import FINDINGS, FINE, USAGE, Steps, err, out, print_json, say, steps
from core.errors import Misuse

if TYPE_CHECKING:
    from aws.deployment import Deployment
    from aws.topic import SnsTopic
    from cli.smoke import Checked
    from core.contract.model import Contracts
    from core.evolution.generations import Transition
    from deploy.layers.wheels import Platform
    from deploy.packaging import Packages
    from deploy.target import Target
    from deploy.terraform import Change, Plan, Terraform
    from processing.restating.generations import BuiltGeneration

app = group("Put the pipeline into an AWS account, change it there, remove it.")

Env = Annotated[str, typer.Option("--env", help=ENVIRONMENT)]
VarFiles = Annotated[
    list[Path] | None,
    typer.Option("--var-file", help="More variables for Terraform; they win over the environment's own file."),
]
Processor = Annotated[str, typer.Option("--architecture", help="x86_64 or arm64, as the variable of that name says.")]
PlanFile = Annotated[Path | None, typer.Option("--plan", help="A plan that `plan --output` saved.")]
Out = Annotated[Path | None, typer.Option("--output", help=OUTPUT)]
DEFAULT_ENVIRONMENT = "dev"
_COLOURS = {"delete": "red", "replace": "yellow", "update": "blue", "create": "green"}


@app.command()
@examples("deploy package", "deploy package --architecture arm64 --json")
def package(folder: Folder = DEFAULT_FOLDER, architecture: Processor = "x86_64", as_json: Json = False) -> None:
    """Build the functions' code and layers.

    Into build/packages and build/layers; the same sources give the same bytes.
    """
    from deploy.folders import build_folder
    from deploy.layers.wheels import Platform

    contracts = _checked_contracts(folder)
    with steps() as progress:
        packages = _packaged(
            contracts, (build_folder() / "packages").resolve(), progress, layers_for=Platform(architecture=architecture)
        )
        _tell_of_uncompiled_layers()
        with progress.step("building the layers"):
            layers = [packages.build_layer(layer.name) for layer in packages.layers]
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
    from deploy.target import Target

    target = Target.of(environment, var_file or ())
    with steps() as progress:
        terraform, packages, transition = _prepared(target, folder, progress)
        planned, text = _planned(target, terraform, packages, progress)
    if file:
        save_plan(planned.file, origin_of(target, packages), file)
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
    from deploy.target import Target

    target = Target.of(environment, var_file or ())
    with steps() as progress:
        terraform, packages, transition = _prepared(target, folder, progress)
        planned, text = _planned(target, terraform, packages, progress)
    changes = (*planned.changes, *as_changes(transition.building))
    show_plan(changes, text, as_json=as_json)
    if notify:
        count_drift(target, changes)
    if changes and notify:
        tell_of_drift(SnsTopic(target.clients("sns"), terraform.output()["alarm_topic"]), environment, changes)
    raise typer.Exit(FINDINGS if changes else FINE)


def count_drift(target: Target, changes: Sequence[Change]) -> None:
    """Say how much differs, nothing too: the alarm ``deployment-drift`` keeps its state until somebody looks again."""
    from aws.metrics import put_metric
    from core.metrics import DEPLOYMENT, DRIFTED

    cloudwatch = target.clients("cloudwatch")
    put_metric(cloudwatch, target.project, target.environment, DEPLOYMENT, DRIFTED, len(changes))


def tell_of_drift(topic: SnsTopic, environment: str, changes: Sequence[Change]) -> None:
    """Mail the admins what differs, the gravest first."""
    from deploy.plans import gravest_first, summary, verb

    lines = [f"{verb(change):8}{change.address}" for change in gravest_first(changes)]
    shown = [*lines[:50], *([f"... and {len(lines) - 50} more"] if len(lines) > 50 else [])]
    head = f"{environment} is not what its code says: {summary(changes)}."
    remedy = f"What to do: starmend deploy plan --env {environment}; deploy it, or take back what was changed by hand."
    text = "\n".join([head, "", *shown, "", remedy])
    topic.publish(f"[{environment}] the deployment differs from its code ({summary(changes)})", text)


@app.command()
@examples("deploy apply --env dev", "deploy apply --env prod --plan prod.plan --yes")
def apply(
    environment: Env = DEFAULT_ENVIRONMENT, var_file: VarFiles = None, folder: Folder = DEFAULT_FOLDER,
    saved: PlanFile = None, yes: Yes = False, allow_destroy: AllowDestroy = False, allow_fewer: AllowFewer = False,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Plan, show it, ask, carry it out.

    Then try everything once and say what to do next; exits with 1 where something does not work.

    A plan that takes away what holds data (buckets, parameters, secrets, streams, queues) is refused where data matter.

    A table whose key, partitions or types change is built anew beside the old one, compared with it, and switched.
    """
    from aws.account import secrets_without_value
    from deploy.next_steps import next_steps
    from deploy.plans import as_data, summary
    from deploy.refusals import refuse_to_lose_data
    from deploy.target import Target

    target = Target.of(environment, var_file or ())
    with steps() as progress:
        terraform, packages, transition = _prepared(target, folder, progress)
        if transition.building and not allow_destroy:
            packages = _foreseen(target, terraform, transition, progress)
        planned, text = _planned(target, terraform, packages, progress, saved=saved)
    changes = changes_to_apply(target, transition.wanted)
    costs = costs_to_apply(target, transition.wanted, changes)
    if not as_json:
        show_changes(changes, costs)
        tell_of_building(transition.building)
        show_plan(planned.changes, text, as_json=False)
    if not allow_destroy:
        refuse_to_lose_data(environment, planned.changes, may_lose_data=target.may_lose_data)
        refuse_changes(environment, changes)
    if planned.changes or transition.building:
        what = "; ".join([*([in_words(changes)] if changes else []), summary(planned.changes)])
        agree(yes, f"Apply this ({what}) to {environment} (account {target.account.id}, {target.region})?")
        _build_uploaded_layers(packages, planned)
        _carry_out(terraform, planned)
    deployed = target.deployment()
    _record_contracts(target, deployed)
    built: list[BuiltGeneration] = []
    if transition.building:
        built = build(deployed, transition.building)
        if not as_json:
            tell_of_built(built)
        if not allow_fewer:
            refuse_smaller(environment, built)
        _switch(target, terraform, transition, allow_destroy=allow_destroy, quiet=as_json)
        deployed = target.deployment()
        _record_contracts(target, deployed)
    outputs = terraform.output()
    empty = secrets_without_value(target.clients, outputs["secrets"])
    checks = _smoke(deployed, empty)
    todo = next_steps(target, outputs["alarm_topic"], empty)
    if as_json:
        smoke = [asdict(check) for check in checks]
        plan_data = {**as_data(planned.changes, text), "contracts": changes_as_data(changes, costs)}
        plan_data |= {"generations": generations_as_data(built)} if built else {}
        print_json({"plan": plan_data, "smoke": smoke, "next": todo})
    else:
        out.print(f"deployed: {environment}" + ("" if _works(checks) else ", but not everything works"))
        for number, step in enumerate(todo, 1):
            out.print(f"  {number}. {step}")
    raise typer.Exit(FINE if _works(checks) else FINDINGS)


@app.command()
@examples("deploy destroy --env dev")
def destroy(
    environment: Env = DEFAULT_ENVIRONMENT, var_file: VarFiles = None, folder: Folder = DEFAULT_FOLDER,
    yes: Yes = False,
) -> None:  # fmt: skip
    """Remove the deployment.

    Where data may not be lost (prod), it refuses while its buckets hold anything.
    """
    from deploy.refusals import refuse_while_data_exist
    from deploy.target import Target

    able_to_agree(yes, f"Destroy {environment}?")
    target = Target.of(environment, var_file or ())
    terraform = target.terraform()
    outputs = terraform.output()
    if not target.may_lose_data:
        refuse_while_data_exist(target, outputs.get("buckets", {}))
    contracts = _checked_contracts(folder)
    with steps() as progress:
        packages = _packaged(contracts, target.folder, progress, layers_for=None)
        with progress.step("planning"):
            planned = terraform.plan(packages.variables, destroy=True)
    if not planned.changes:
        out.print(f"nothing of {environment} is deployed")
        return
    file = _written(target, "destroy.txt", planned.text)
    show_plan(planned.changes, file, as_json=False)
    agree(yes, f"Destroy {environment} (account {target.account.id}, {target.region}) and all its data?")
    _carry_out(terraform, planned)
    out.print(f"destroyed: {environment}; its state stays in s3://{target.state_bucket}")


@app.command()
@examples("deploy policy deployer --env prod", "deploy policy operator --env prod")
def policy(
    who: Annotated[str, typer.Argument(help="deployer or operator.")],
    environment: Env = DEFAULT_ENVIRONMENT,
    var_file: VarFiles = None,
    account: Annotated[
        str | None, typer.Option("--account", help="The account, where the variables do not name it.")
    ] = None,
    partition: Annotated[str, typer.Option("--aws-partition", help="aws, aws-cn or aws-us-gov.")] = "aws",
    network: Annotated[bool, typer.Option("--network", help="Also what vpc_endpoints needs.")] = False,
) -> None:
    """Print the policies that a deployer or an operator needs, and no more.

    A JSON array of IAM documents.
    """
    from deploy.policies import Place, deployer, documents, operator
    from deploy.target import Target

    if who not in _WHO:
        raise Misuse("print policies", who, "is nobody we know", f"Use one of: {', '.join(_WHO)}")
    target = Target.of(environment, var_file or ())
    named = account or target.settings.get("account")
    if not isinstance(named, str):
        raise Misuse(
            "print policies", environment, "no account is named", "Give --account, or name it in the variables"
        )
    place = Place(partition, named, target.region, target.project, environment)
    boundary = target.settings.get("permissions_boundary")
    statements = (
        deployer(place, boundary=boundary if isinstance(boundary, str) else None, network=network)
        if who == "deployer"
        else operator(place)
    )
    print_json(list(documents(statements)))


_WHO = ("deployer", "operator")


def _checked_contracts(folder: Path) -> Contracts:
    """The contracts; prints every problem and exits with 2 where they cannot be kept."""
    from core.authoring.load import examine

    contracts, problems = examine(folder, today=dt.datetime.now(dt.UTC).date())
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
        "file": str(_shown(file)),
        "bytes": len(body),
        "unpacked": unpacked_size(file),
        "sha256": hashlib.sha256(body).hexdigest(),
    }


def _shown(file: Path) -> Path:
    """The path as somebody in this folder would write it."""
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file


def _prepared(target: Target, folder: Path, progress: Steps) -> tuple[Terraform, Packages, Transition]:
    """Check the contracts, open the state, package the first step's code and plan the layers."""
    wanted = _checked_contracts(folder)
    with progress.step("connecting to the account and its state"):
        terraform = target.terraform()
        target.refuse_names_of_another()
    transition = transition_to(target, wanted)
    return terraform, _packages(target, transition.first, progress), transition


def _packages(target: Target, contracts: Contracts, progress: Steps) -> Packages:
    from local.emulator.execution.python import function_python

    platform = function_python().platform if target.emulator else target.platform
    return _packaged(contracts, target.folder, progress, layers_for=platform)


def _foreseen(target: Target, terraform: Terraform, transition: Transition, progress: Steps) -> Packages:
    """Refuse what the second step would delete before the first is taken and hours are built; the first's packages."""
    from deploy.refusals import refuse_to_lose_data

    last = _packages(target, transition.last(now()), progress)
    planned, _ = _planned(target, terraform, last, progress)
    refuse_to_lose_data(target.environment, planned.changes, may_lose_data=target.may_lose_data)
    return _packages(target, transition.first, progress)


def _switch(target: Target, terraform: Terraform, transition: Transition, *, allow_destroy: bool, quiet: bool) -> None:
    """The deployment's second step: the wanted contracts, whose tables are built; each catalog table is one update."""
    from deploy.refusals import refuse_to_lose_data

    with steps() as progress:
        packages = _packages(target, transition.last(now()), progress)
        planned, text = _planned(target, terraform, packages, progress)
    if not quiet:
        show_plan(planned.changes, text, as_json=False)
    if not allow_destroy:
        refuse_to_lose_data(target.environment, planned.changes, may_lose_data=target.may_lose_data)
    _build_uploaded_layers(packages, planned)
    _carry_out(terraform, planned)


def _planned(
    target: Target, terraform: Terraform, packages: Packages, progress: Steps, *, saved: Path | None = None
) -> tuple[Plan, Path]:
    """A plan, new or saved; its text, in Terraform's own words, is kept beside the packages."""
    from deploy.saved_plans import origin_of, take_plan

    with progress.step("planning" if saved is None else "reading the saved plan"):
        if saved is None:
            planned = terraform.plan({**packages.variables, "paused_datasets": _paused(target)})
        else:
            planned = terraform.read_plan(take_plan(saved, origin_of(target, packages), target.folder / "saved.plan"))
        return planned, _written(target, "plan.txt", planned.text)


def _paused(target: Target) -> list[str]:
    """The datasets that are paused: a deployment leaves their schedules off."""
    from auditor.interventions.pauses import paused_datasets
    from aws.objects import S3ObjectStore

    if not target.is_deployed:
        return []
    deployed = target.deployment()
    return paused_datasets(S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket))


def _written(target: Target, name: str, text: str) -> Path:
    file = target.folder / name
    file.write_text(text, encoding="utf-8")
    return _shown(file)


def show_plan(
    changes: Sequence[Change], text: Path, *, as_json: bool, contracts: Mapping[str, Any] | None = None
) -> None:
    """Print every address, the gravest change first, and the counts."""
    from deploy.plans import as_data, gravest_first, loses_data, summary, verb

    if as_json:
        print_json({**as_data(changes, text), "contracts": contracts or changes_as_data(())})
        return
    for change in gravest_first(changes):
        out.print(f"{verb(change):8}", style=_COLOURS.get(verb(change), "yellow"), end="")
        attributes = f": {', '.join(change.attributes)}" if change.attributes else ""
        out.print(change.address + attributes)
    out.print(f"{summary(changes)}; in full: {text}")
    if lost := [change.address for change in changes if loses_data(change)]:
        err.print(f"data will be lost: {len(lost)} of these hold data or values", style="red")


def _build_uploaded_layers(packages: Packages, planned: Plan) -> None:
    """Build the layers that the plan uploads; what is in the account already nobody needs to have built."""
    from deploy.plans import uploaded_packages

    uploaded = uploaded_packages(planned.changes)
    if uploaded & {layer.name for layer in packages.layers}:
        _tell_of_uncompiled_layers()
    for layer in packages.layers:
        if layer.name in uploaded:
            with steps() as progress, progress.step(f"building the layer {layer.name}"):
                packages.build_layer(layer.name)


def _tell_of_uncompiled_layers() -> None:
    from deploy.layers.bytecode import find_compiler
    from deploy.layers.wheels import LAMBDA_PYTHON

    if find_compiler(LAMBDA_PYTHON) is None:
        text = f"without Python {LAMBDA_PYTHON} layers are not compiled: each cold start takes a second of CPU longer"
        err.print(text)


def _carry_out(terraform: Terraform, planned: Plan) -> None:
    """Apply a plan that was shown, with a progress bar that counts its resources."""
    from deploy.plans import summary

    with steps() as progress, progress.step(summary(planned.changes), total=_effects(planned.changes)) as step:
        done = 0

        def count(line: str) -> None:
            nonlocal done
            if any(word in line for word in ("Creation complete", "Modifications complete", "Destruction complete")):
                done += 1
                step.update(done=done)

        terraform.apply(planned, on_line=count)


def _record_contracts(target: Target, deployed: Deployment) -> None:
    """Append what is deployed now to the lake's history of contracts; one that an earlier apply left out too."""
    from aws.objects import S3ObjectStore
    from core.evolution.deployments import record_deployments

    records = S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket)
    collecting = target.settings.get("schedules_enabled") is True
    now = int(dt.datetime.now(dt.UTC).timestamp())
    record_deployments(records, deployed.contracts, now=now, collecting=collecting)


def _effects(changes: Sequence[Change]) -> int:
    """Number of resources made, changed or removed; a replaced one counts twice."""
    return sum(len(change.actions) for change in changes)


def _smoke(deployed: Deployment, empty_secrets: Sequence[str]) -> list[Checked]:
    from cli.smoke import smoke_test

    checks = []
    with steps() as progress, progress.step("trying everything once"):
        for check in smoke_test(deployed, empty_secrets=empty_secrets):
            checks.append(check)
            if check.problem:
                say(f"  does not work: {check.what}: {check.problem}")
    return checks


def _works(checks: Sequence[Checked]) -> bool:
    return not any(check.problem for check in checks)
