"""Folders that a deployment is made from: the command's own files, and the project of whoever gives it.

The own files (Terraform, the layers' locks, the example's contracts) lie beside the sources in a checkout; in a wheel,
which ``setup.py`` packs, below ``deploy/files``. A project is a folder with ``contracts/`` and ``environments/``.
"""

from __future__ import annotations

import os
from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1]
_PACKED = SOURCES / "deploy" / "files"
IS_INSTALLED = _PACKED.is_dir()  # from a wheel; else this is a checkout
ROOT = _PACKED if IS_INSTALLED else SOURCES.parent
MODULE = ROOT / "terraform"
LOCKS = {name: ROOT / f"requirements-lambda-{name}.lock" for name in ("base", "athena", "iceberg")}
SPARK_LOCK = ROOT / "requirements-spark.lock"
CONTRACTS, ENVIRONMENTS, BUILD = "contracts", "environments", "build"  # below a project's folder
_OF_A_CHECKOUT = "terraform/environments"


def project_folder() -> Path:
    """The nearest folder from here upwards that is a project, relative to here; where none is, this one."""
    here = Path.cwd()
    nearest = next((folder for folder in (here, *here.parents) if is_project(folder)), here)
    return Path(os.path.relpath(nearest, here))


def is_project(folder: Path) -> bool:
    """Whether a folder holds contracts and environments."""
    return (folder / CONTRACTS).is_dir() and any((folder / name).is_dir() for name in (ENVIRONMENTS, _OF_A_CHECKOUT))


def contracts_folder() -> Path:
    """The project's contracts."""
    return project_folder() / CONTRACTS


def build_folder() -> Path:
    """Where everything built goes, and what a local stack keeps."""
    return project_folder() / BUILD


def environments_folder() -> Path:
    """The project's files of variables; in a checkout they lie beside the Terraform files."""
    own = project_folder() / ENVIRONMENTS
    return own if own.is_dir() or IS_INSTALLED else MODULE / ENVIRONMENTS


def shared_layers() -> Path:
    """Where layers of this machine's own stacks are kept: they are the same for every project."""
    if not IS_INSTALLED:
        return ROOT / BUILD / "layers"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "starmend" / "layers"


def as_written(path: Path) -> Path:
    """A path as somebody in this folder would write it."""
    full = path.resolve()
    return full.relative_to(Path.cwd()) if full.is_relative_to(Path.cwd()) else path
