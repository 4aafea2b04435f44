"""Freed memory: it stays with the process, for the next block of lines needs as much again, until it is given back."""

from __future__ import annotations

import ctypes

import pyarrow as pa

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # parameters of mallopt(3), glibc
_KEPT_BYTES = 32 << 20  # far more than a block and its rows need
_LARGE_BYTES = 32 << 20  # the most that glibc takes; what is larger goes back to the system at once


def keep_freed_memory() -> bool:
    """Let the C library keep some megabytes of what is freed, instead of giving each array back and asking again.

    For a process that parses block after block: a seventh of a transform's time was spent on pages that the system took
    and gave. False where the C library is not glibc (then nothing changes).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return all([mallopt(_MMAP_THRESHOLD, _LARGE_BYTES), mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)])


def give_memory_back() -> None:
    """Give freed memory to the system now: what the blocks needed, when something large is about to be made of them."""
    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
