"""The program of an execution environment, asked what it can do on this machine."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from local.emulator.execution.python import BOOTSTRAP, ISOLATED, function_python

SYSTEMS = "/usr/bin/python3"  # which every user may run, wherever the functions' Python lies


def probe(executable: str, program: str, folder: Path, **more: int) -> dict[str, str]:
    command = [executable, *ISOLATED, program, "--probe", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, **more)  # type: ignore[call-overload]
    return dict(json.loads(done.stdout))


def test_a_python_says_what_it_is_and_leaves_the_machine_as_it_was(tmp_path: Path) -> None:
    told = probe(function_python().executable, BOOTSTRAP, tmp_path / "probe")
    assert told == vars(function_python())
    assert [list(folder.iterdir()) for folder in sorted((tmp_path / "probe").iterdir())] == [[], []]


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(not Path(SYSTEMS).exists(), reason="no Python that every user may run")
def test_who_is_not_root_is_shut_in_too(tmp_path: Path) -> None:
    program = Path("/tmp") / f"{tmp_path.parent.name}-{os.getpid()}" / "bootstrap.py"
    program.parent.mkdir()
    try:
        shutil.copy(BOOTSTRAP, program)
        os.chown(program.parent, 65534, 65534)
        told = probe(SYSTEMS, str(program), program.parent / "probe", user=65534, group=65534)
    finally:
        shutil.rmtree(program.parent)
    if not told["open_because"].endswith("gives a process no namespace of its own"):  # where only root may have one
        assert told["open_because"] == ""


def test_what_cannot_be_shut_in_says_why(tmp_path: Path) -> None:
    (tmp_path / "bootstrap.py").write_text(Path(BOOTSTRAP).read_text(encoding="utf-8").replace('"/dev"', '"/nowhere"'))
    told = probe(function_python().executable, str(tmp_path / "bootstrap.py"), tmp_path / "probe")
    if not function_python().open_because:
        assert told["open_because"].startswith("FileNotFoundError: [Errno 2] mount /nowhere/null at ")
