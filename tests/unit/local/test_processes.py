"""Processes of a folder are found and ended by their mark, whatever became of the files that tell of them."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from core.errors import OutOfReach
from local.child import Child
from local.processes import end_below, marked, processes_below
from local.work_lock import end_worker, only_worker

MODULE = """
import argparse, pathlib, signal, subprocess, sys
from local.child import Daemon

parser = argparse.ArgumentParser()
parser.add_argument("--state", type=pathlib.Path)
parser.add_argument("--deaf", action="store_true")
options = parser.parse_args()
daemon = Daemon(options.state, None)
if options.deaf:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
worker = subprocess.Popen(["sleep", "600"], start_new_session=True)
daemon.announce({"worker": worker.pid})
daemon.wait()
"""
DAMAGES: dict[str, Callable[[Path, random.Random], object]] = {
    "nothing": lambda _, __: None,
    "the folder is gone": lambda folder, _: shutil.rmtree(folder),
    "its state is gone": lambda folder, _: (folder / "child.json").unlink(),
    "its lock is gone": lambda folder, _: (folder / "child.lock").unlink(),
    "its state is half-written": lambda folder, draw: _cut(folder / "child.json", draw),
    "its state names another process": lambda folder, _: (folder / "child.json").write_text(
        '{"pid": 1, "facts": {}}'
    ),
}  # fmt: skip


def _cut(file: Path, draw: random.Random) -> None:
    text = file.read_bytes()
    file.write_bytes(text[: draw.randrange(len(text))])


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "child_with_a_worker.py").write_text(MODULE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    yield tmp_path / "build"
    end_below(tmp_path)


def start(folder: Path, *arguments: str) -> set[int]:
    child = Child.start("child_with_a_worker", arguments, state=folder / "child.json", detached=True)
    return {child.pid, child.facts["worker"]}


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE}


@pytest.mark.parametrize(("number", "damage"), enumerate(DAMAGES))
def test_all_of_a_folder_end_and_a_neighbour_stays(build: Path, number: int, damage: str) -> None:
    mine, neighbour = start(build / "local/part"), start(build / "local-too")
    killed = number % 2 and min(mine)  # the one that started the other, so that nobody is left to end that
    if killed:
        gone = psutil.Process(killed)
        gone.kill()
        psutil.wait_procs([gone], timeout=20)
    DAMAGES[damage](build / "local/part", random.Random(number))
    assert end_below(build / "local") == len(mine) - bool(killed)
    assert (alive(mine), alive(neighbour)) == (set(), neighbour)


def test_what_is_deaf_to_the_first_signal_is_killed(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.processes._TERM_SECONDS", 0.2)
    pids = start(build / "local", "--deaf")
    assert {process.pid for process in processes_below(build / "local")} == pids
    end_below(build / "local")
    assert alive(pids) == set()


@pytest.mark.parametrize("text", ["", "{", '{"pid": 12', "[]", '{"facts": {}}', "null"])
def test_a_state_that_is_not_whole_is_nothing_to_attach_to(build: Path, text: str) -> None:
    start(build)
    (build / "child.json").write_text(text)
    with pytest.raises(OutOfReach, match="is not whole"):
        Child.attach(build / "child.json")


def test_a_process_that_was_just_started_is_found(tmp_path: Path) -> None:
    for _ in range(20):  # of some, the kernel shows the environment only a moment later
        process = subprocess.Popen(["sleep", "600"], env={**os.environ, **marked(tmp_path)})
        try:
            assert [each.pid for each in processes_below(tmp_path)] == [process.pid]
        finally:
            process.kill()
            process.wait()


def test_a_mark_is_inherited_and_this_process_is_never_found(tmp_path: Path) -> None:
    inner = "import subprocess; subprocess.run(['sleep', '600'])"
    with subprocess.Popen([sys.executable, "-c", inner], env={**os.environ, **marked(tmp_path)}) as process:
        while len(processes_below(tmp_path)) < 2:
            assert process.poll() is None
        assert end_below(tmp_path) == 2
    assert processes_below(tmp_path) == []


# ---------------------------------------------------------------- one at a time

HOLDER = """
import sys, time
from pathlib import Path
from local.work_lock import only_worker
with only_worker(Path(sys.argv[1]), "start"):
    print("at work", flush=True)
    time.sleep(600)
"""


def holder(folder: Path, source: str = HOLDER) -> subprocess.Popen[bytes]:
    path = str(Path(__file__).parents[3] / "src")
    command = [sys.executable, "-c", source, str(folder)]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"at work\n"
    process.stdout.close()
    return process


def test_a_second_worker_is_refused_by_name_and_may_work_once_the_first_is_killed(tmp_path: Path) -> None:
    first = holder(tmp_path / "local")
    with (
        pytest.raises(OutOfReach, match=rf"process {first.pid} \(start\) is starting.*starmend down"),
        only_worker(tmp_path / "local", "start"),
    ):
        pass
    first.kill()
    first.wait()
    with only_worker(tmp_path / "local", "start"):
        pass


def test_the_worker_is_ended_also_where_it_does_not_listen(tmp_path: Path) -> None:
    end_worker(tmp_path / "local")  # there is none
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    for source, within, code in ((HOLDER, 60, -signal.SIGTERM), (deaf + HOLDER, 0.3, -signal.SIGKILL)):
        process = holder(tmp_path / "local", source)
        end_worker(tmp_path / "local", within=within)
        assert process.wait(timeout=60) == code
