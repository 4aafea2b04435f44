"""Folders of the repository that a deployment is made from, and the one that takes everything built."""

from __future__ import annotations

from pathlib import Path

SOURCES = Path(__file__).resolve().parents[1]
ROOT = SOURCES.parent
MODULE = ROOT / "terraform"
ENVIRONMENTS = MODULE / "environments"
LOCKS = {name: ROOT / f"requirements-lambda-{name}.lock" for name in ("base", "athena")}
BUILD = Path("build")  # below the folder in which the command runs
