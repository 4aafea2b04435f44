"""Lambda packages, reproducible: the same sources and release of Python give the same bytes, whoever builds them.

What is deployed is told apart by a hash of what a package is made from. Bytecode is none of it: it changes how soon a
function starts, so that a machine with another Python, or none, deploys nothing anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aws.settings import VERSION_FILE
from core.errors import InvalidData, Misuse, PipelineBug
from deploy.folders import SOURCES, build_folder
from deploy.layers.build import ROOMS, LayerPlan, build_layer, plan_layers
from deploy.layers.bytecode import CODE_ROOT, compiled, find_compiler
from deploy.layers.wheels import LAMBDA, Platform
from deploy.zip_files import write_zip

LAYERS = "layers"  # below the folder of everything built
MEGABYTE = 1_000_000
# Rooms that no function leads to (tests/architecture): what writes contracts.
OPERATORS_ROOMS = ("core/authoring/", "core/proposing/", "core/reference/")
TEMPLATES = "auditor/page/templates"  # what the page is drawn by, beside the code that reads it
SOURCES_LIMIT = 5 * MEGABYTE  # what is more than our sources does not belong there; bytecode comes to as much again
VERSION_DIGITS = 12  # as in terraform/locals.tf
UNPACKED_LIMIT = 250 * 1024 * 1024  # Lambda's, for code and layers together ("Lambda quotas": 250 MB)


@dataclass(frozen=True)
class CodePackage:
    """The functions' code: ``hash`` is of the sources and contracts, in hexadecimal digits, ``file`` the zip."""

    hash: str
    file: Path

    @property
    def variable(self) -> dict[str, str]:
        """Terraform's variable ``code_zip``."""
        return {"hash": self.hash, "file": str(self.file)}


@dataclass(frozen=True)
class Packages:
    """The files that Terraform is given: rendered contracts, the functions' code, their layers for a platform.

    Layers are built by :meth:`build_layer`, where a plan uploads them; without a platform there are none.
    """

    contracts: Path
    code: CodePackage
    platform: Platform | None
    layers: tuple[LayerPlan, ...]

    @property
    def variables(self) -> dict[str, Any]:
        """The root module's variables that name them."""
        layers = layer_variable(self.layers) if self.platform else None
        return {"contracts_file": str(self.contracts), "code_zip": self.code.variable, "layer_zips": layers}

    def build_layer(self, name: str) -> Path:
        """The zip of a layer, built where it is not yet; environments share it.

        Raises ``Misuse`` where it would be another than was planned: it would be uploaded under that one's hash.
        """
        if self.platform is None:
            raise PipelineBug("build a layer", name, "these packages are for no platform", "Name one to build for")
        here = {layer for layer in plan_layers(build_folder() / LAYERS, self.platform) if layer.name == name}
        if not here <= {*self.layers}:
            problem = "the checkout has another than was planned"
            raise Misuse("build a layer", name, problem, "Nothing was changed. Plan again")
        return build_layer(build_folder() / LAYERS, name, self.platform)


def layer_variable(layers: Iterable[LayerPlan]) -> dict[str, dict[str, str]]:
    """Terraform's variable ``layer_zips``."""
    return {layer.name: {"hash": layer.hash, "file": str(layer.file)} for layer in layers}


def build_packages(contracts: str, folder: Path, *, layers_for: Platform | None = LAMBDA) -> Packages:
    """Build the code below ``folder`` and plan the layers; ``contracts`` is rendered text."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "contracts.json"
    file.write_text(contracts, encoding="utf-8")
    layers = plan_layers(build_folder() / LAYERS, layers_for) if layers_for else ()
    return Packages(file, build_code_zip(folder / "code.zip", file), layers_for, layers)


def build_code_zip(out: Path, contracts_file: Path) -> CodePackage:
    """Zip the functions' code with the rendered contracts, its version and, where Lambda's Python is at hand, bytecode.

    Raises ``InvalidData`` where the sources have grown beyond ``SOURCES_LIMIT``: something that is none has come in.
    """
    files = {
        path.relative_to(SOURCES).as_posix(): path.read_bytes().replace(
            b"\r\n", b"\n"
        )  # whatever git makes of line ends here
        for path in [
            *(file for room in ROOMS for file in (SOURCES / room).rglob("*.py")),
            *(file for file in (SOURCES / TEMPLATES).rglob("*") if file.is_file()),
        ]
        if not path.relative_to(SOURCES).as_posix().startswith(OPERATORS_ROOMS)
    }
    files["contracts.json"] = contracts_file.read_bytes()
    if sum(map(len, files.values())) > SOURCES_LIMIT:
        problem = f"is more than {SOURCES_LIMIT / MEGABYTE:g} MB"
        raise InvalidData("package the code", str(out), problem, f"Look for what is no source in {SOURCES}")
    origin = _hash_of(files)
    files[VERSION_FILE] = origin[:VERSION_DIGITS].encode()
    if python := find_compiler(LAMBDA.python):
        files |= compiled(files, python, CODE_ROOT)
    return CodePackage(origin, write_zip(out, files))


def _hash_of(files: Mapping[str, bytes]) -> str:
    hashes = {name: hashlib.sha256(body).hexdigest() for name, body in files.items()}
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()
