"""One at a time: who starts, changes or ends a stack holds a lock beside its folder, and says in it who it is."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from core.errors import OutOfReach
from deploy.work_lock import holder, holding, is_taken

_POLL_SECONDS = 0.1


@contextmanager
def only_worker(folder: Path, operation: str) -> Iterator[None]:
    """Hold the lock of a stack's folder. The kernel gives it back however the holder ends.

    Raises ``OutOfReach`` naming the process that holds it.
    """
    remedy = "Wait for its end, or end all of it: starmend down"
    with holding(_lock_file(folder), operation, folder, doing="is starting, changing or ending it", remedy=remedy):
        yield


def was_worked_on(folder: Path) -> bool:
    """Whether a stack was ever started in this folder: its lock stays. What lies in another is somebody else's."""
    return folder.with_suffix(".lock").exists()


def end_worker(folder: Path, *, within: float = 60) -> None:
    """End the process that is at work on this stack, if one is: by SIGTERM, then by SIGKILL."""
    with _lock_file(folder).open("a+", encoding="utf-8") as lock:
        for number, seconds in ((signal.SIGTERM, within), (signal.SIGKILL, _POLL_SECONDS * 50)):
            if is_taken(lock):
                return
            if process := holder(lock):
                with suppress(ProcessLookupError):
                    os.kill(process, number)
            deadline = time.monotonic() + seconds
            while not is_taken(lock):
                if time.monotonic() > deadline:
                    break
                time.sleep(_POLL_SECONDS)
            else:
                return
    raise OutOfReach("stop", str(folder), "whoever is at work on it does not end", "Look for it: starmend")


def _lock_file(folder: Path) -> Path:
    folder.parent.mkdir(parents=True, exist_ok=True)
    return folder.with_suffix(".lock")
