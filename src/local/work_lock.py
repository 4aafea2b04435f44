"""One at a time: who starts, changes or ends a stack holds a lock beside its folder, and says in it who it is."""

from __future__ import annotations

import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from core.errors import OutOfReach

_POLL_SECONDS = 0.1


@contextmanager
def only_worker(folder: Path, operation: str) -> Iterator[None]:
    """Hold the lock of a stack's folder. The kernel gives it back however the holder ends.

    Raises ``OutOfReach`` naming the process that holds it.
    """
    with _lock_file(folder).open("a+", encoding="utf-8") as lock:
        if not _taken(lock):
            problem = f"process {_holder(lock) or 'of another'} is starting, changing or ending it"
            raise OutOfReach(operation, str(folder), problem, "Wait for its end, or end all of it: starmend down")
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def was_worked_on(folder: Path) -> bool:
    """Whether a stack was ever started in this folder: its lock stays. What lies in another is somebody else's."""
    return folder.with_suffix(".lock").exists()


def end_worker(folder: Path, *, within: float = 60) -> None:
    """End the process that is at work on this stack, if one is: by SIGTERM, then by SIGKILL."""
    with _lock_file(folder).open("a+", encoding="utf-8") as lock:
        for number, seconds in ((signal.SIGTERM, within), (signal.SIGKILL, _POLL_SECONDS * 50)):
            if _taken(lock):
                return
            if holder := _holder(lock):
                with suppress(ProcessLookupError):
                    os.kill(holder, number)
            deadline = time.monotonic() + seconds
            while not _taken(lock):
                if time.monotonic() > deadline:
                    break
                time.sleep(_POLL_SECONDS)
            else:
                return
    raise OutOfReach("stop", str(folder), "whoever is at work on it does not end", "Look for it: starmend")


def _lock_file(folder: Path) -> Path:
    folder.parent.mkdir(parents=True, exist_ok=True)
    return folder.with_suffix(".lock")


def _taken(lock: IO[str]) -> bool:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _holder(lock: IO[str]) -> int | None:
    """The process that the holder said it is; it holds the lock still, so that the id is nobody else's."""
    lock.seek(0)
    text = lock.read().strip()
    return int(text) if text.isdigit() else None
