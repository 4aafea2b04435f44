"""Memory of the functions' processes: measured while they work, and ended where it is more than Terraform sets.

Lambda's micro-VM ends a process that needs more than the function has. Here its resident set is read twenty times a
second while an invocation runs and, since a peak may be shorter than that, the kernel's own high-water mark at the end.
The limit of an address space (``RLIMIT_AS``) cannot serve: Arrow's allocator reserves what it never touches.
"""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import psutil

SECONDS = 0.05
MIB = 1 << 20
PAGE = resource.getpagesize()


class Watched(Protocol):
    """An environment: the process that it has now, if any, and the bytes that it may take."""

    memory_limit: int

    @property
    def pid(self) -> int | None: ...

    def kill(self, used: int) -> None: ...


class MemoryWatch:
    """Ends what takes too much, in one thread that runs while anything is watched."""

    def __init__(self) -> None:
        self._watched: set[Watched] = set()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    @contextmanager
    def over(self, environment: Watched) -> Iterator[None]:
        with self._changed:
            self._watched.add(environment)
            self._changed.notify()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True, name="memory of functions")
                self._thread.start()
        try:
            yield
        finally:
            with self._changed:
                self._watched.discard(environment)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._watched)
                watched = list(self._watched)
            for environment in watched:
                used = resident(environment.pid)
                if used > environment.memory_limit:
                    environment.kill(used)
            time.sleep(SECONDS)


def resident(pid: int | None, *, peak: bool = False) -> int:
    """Bytes that a process has in memory, or had at most where the system keeps that; 0 for one that has ended."""
    if pid is None:
        return 0
    try:
        return _peak(pid) if peak else _now(pid)
    except OSError:
        return _resident_elsewhere(pid)


def _now(pid: int) -> int:
    """By the shortest of the kernel's files, unbuffered: the emulator reads it all the time."""
    with open(f"/proc/{pid}/statm", "rb", buffering=0) as file:  # noqa: PTH123  # a path's own costs as much again
        return int(file.read().split()[1]) * PAGE


def _peak(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) * 1024 if lines else 0


def _resident_elsewhere(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
