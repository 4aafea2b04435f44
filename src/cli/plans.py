"""Terraform's plans at the command line: made or read, shown, and carried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.contract_changes import as_data as changes_as_data
from cli.output import Steps, err, out, print_json, steps

if TYPE_CHECKING:
    from deploy.packaging import Packages
    from deploy.target import Target
    from deploy.terraform import Change, Plan, Terraform

_COLOURS = {"delete": "red", "replace": "yellow", "update": "blue", "create": "green"}


def make_plan(
    target: Target, terraform: Terraform, packages: Packages, progress: Steps, *, saved: Path | None = None
) -> tuple[Plan, Path]:
    """Make a plan, or read a saved one; its text, in Terraform's own words, is kept beside the packages."""
    from deploy.saved_plans import origin_of, take_plan

    with progress.step("planning" if saved is None else "reading the saved plan"):
        if saved is None:
            planned = terraform.plan({**packages.variables, "paused_datasets": paused_datasets_of(target)})
        else:
            origin = origin_of(target, packages, paused_datasets_of(target))
            planned = terraform.read_plan(take_plan(saved, origin, target.folder / "saved.plan"))
        return planned, keep_text(target, "plan.txt", planned.text)


def paused_datasets_of(target: Target) -> list[str]:
    """The datasets that are paused: a deployment leaves their schedules off."""
    from auditor.interventions.pauses import paused_datasets
    from aws.objects import S3ObjectStore

    if not target.is_deployed:
        return []
    deployed = target.deployment()
    return paused_datasets(S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket))


def keep_text(target: Target, name: str, text: str) -> Path:
    """Write a plan in words beside the packages."""
    file = target.folder / name
    file.write_text(text, encoding="utf-8")
    return short_path(file)


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


def build_uploaded_layers(packages: Packages, planned: Plan) -> None:
    """Build the layers that the plan uploads; what is in the account already nobody needs to have built."""
    from deploy.plans import uploaded_packages

    uploaded = uploaded_packages(planned.changes)
    if uploaded & {layer.name for layer in packages.layers}:
        tell_of_uncompiled_layers()
    for layer in packages.layers:
        if layer.name in uploaded:
            with steps() as progress, progress.step(f"building the layer {layer.name}"):
                packages.build_layer(layer.name)


def tell_of_uncompiled_layers() -> None:
    """Say so where layers are built without the Python that compiles them."""
    from deploy.layers.bytecode import find_compiler
    from deploy.layers.wheels import LAMBDA_PYTHON

    if find_compiler(LAMBDA_PYTHON) is None:
        text = f"without Python {LAMBDA_PYTHON} layers are not compiled: each cold start takes a second of CPU longer"
        err.print(text)


def carry_out(terraform: Terraform, planned: Plan) -> None:
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


def _effects(changes: Sequence[Change]) -> int:
    """Number of resources made, changed or removed; a replaced one counts twice."""
    return sum(len(change.actions) for change in changes)


def short_path(file: Path) -> Path:
    """The path as somebody in this folder would write it."""
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
