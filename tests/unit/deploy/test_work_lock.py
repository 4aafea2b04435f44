"""The lock of a folder in which one command works at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.errors import OutOfReach
from deploy.work_lock import alone_in

SOURCES = Path(__file__).parents[3] / "src"
HOLDER = """
import sys
from pathlib import Path
from deploy.work_lock import alone_in
with alone_in(Path(sys.argv[1]), "deploy destroy"):
    print("at work", flush=True)
    sys.stdin.read()
"""


def test_another_process_is_named_with_what_it_does_and_gives_the_folder_back_when_it_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path / "dev")],
        env={**os.environ, "PYTHONPATH": str(SOURCES)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"at work\n"
        named = rf"deploy apply: .*dev: process {other.pid} \(deploy destroy\) is at work in it\. Wait"
        with pytest.raises(OutOfReach, match=named), alone_in(tmp_path / "dev", "deploy apply"):
            pytest.fail("two are alone")
        other.kill()
    for _ in range(2):
        with alone_in(tmp_path / "dev", "deploy apply"):
            assert (tmp_path / "dev/lock").read_text(encoding="utf-8") == f"{os.getpid()} deploy apply"
