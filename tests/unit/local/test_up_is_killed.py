"""A start that is killed in its middle leaves processes; `down` ends them all, and a second start touches none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from core.errors import OutOfReach
from deploy.folders import SOURCES
from local.processes import end_below, processes_below
from local.provisioning import Plan
from local.stack import Stack, down, is_up

pytestmark = [pytest.mark.emulator, pytest.mark.database]

# A real start, whose Terraform is a process that never ends; nothing is packed, for nothing is deployed.
START = """
import subprocess, sys
from pathlib import Path
from local import stack
from local.processes import marked
from local.provisioning import Packed, Plan

def apply(folder, emulator, terraform, variables, *, say):
    subprocess.Popen(["sleep", "600"], env=marked(folder / "terraform"), start_new_session=True)
    print("applying", flush=True)
    sys.stdin.read()

stack.apply = apply
stack.initialise = lambda folder, emulator: None
stack.pack = lambda folder, contracts, say: Packed(folder, {})
stack.Stack.up(Path(sys.argv[1]), Plan(sales_orders=1), detached=True)
"""


@dataclass(frozen=True)
class Starting:
    build: Path
    process: subprocess.Popen[bytes]

    @property
    def folder(self) -> Path:
        return self.build / "local"


@pytest.fixture
def starting(tmp_path: Path) -> Iterator[Starting]:
    """A start that has come as far as its Terraform."""
    command = [sys.executable, "-c", START, str(tmp_path / "build")]
    environment = {**os.environ, "PYTHONPATH": str(SOURCES)}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"applying\n"
        yield Starting(tmp_path / "build", process)
        process.kill()
    end_below(tmp_path)


def remove(folder: Path) -> None:
    """Remove the folder under those who write to it."""
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def kinds(folder: Path) -> set[str]:
    """Which parts have processes, by the folder that each was marked with."""
    return {Path(process.environ()["STARMEND_LOCAL_FOLDER"]).name for process in processes_below(folder)}


def test_whatever_is_left_of_it_is_ended_and_no_second_start_touches_it(starting: Starting) -> None:
    with pytest.raises(OutOfReach, match=rf"process {starting.process.pid} \(start the stack\) is starting"):
        Stack.up(starting.build, Plan())
    starting.process.kill()
    starting.process.wait()
    files = {path.name for path in starting.folder.iterdir()}
    with pytest.raises(OutOfReach, match=r"one runs there already: .*starmend down"):
        Stack.up(starting.build, Plan())
    assert not is_up(starting.build)
    assert kinds(starting.folder) == {"emulator", "database", "market", "terraform"}
    assert {path.name for path in starting.folder.iterdir()} == files
    pids = [process.pid for process in processes_below(starting.folder)]
    (starting.folder / "emulator/emulator.json").write_text('{"pid": ')
    remove(starting.folder / "database")
    # At least those of the other parts: the server's workers come and go, and without its folder it ends by itself.
    assert down(starting.build) >= len({"emulator", "market", "terraform"})
    assert not any(psutil.pid_exists(pid) for pid in pids)
    assert not starting.folder.exists()


def test_ending_it_while_it_starts_ends_the_start_too(starting: Starting) -> None:
    remove(starting.folder)
    down(starting.build)
    assert starting.process.wait(timeout=120) != 0
    assert processes_below(starting.folder) == []
    assert not starting.folder.exists()
    down(starting.build)  # again: nothing happens
