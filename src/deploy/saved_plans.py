"""Plans in files, so that what one machine showed another carries out after somebody has agreed.

A file is a zip of Terraform's own plan and of what it was made from. It may hold values of the variables: keep it where
the state may be read. Terraform itself refuses a plan whose state has changed since.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path

from core.errors import Misuse
from deploy.packaging import Packages
from deploy.target import Target

PLAN, ORIGIN = "plan", "origin.json"


def origin_of(target: Target, packages: Packages) -> dict[str, str]:
    """What a plan was made from: the environment, its account, the contracts, code and layers by their hashes."""
    hashes = {layer.name: layer.hash for layer in packages.layers} | {
        "contracts": hashlib.sha256(packages.contracts.read_bytes()).hexdigest(),
        "code": packages.code.hash,
    }
    return {"environment": target.environment, "account": target.account.id, "region": target.region, **hashes}


def save_plan(plan: Path, origin: Mapping[str, str], out: Path) -> None:
    """Write Terraform's plan and its origin into one file. Raises ``Misuse`` where it cannot be written."""
    try:
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.write(plan, PLAN)
            archive.writestr(ORIGIN, json.dumps(origin, indent=1))
    except OSError as error:
        problem = error.strerror or str(error)
        raise Misuse("save the plan", str(out), problem, "Name a file that can be written") from error


def take_plan(file: Path, origin: Mapping[str, str], out: Path) -> Path:
    """Terraform's plan out of a saved file, put to ``out``.

    Raises ``Misuse`` where the file is none, or was made from something else than what is here now.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            stored = json.loads(archive.read(ORIGIN))
            body = archive.read(PLAN)
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        remedy = "Make one: starmend deploy plan --output FILE"
        raise Misuse("apply a saved plan", str(file), f"is no saved plan: {error}", remedy) from error
    other = sorted(name for name in {*stored, *origin} if stored.get(name) != origin.get(name))
    if other:
        problem = f"was made for another {', '.join(other)} than what is here"
        raise Misuse("apply a saved plan", str(file), problem, "Check out what it was made from, or plan again")
    out.write_bytes(body)
    return out
