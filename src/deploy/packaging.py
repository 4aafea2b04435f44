"""Lambda packages, reproducible: the same sources give the same bytes, whoever builds them and when."""

from __future__ import annotations

import hashlib
import re
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import InvalidData, OutOfReach
from deploy.folders import BUILD, LOCK, SOURCES

ROOMS = ("core", "aws", "ingestion", "processing", "auditor")
LAYER_PACKAGES = ("isal", "orjson")  # what the functions need beyond AWS's layers for pandas and powertools
PYTHON = "3.12"
PLATFORMS = ("manylinux2014_x86_64", "manylinux_2_17_x86_64", "manylinux_2_28_x86_64")  # Lambda's glibc is 2.34

MEGABYTE = 1_000_000
CODE_LIMIT = MEGABYTE  # as a zip: what is more than our sources does not belong there
UNPACKED_LIMIT = 240 * MEGABYTE  # Lambda's is 250 MB for code and layers together
MANAGED_LAYERS = 174 * MEGABYTE  # AWS SDK for pandas 3.16.0 (167) and powertools (7), unpacked

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
_LEVEL = 9


@dataclass(frozen=True)
class Packages:
    """The files that Terraform is given: rendered contracts, the functions' code, our layer (None: not built)."""

    contracts: Path
    code: Path
    layer: Path | None

    @property
    def variables(self) -> dict[str, Any]:
        """The root module's variables that name them."""
        layer = str(self.layer) if self.layer else None
        return {"contracts_file": str(self.contracts), "code_zip": str(self.code), "layer_zip": layer}


def build_packages(contracts: str, folder: Path, *, layer: bool) -> Packages:
    """Build them below ``folder``; ``contracts`` is the contracts' rendered text."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "contracts.json"
    file.write_text(contracts, encoding="utf-8")
    return Packages(file, build_code_zip(folder / "code.zip", file), locked_layer() if layer else None)


def locked_layer() -> Path:
    """Our layer, built once per set of locked versions, so that later deployments need no package index."""
    locked = [PYTHON, *(f"{name}=={locked_version(name)}" for name in LAYER_PACKAGES)]
    file = (BUILD / "layers" / f"{hashlib.sha256(' '.join(locked).encode()).hexdigest()[:16]}.zip").resolve()
    return file if file.exists() else build_layer_zip(file)


def build_code_zip(out: Path, contracts_file: Path) -> Path:
    """Zip the functions' code with the rendered contracts beside it.

    Raises :class:`InvalidData` where it has grown beyond a megabyte: something that is no source has come in.
    """
    files = {
        path.relative_to(SOURCES).as_posix(): path.read_bytes()
        for room in ROOMS
        for path in (SOURCES / room).rglob("*.py")
    }
    files["contracts.json"] = contracts_file.read_bytes()
    _write(out, files)
    if out.stat().st_size > CODE_LIMIT:
        out.unlink()
        raise InvalidData("package the code", str(out), "is more than 1 MB", f"Look for what is no source in {SOURCES}")
    return out


def build_layer_zip(out: Path) -> Path:
    """Zip our own dependencies for Lambda's platform, from wheels of the locked versions; never from this machine's.

    Raises :class:`OutOfReach` where the package index cannot be asked, or has no wheel for the platform.
    """
    files: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory(dir=_ensured(out.parent)) as folder:
        _download(Path(folder), [f"{name}=={locked_version(name)}" for name in LAYER_PACKAGES])
        for wheel in sorted(Path(folder).glob("*.whl")):
            with zipfile.ZipFile(wheel) as opened:
                files |= {f"python/{name}": opened.read(name) for name in opened.namelist() if not name.endswith("/")}
    return _write(out, files)


def locked_version(package: str) -> str:
    """The version that ``requirements.lock`` pins; :class:`InvalidData` where it pins none."""
    pin = re.search(rf"^{re.escape(package)}==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE)
    if not pin:
        raise InvalidData("package the layer", LOCK.name, f"does not pin {package}", "Lock the requirements again")
    return pin[1]


def unpacked_size(package: Path) -> int:
    """Bytes that a package takes when Lambda has unpacked it."""
    with zipfile.ZipFile(package) as opened:
        return sum(entry.file_size for entry in opened.infolist())


def _download(folder: Path, requirements: list[str]) -> None:
    platforms = [f"--platform={platform}" for platform in PLATFORMS]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}", *platforms]
    done = subprocess.run([*command, f"--dest={folder}", *requirements], capture_output=True, text=True)
    if done.returncode:
        problem = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        remedy = "Connect to the package index once; the layer does not change until the lock does"
        raise OutOfReach("package the layer", ", ".join(requirements), " ".join(problem), remedy)


def _write(out: Path, files: Mapping[str, bytes]) -> Path:
    """A zip with nothing of this machine in it: sorted names, one date, one mode. Whole or not at all."""
    fresh = _ensured(out.parent) / f"{out.name}.new"
    with zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as package:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, whatever this is
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(entry, files[name], compresslevel=_LEVEL)
    return fresh.replace(out)


def _ensured(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
