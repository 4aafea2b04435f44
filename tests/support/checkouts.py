"""Checkouts of their own: what an operator deploys and commands from, wherever it lies."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from deploy.folders import ROOT


def checkout(folder: Path, root: Path = ROOT) -> Path:
    """What is deployed, copied below a folder, so that nothing changes under a second deployment.

    Without the canaries, as on a local stack.
    """
    copy = folder / "checkout"
    ignored = shutil.ignore_patterns("__pycache__", ".terraform", "*canary.yaml")
    for name in ("src", "terraform", "contracts"):
        shutil.copytree(root / name, copy / name, ignore=ignored)
    for lock in root.glob("requirements*.lock"):
        shutil.copy(lock, copy)
    (copy / "docs").mkdir()
    shutil.copytree(root / "docs/cost", copy / "docs/cost")  # what a change of contracts will take is told by it
    return copy


def checkout_elsewhere(folder: Path, root: Path = ROOT) -> Path:
    """Somebody else's, in which nothing was built: under another umask, and older than anything."""
    before = os.umask(0o077)
    try:
        copy = checkout(folder, root)
    finally:
        os.umask(before)
    for file in copy.rglob("*"):
        os.utime(file, (0, 0))
    return copy
