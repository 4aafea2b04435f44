"""Changes of contracts for people and programs: what they are compared with, and how they are shown.

``starmend contract diff`` and every plan and apply show the same.
"""

from __future__ import annotations

import datetime as dt
import io
import subprocess
import tarfile
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.deployed import deployment
from cli.output import err, out
from core.errors import Misuse, PipelineBug

if TYPE_CHECKING:
    from cli.change_costs import ChangeCost
    from core.contract.model import Contracts
    from core.evolution.changes import Change
    from deploy.target import Target

DEPLOYED = "deployed"
_COLOURS = {"additive": "green", "restate": "blue", "rebuild": "yellow", "refused": "red"}


def contracts_against(against: str, folder: Path, environment: str) -> Contracts:
    """The contracts to compare with: the deployed ones, a rendered file, another folder, or a git revision's folder.

    Raises ``Misuse`` where it is none of them, ``BadContracts`` where they cannot be kept.
    """
    from core.authoring.load import load
    from core.contract.codec import load_rendered

    if against == DEPLOYED:
        return deployment(environment).contracts
    place = Path(against)
    today = dt.datetime.now(dt.UTC).date()
    if place.is_dir():
        return load(place, today=today)
    if place.is_file():
        try:
            return load_rendered(place.read_bytes())
        except (ValueError, KeyError, TypeError) as error:
            remedy = "Name what `starmend contract render` wrote, a folder, or a revision"
            raise Misuse("compare contracts", against, f"is no rendered contract: {error}", remedy) from error
    with tempfile.TemporaryDirectory(prefix="starmend-contracts-") as scratch:
        return load(_of_revision(against, folder, Path(scratch)), today=today)


def _of_revision(revision: str, folder: Path, scratch: Path) -> Path:
    """The folder as a git revision has it, written below ``scratch``."""
    command = ["git", "-C", str(folder.resolve()), "archive", "--format=tar", "--end-of-options", revision, "."]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        problem = f"is no file, no folder, and no revision that has {folder}: {said[0] if said else 'git failed'}"
        raise Misuse(
            "compare contracts", revision, problem, "Give --against deployed, FILE, or a branch, tag or commit"
        )
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(scratch, filter="data")
    return scratch


def as_data(changes: Sequence[Change], costs: Sequence[ChangeCost] | None = None) -> dict[str, Any]:
    """JSON of changes: the gravest class, how many of each, every change, and what each class takes of the lake.

    ``costs`` None: there is no lake to be asked.
    """
    from core.evolution.changes import counted, gravest

    data = {"class": gravest(changes), "counts": counted(changes), "changes": [_row(change) for change in changes]}
    return data if costs is None else {**data, "work": [cost.to_data() for cost in costs]}


def _row(change: Change) -> dict[str, str]:
    row: dict[str, str] = asdict(change)
    row["class"] = row.pop("grade")
    return row


def show_changes(changes: Sequence[Change], costs: Sequence[ChangeCost] = ()) -> None:
    """Each change with its class and values, then why and what to do; at the end the count and cost of each class."""
    for change in changes:
        out.print(f"{change.grade:9}", style=_COLOURS[change.grade], end="")
        _line(f"{change.dataset}: {change.place}{_values(change)}")
        _line(f"         {change.reason}" + (f". {change.road}" if change.road else ""))
    _line(in_words(changes))
    for cost in costs:
        _line(f"         {cost}")


def in_words(changes: Sequence[Change]) -> str:
    """``3 changes of the contracts: 1 restate, 2 additive``."""
    from core.evolution.changes import counted

    if not changes:
        return "the contracts are the same"
    counts = ", ".join(f"{count} {grade}" for grade, count in counted(changes).items())
    return f"{len(changes)} change{'s' if len(changes) > 1 else ''} of the contracts: {counts}"


def _values(change: Change) -> str:
    if change.was and change.becomes:
        return f": {change.was} -> {change.becomes}"
    return f": new, {change.becomes}" if change.becomes else f": gone, was {change.was}" if change.was else ""


def _line(text: str) -> None:
    out.print(text)


# ---------------------------------------------------------------- what a deployment would change


def deployed_contracts(target: Target) -> Contracts | None:
    """The contracts that are deployed; None where nothing is.

    Where they are of a release that this one cannot read, it says so and gives None, unless they name generations of
    tables: readers would see others. Then it raises ``PipelineBug``.
    """
    if not target.is_deployed:
        return None
    deployed = target.deployment()
    try:
        return deployed.contracts
    except PipelineBug as error:
        if b'"generation"' in deployed.contracts_text:
            raise
        err.print(f"contracts are not compared: {error.problem}")
        return None


def changes_to_apply(target: Target, wanted: Contracts) -> tuple[Change, ...]:
    """The changes from what is deployed to the wanted contracts; none where nothing is deployed."""
    from core.evolution.compare import compare_contracts

    deployed = deployed_contracts(target)
    return compare_contracts(deployed, wanted) if deployed is not None else ()


def refuse_changes(environment: str, changes: Sequence[Change]) -> None:
    """Raises ``Misuse`` with the road of each change that would lose what was promised."""
    refused = [change for change in changes if change.grade == "refused"]
    if refused:
        problem = "; ".join(f"{change.dataset}: {change.place}: {change.reason}" for change in refused)
        roads = "; ".join(dict.fromkeys(change.road for change in refused))
        raise Misuse(f"apply to {environment}", "its contracts", problem, roads)
