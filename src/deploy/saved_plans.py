"""Plans in files, so that what one machine showed another carries out after somebody has agreed.

A file is a zip of Terraform's own plan and of what it was made from, and when: contracts that say until when something
holds are the same bytes only as of the same instant. It may hold values of the variables: keep it where
the state may be read. Terraform itself refuses a plan whose state has changed since.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from core.errors import Misuse
from core.json import UNREADABLE
from deploy.packaging import Packages
from deploy.target import Target

PLAN, ORIGIN = "plan", "origin.json"
FOLDER = "folder"
_AT = "planned_at"
_REMEDY = "Make one: starmend deploy plan --output FILE"


def origin_of(target: Target, packages: Packages, paused: Iterable[str]) -> dict[str, str]:
    """What a plan was made from: the environment, its account, the contracts, code and layers by their hashes.

    The datasets that are ``paused``, too: Terraform would switch on what was paused since. And the folder of what was
    built: the plan names files in it, which Terraform reads again when it is carried out.
    """
    hashes = {layer.name: layer.hash for layer in packages.layers} | {
        "contracts": hashlib.sha256(packages.contracts.read_bytes()).hexdigest(),
        "code": packages.code.hash,
    }
    place = {"environment": target.environment, "account": target.account.id, "region": target.region}
    place |= {FOLDER: str(target.folder)}
    return {**place, "set of paused datasets": ", ".join(sorted(paused)), **hashes}


def save_plan(plan: Path, origin: Mapping[str, str], out: Path, *, at: int) -> None:
    """Write Terraform's plan, its origin and its instant (epoch seconds) into one file.

    Raises ``Misuse`` where it cannot be written.
    """
    try:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(plan, PLAN)
            archive.writestr(ORIGIN, json.dumps({**origin, _AT: at}, indent=1))
    except OSError as error:
        problem = error.strerror or str(error)
        raise Misuse("save the plan", str(out), problem, "Name a file that can be written") from error


def take_plan(file: Path, origin: Mapping[str, str], out: Path) -> Path:
    """Terraform's plan out of a saved file, put to ``out``.

    Raises ``Misuse`` where the file is none, or was made from something else than what is here now.
    """
    body, stored, _ = _opened(file)
    other = sorted(name for name in {*stored, *origin} if stored.get(name) != origin.get(name))
    if other:
        problem = f"was made for another {', '.join(other)} than what is here"
        remedy = "Check out what it was made from, or plan again"
        if other == [FOLDER]:
            remedy = f"Carry it out where {stored.get(FOLDER)} is built, on whichever machine, or plan again"
        raise Misuse("apply a saved plan", str(file), problem, remedy)
    out.write_bytes(body)
    return out


def planned_at(file: Path) -> int:
    """When a saved plan was made, in epoch seconds. Raises ``Misuse`` where the file is none."""
    return _opened(file)[2]


def _opened(file: Path) -> tuple[bytes, dict[str, str], int]:
    """Terraform's plan, what it was made from, and when."""
    try:
        with zipfile.ZipFile(file) as archive:
            origin = json.loads(archive.read(ORIGIN))
            return archive.read(PLAN), origin, int(origin.pop(_AT))
    except (OSError, zipfile.BadZipFile, *UNREADABLE) as error:
        raise Misuse("apply a saved plan", str(file), f"is no saved plan: {error}", _REMEDY) from error
