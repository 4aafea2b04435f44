"""Zips of code and layers, unpacked once for their content and shared by every execution environment that uses them."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import shutil
import tempfile
import time
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock

KEPT_DAYS = 14

_unpacking = Lock()


def unpacked(zips: Sequence[bytes], folder: Path) -> Path:
    """The folder below ``folder`` with the zips' files, a later zip's over an earlier's, as Lambda merges layers.

    Whole or not there; processes that unpack the same at once end with the same folder. A file's time of change is its
    checksum, so that compiled code kept for its path is never used for other content. What nobody has asked for in
    :data:`KEPT_DAYS` goes.
    """
    name = hashlib.sha256(b"".join(_digest(content) for content in zips)).hexdigest()[:24]
    target = folder / name
    with _unpacking:
        if not target.is_dir():
            _forget_unused(folder)
            _unpack(zips, target)
        os.utime(target)
    return target


def remove(tree: Path) -> None:
    """Remove an unpacked folder, at once for whoever looks for it."""
    gone = Path(tempfile.mkdtemp(dir=tree.parent)) / tree.name
    tree.rename(gone)
    shutil.rmtree(gone.parent, ignore_errors=True)


def fingerprint(tree: Path) -> int:
    """Hash of every name, size and time of change below a folder; a file's content cannot change without it."""
    return hash(frozenset(_entries(str(tree))))


@functools.lru_cache(maxsize=64)  # bytes keep their own hash, and the same object is asked for again and again
def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


def _unpack(zips: Sequence[bytes], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=target.parent))
    try:
        for content in zips:
            with zipfile.ZipFile(io.BytesIO(content)) as package:
                for entry in package.infolist():
                    extracted = package.extract(entry, unfinished)
                    if not entry.is_dir():
                        os.utime(extracted, (entry.CRC, entry.CRC))
                        Path(extracted).chmod((entry.external_attr >> 16) & 0o777 or 0o644)
        unfinished.chmod(0o755)
        unfinished.rename(target)
    except OSError:
        if not target.is_dir():  # else another process was quicker
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _forget_unused(folder: Path) -> None:
    oldest = time.time() - KEPT_DAYS * 86_400
    for tree in list(folder.glob("*")):
        if tree.stat().st_mtime < oldest:
            shutil.rmtree(tree, ignore_errors=True)


def _entries(folder: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            state = entry.stat(follow_symlinks=False)
            if entry.is_dir(follow_symlinks=False):
                yield entry.path, 0, 0
                yield from _entries(entry.path)
            else:
                yield entry.path, state.st_size, state.st_ctime_ns
