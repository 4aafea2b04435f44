"""One at a time: who works in a folder holds a lock of it, and says in the lock's file who it is."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from core.errors import OutOfReach


@contextmanager
def alone_in(folder: Path, operation: str) -> Iterator[None]:
    """Have a folder of what is built for this command alone, until it and the Terraform that it began have ended.

    Raises ``OutOfReach`` naming the process that has it: what one command plans, packages and asks about, another
    would write over, and it would be carried out unseen.
    """
    folder.mkdir(parents=True, exist_ok=True)
    remedy = "Wait for its end and that of the Terraform that it began, answer what it asks, or end it"
    with holding(folder / "lock", operation, folder, doing="is at work in it", remedy=remedy, inherited=True):
        yield


@contextmanager
def holding(
    file: Path, operation: str, place: Path, *, doing: str, remedy: str, inherited: bool = False
) -> Iterator[None]:
    """Hold the lock of a place. The kernel gives it back however the holder ends.

    Where it is ``inherited``, children whose descriptors are not closed (``close_fds=False``) hold it too, until the
    last of all has ended.

    Raises ``OutOfReach`` naming the process that holds it and what it was called to do.
    """
    with file.open("a+", encoding="utf-8") as lock:
        if not is_taken(lock):
            problem = f"process {holder_in_words(lock) or 'of another'} {doing}"
            raise OutOfReach(operation, str(place), problem, remedy)
        lock.truncate(0)
        lock.write(f"{os.getpid()} {operation}")
        lock.flush()
        os.set_inheritable(lock.fileno(), inherited)
        yield


def is_taken(lock: IO[str]) -> bool:
    """Take the lock of an open file; whether nobody else has it."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def holder(lock: IO[str]) -> int | None:
    """The process that the holder said it is; it holds the lock still, so that the id is nobody else's."""
    number, _ = _said(lock)
    return int(number) if number.isdigit() else None


def holder_in_words(lock: IO[str]) -> str:
    """``4711 (deploy apply)``; empty where the holder has not said yet who it is."""
    number, operation = _said(lock)
    return f"{number} ({operation})" if operation else number


def _said(lock: IO[str]) -> tuple[str, str]:
    lock.seek(0)
    number, _, operation = lock.read().strip().partition(" ")
    return number, operation
