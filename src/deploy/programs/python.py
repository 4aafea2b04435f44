"""Interpreters of the machine, by version."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path


def find_python(version: str) -> Path | None:
    """An interpreter of a version such as ``3.12``: the running one, on the path, of pyenv or uv; None: it has none."""
    return next((python for python in _candidates(version) if _is(python, version)), None)


def _candidates(version: str) -> Iterator[Path]:
    if f"{sys.version_info.major}.{sys.version_info.minor}" == version:
        yield Path(sys.executable)
    if on_path := shutil.which(f"python{version}"):
        yield Path(on_path)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python{version}"), reverse=True)
    if uv := shutil.which("uv"):
        done = subprocess.run([uv, "python", "find", "--offline", version], capture_output=True, text=True)
        if done.returncode == 0:
            yield Path(done.stdout.strip())


def _is(python: Path, version: str) -> bool:
    """Whether it runs at all and is of that version; pyenv leaves names on the path that run nothing."""
    show = "import sys; print(f'{sys.version_info[0]}.{sys.version_info[1]}')"
    try:
        done = subprocess.run([python, "-I", "-S", "-c", show], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() == version
