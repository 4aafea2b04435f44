"""The processes of a folder, found by a mark that each has in its environment from its start on.

State files say where the parts of a stack are; they may be gone, half-written, or not written yet when something ended
their writer. The mark is where the process is. What a marked process starts inherits it.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from core.errors import OutOfReach

MARK = "STARMEND_LOCAL_FOLDER"
_TERM_SECONDS = 10  # PostgreSQL ends its sessions and gives its shared memory back
_KILL_SECONDS = 5
_ROUNDS = 3
_TAKEN_OVER_SECONDS, _GLANCE_SECONDS = 1.0, 0.002
_KERNEL = 2  # the process that all threads of the kernel descend from


def marked(folder: Path) -> dict[str, str]:
    """The variable that a process of this folder is started with."""
    return {MARK: str(folder.resolve())}


def processes_below(folder: Path) -> list[psutil.Process]:
    """The live processes that were marked with this folder or one below it; this process is none of them.

    Those of other users, whose environment nobody else may read, are not seen.
    """
    return sorted(_below(folder.resolve()), key=lambda process: int(process.pid))


def _below(folder: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            mark = _environment(process).get(MARK)
            alive = process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            continue
        if mark and alive and process.pid != os.getpid() and Path(mark).is_relative_to(folder):
            yield process


def _environment(process: psutil.Process) -> dict[str, str]:
    """The environment of a process, waited for where a program has only just taken the process over.

    Such a program shows neither arguments nor environment yet, and nobody would find it by its mark. Threads of the
    kernel never have any.
    """
    until = time.monotonic() + _TAKEN_OVER_SECONDS
    environment: dict[str, str] = process.environ()
    while not environment and not process.cmdline() and _is_program(process) and time.monotonic() < until:
        time.sleep(_GLANCE_SECONDS)
        environment = process.environ()
    return environment


def _is_program(process: psutil.Process) -> bool:
    return _KERNEL not in (process.pid, process.ppid()) and process.status() != psutil.STATUS_ZOMBIE


def end_below(folder: Path) -> int:
    """End every process of this folder, whatever became of its files; how many there were.

    Raises ``OutOfReach`` with the ids of those that outlive SIGKILL.
    """
    running = processes_below(folder)
    count = len(running)
    _signal(running, signal.SIGTERM, within=_TERM_SECONDS)
    for _ in range(_ROUNDS):  # what is killed may just have started another
        if not (running := processes_below(folder)):
            return count
        _signal(running, signal.SIGKILL, within=_KILL_SECONDS)
    raise OutOfReach("stop", str(folder), f"alive after SIGKILL: {described(running)}", "End them, then try again")


def _signal(processes: Sequence[psutil.Process], number: signal.Signals, *, within: float) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)
    psutil.wait_procs(processes, timeout=within)


def described(processes: Sequence[psutil.Process]) -> str:
    """The processes for people: ``postgres (123), python (124)``."""
    names = []
    for process in processes:
        try:
            names.append(f"{process.name()} ({process.pid})")
        except psutil.Error:
            continue
    return ", ".join(names)
