"""The built wheel, installed in an environment of its own that borrows what it depends on from the one of the tests."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import pyarrow  # its folder is where the dependencies are

from deploy.folders import ROOT

PACKED = ("src", "terraform", "contracts", "docs/cost", "README.md", "pyproject.toml", "setup.py", "MANIFEST.in")


def run(*command: str | Path, **settings: Any) -> str:
    """What a command prints; it has to end well."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def install_wheel(folder: Path) -> Path:
    """Build the wheel from a copy of the sources, and install it below a folder: the environment's ``bin``."""
    copy = folder / "checkout"
    for name in PACKED:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        run("cp", "-r", ROOT / name, copy / name)
    for file in ROOT.glob("requirements*"):
        run("cp", file, copy)
    build = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    run(sys.executable, "-c", build, folder, cwd=copy)
    (wheel,) = folder.glob("*.whl")
    own = folder / "environment"
    venv.create(own, with_pip=False)
    python = own / "bin" / "python"
    options = ["--quiet", "--no-index", "--no-deps", "--no-compile", "--disable-pip-version-check"]
    run(sys.executable, "-m", "pip", "--python", python, "install", *options, wheel)
    (site,) = own.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(str(Path(pyarrow.__file__).parents[1]))
    return own / "bin"
