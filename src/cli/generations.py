"""New generations of tables in a deployment: built between its two steps, and compared with what readers see.

``core.evolution.generations`` has the steps, ``processing.restating.generations`` the building.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from cli.contract_changes import deployed_contracts
from cli.operating import services_of
from cli.output import err, out, steps
from core.errors import Misuse

if TYPE_CHECKING:
    from aws.deployment import Deployment
    from core.contract.model import Contracts
    from core.evolution.generations import NewGeneration, Transition
    from deploy.target import Target
    from deploy.terraform import Change
    from processing.restating.generations import BuiltGeneration

_REFUSALS_SHOWN = 5


def transition_to(target: Target, wanted: Contracts, at: int) -> Transition:
    """The steps from what is deployed there to the wanted contracts, as planned at ``at`` (epoch seconds)."""
    contracts = deployed_contracts(target)
    return transition_from(target.deployment() if contracts is not None else None, contracts, wanted, at)


def transition_from(deployed: Deployment | None, contracts: Contracts | None, wanted: Contracts, at: int) -> Transition:
    """The steps from a deployment's contracts (None: nothing is deployed) to the wanted ones, by the lake's history."""
    from aws.objects import S3ObjectStore
    from core.evolution.deployments import Recorded, read_history
    from core.evolution.generations import plan_transition

    def history(dataset: str) -> tuple[Recorded, ...]:
        if deployed is None:
            return ()
        return read_history(S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket), dataset)

    return plan_transition(contracts, wanted, now=at, history=history)


def now() -> int:
    """Epoch seconds."""
    return int(dt.datetime.now(dt.UTC).timestamp())


def tell_of_building(building: Sequence[NewGeneration]) -> None:
    """Say what will be built before the deployment's second step, which has all else that changes."""
    for new in building:
        beside = f" beside {new.beside}" if new.beside else ""
        out.print(f"{new.table}: {new.folder} is built{beside} from ingest objects, then readers see it")


def as_changes(building: Sequence[NewGeneration]) -> list[Change]:
    """The generations that readers do not see yet, as changes: while they are built, Terraform's plan is empty."""
    from deploy.terraform import Change

    return [
        Change(f"{new.beside} -> {new.folder}", ("update",)) if new.beside else Change(new.folder, ("create",))
        for new in building
    ]


def build(deployed: Deployment, building: Sequence[NewGeneration]) -> list[BuiltGeneration]:
    """Build the generations, each compared with the one that readers see."""
    from processing.restating.generations import build_generations

    built: list[BuiltGeneration] = []
    with steps() as progress, progress.step(f"building {len(building)} new generations") as step:
        read = 0

        def count(key: str) -> None:
            nonlocal read
            read += 1
            step.update(title=f"building {len(built) + 1} of {len(building)}: {read} objects read, {key}")

        for each in build_generations(services_of(deployed), building, progress=count):
            built.append(each)
    return built


def tell_of_built(built: Sequence[BuiltGeneration]) -> None:
    """Say of each generation how it compares with the one that readers see."""
    for each in built:
        _tell_of(each)


def _tell_of(built: BuiltGeneration) -> None:
    keys = "" if built.keys is None else f", {built.keys_before:,} -> {built.keys:,} keys, {built.lost:,} lost"
    style = "red" if built.is_smaller else None
    out.print(f"{built.folder}: {built.rows_before:,} -> {built.rows:,} rows{keys}", style=style)
    for refusal in built.refusals[:_REFUSALS_SHOWN]:
        out.print(f"  {refusal}")
    if (more := len(built.refusals) - _REFUSALS_SHOWN) > 0:
        out.print(f"  and {more:,} more ingest objects that lack lines")


def refuse_after_another(target: Target, transition: Transition) -> None:
    """Raises ``Misuse`` where somebody deployed during the build: the second step would take that back."""
    from core.rendering.render import render

    deployed = deployed_contracts(target)
    if deployed is None or render(deployed) != render(transition.first):
        raise Misuse(
            f"switch tables of {target.environment}",
            "its contracts",
            "are others than this deployment began with: somebody deployed while the tables were built",
            "Bring those changes into yours and give it again: what fits of the tables that were built is taken up",
        )


def refuse_late(target: Target, transition: Transition, plan: str) -> None:
    """Raises ``Misuse`` where a saved plan's steps are not those of now: a grace period that it counts on is over."""
    from core.evolution.generations import is_still_due

    present = now()
    if not is_still_due(transition, transition_to(target, transition.wanted, present), now=present):
        raise Misuse(
            f"apply a saved plan to {target.environment}",
            plan,
            "counts on a generation's grace period that is over, or gives one that nearly is",
            "Plan again: starmend deploy plan --output FILE",
        )


def refuse_smaller(environment: str, built: Sequence[BuiltGeneration]) -> None:
    """Raises ``Misuse`` where readers would miss something that they see now: then they go on seeing the old one."""
    smaller = [each for each in built if each.is_smaller]
    if not smaller:
        return
    err.print("the new generations stay beside the old ones and are written; nothing was switched")
    counts = (f"{each.folder} lacks {each.lost or each.rows_before - each.rows:,}" for each in smaller)
    raise Misuse(
        f"switch tables of {environment}",
        ", ".join(each.table for each in smaller),
        "; ".join(counts),
        "Mend what rejects their lines and deploy again, deploy the contract of before, or give --allow-fewer",
    )


def refuse_held(environment: str, built: Sequence[BuiltGeneration]) -> None:
    """Raises ``Misuse`` where somebody holds a partition: readers would see at once what he keeps from them."""
    held = [text for each in built for text in each.held]
    if held:
        err.print("the new generations stay beside the old ones and are written; nothing was switched")
        raise Misuse(
            f"switch tables of {environment}",
            ", ".join(each.table for each in built if each.held),
            f"partitions are held: {'; '.join(held[:5])}" + (f" and {len(held) - 5} more" if len(held) > 5 else ""),
            "Release them (starmend rollback TABLE PARTITION --release) and deploy again, or give --allow-fewer",
        )


def as_data(built: Sequence[BuiltGeneration]) -> list[dict[str, Any]]:
    """JSON of the generations that were built."""
    return [asdict(each) for each in built]
