"""Lambda packages, reproducible: the same sources give the same bytes, whoever builds them and when."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InvalidData
from deploy.folders import BUILD, SOURCES
from deploy.layers.build import ROOMS, Layers, build_layers
from deploy.layers.wheels import LAMBDA, Platform
from deploy.zip_files import write_zip

MEGABYTE = 1_000_000
CODE_LIMIT = MEGABYTE  # as a zip: what is more than our sources does not belong there
UNPACKED_LIMIT = 250 * 1024 * 1024  # Lambda's, for code and layers together ("Lambda quotas": 250 MB)


@dataclass(frozen=True)
class Packages:
    """The files that Terraform is given: rendered contracts, the functions' code, their layers (None: not built)."""

    contracts: Path
    code: Path
    layers: Layers | None

    @property
    def variables(self) -> dict[str, Any]:
        """The root module's variables that name them."""
        layers = {name: str(path) for name, path in self.layers} if self.layers else None
        return {"contracts_file": str(self.contracts), "code_zip": str(self.code), "layer_zips": layers}


def build_packages(contracts: str, folder: Path, *, layers_for: Platform | None = LAMBDA) -> Packages:
    """Build the code below ``folder`` and the layers, which all environments share; ``contracts`` is rendered text."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "contracts.json"
    file.write_text(contracts, encoding="utf-8")
    layers = build_layers(BUILD / "layers", layers_for) if layers_for else None
    return Packages(file, build_code_zip(folder / "code.zip", file), layers)


def build_code_zip(out: Path, contracts_file: Path) -> Path:
    """Zip the functions' code with the rendered contracts beside it.

    Raises :class:`InvalidData` where it has grown beyond a megabyte: something that is no source has come in.
    """
    files = {
        path.relative_to(SOURCES).as_posix(): path.read_bytes().replace(
            b"\r\n", b"\n"
        )  # whatever git makes of line ends here
        for room in ROOMS
        for path in (SOURCES / room).rglob("*.py")
    }
    files["contracts.json"] = contracts_file.read_bytes()
    write_zip(out, files)
    if out.stat().st_size > CODE_LIMIT:
        out.unlink()
        raise InvalidData("package the code", str(out), "is more than 1 MB", f"Look for what is no source in {SOURCES}")
    return out
