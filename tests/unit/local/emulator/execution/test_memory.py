"""Memory of a process, and the watch over it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

from local.emulator.execution.memory import MIB, MemoryWatch, resident


def test_a_process_that_has_ended_has_no_memory() -> None:
    ended = subprocess.Popen([sys.executable, "-I", "-S", "-c", ""])
    ended.wait()
    assert (resident(ended.pid), resident(None), resident(ended.pid, peak=True)) == (0, 0, 0)


def test_the_peak_is_kept_after_the_memory_is_given_back() -> None:
    code = "x = b'x' * (200 << 20); x = None; print(flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    process.stdout.readline()
    now, peak = resident(process.pid), resident(process.pid, peak=True)
    process.communicate("\n")
    assert now < 100 * MIB < 200 * MIB < peak


class Watched:
    pid = os.getpid()

    def __init__(self, memory_limit: int) -> None:
        self.memory_limit = memory_limit
        self.ended = threading.Event()
        self.used = 0

    def kill(self, used: int) -> None:
        self.used = used
        self.ended.set()


def test_only_what_takes_too_much_while_it_is_watched_is_ended() -> None:
    watch, greedy, modest, unwatched = MemoryWatch(), Watched(MIB), Watched(1 << 50), Watched(MIB)
    with watch.over(unwatched):
        assert unwatched.ended.wait(60)
    unwatched.ended.clear()
    with watch.over(modest), watch.over(greedy):
        assert greedy.ended.wait(60)
        greedy.ended.clear()
        assert greedy.ended.wait(60)  # a second look: all that is watched has been looked at since
    assert greedy.used > MIB
    assert not modest.ended.is_set()
    assert not unwatched.ended.is_set()
