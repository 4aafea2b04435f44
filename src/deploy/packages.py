"""What a deployment is made from: the code, our layer, and the contracts rendered for Terraform."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli.deployed import BUILD
from cli.output import Steps
from deploy.packaging import LAYER_PACKAGES, PYTHON, build_code_zip, build_layer_zip, locked_version


@dataclass(frozen=True)
class Packages:
    """What Terraform uploads, and the contracts that it reads."""

    contracts: Path
    code: Path
    layer: Path | None

    @property
    def variables(self) -> dict[str, Any]:
        layer = str(self.layer) if self.layer else None
        return {"contracts_file": str(self.contracts), "code_zip": str(self.code), "layer_zip": layer}


def build_packages(contracts: str, folder: Path, progress: Steps, *, layer: bool) -> Packages:
    """Everything that Terraform is given, below ``folder``; ``contracts`` is their rendered text."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "contracts.json"
    file.write_text(contracts, encoding="utf-8")
    with progress.step("packaging"):
        return Packages(file, build_code_zip(folder / "code.zip", file), _layer() if layer else None)


def _layer() -> Path:
    """Built once per set of locked versions, so that later deployments need no package index."""
    locked = [PYTHON, *(f"{name}=={locked_version(name)}" for name in LAYER_PACKAGES)]
    file = (BUILD / "layers" / f"{hashlib.sha256(' '.join(locked).encode()).hexdigest()[:16]}.zip").resolve()
    return file if file.exists() else build_layer_zip(file)


def described(file: Path) -> dict[str, Any]:
    """Its place, size and digest."""
    body = file.read_bytes()
    return {"file": str(shown(file)), "bytes": len(body), "sha256": hashlib.sha256(body).hexdigest()}


def shown(file: Path) -> Path:
    """As somebody in this folder would write it."""
    return file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
