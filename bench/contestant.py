"""A contestant's process: ``python -m bench.contestant ORDER``, then a line on stdin for every run.

The cores are fixed before anything else is imported, so that no library counts more threads than it may use. What the
contestant prints goes to stderr; stdout carries one JSON line for every answer.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

_MB = 1 << 20


def serve(order: dict[str, Any], orders: TextIO, answers: TextIO) -> None:
    os.sched_setaffinity(0, order["cores"])
    module, _, name = order["target"].partition(":")
    prepare = getattr(importlib.import_module(module), name)
    run = prepare(**order["arguments"], threads=order["threads"])
    _answer(answers, ready=True)
    for line in orders:
        what, _, path = line.strip().partition(" ")
        if what == "time":
            _answer(answers, **timed(run))
        elif what == "first":
            _answer(answers, **first(run, save_to=path))


def first(run: Callable[[], Any], *, save_to: str) -> dict[str, float]:
    """The first run: its milliseconds, and megabytes of resident memory at its peak above those before it."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the kernel counts the peak (VmHWM) anew from here
    before = _resident("VmRSS")
    start = time.perf_counter_ns()
    result = run()
    elapsed = time.perf_counter_ns() - start
    peak = _resident("VmHWM")
    if save_to:
        Path(save_to).write_bytes(result.read_bytes() if isinstance(result, Path) else result)
    return {"ms": elapsed / 1e6, "mb": max(peak - before, 0) / _MB}


def timed(run: Callable[[], Any]) -> dict[str, float]:
    """Milliseconds of one run, and of all cores together while it ran (which other programs disturb less), those of
    programs that it started and waited for too."""
    gc.collect()
    start, busy = time.perf_counter_ns(), _busy_ns()
    result = run()
    elapsed, busy = time.perf_counter_ns() - start, _busy_ns() - busy
    del result
    return {"ms": elapsed / 1e6, "cpu": busy / 1e6}


def _busy_ns() -> int:
    ended = os.times()
    return time.process_time_ns() + int((ended.children_user + ended.children_system) * 1e9)


def _resident(which: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{which}:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"/proc/self/status has no {which}")


def _answer(answers: TextIO, **content: Any) -> None:
    answers.write(json.dumps(content) + "\n")
    answers.flush()


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    serve(json.loads(sys.argv[1]), sys.stdin, answers)


if __name__ == "__main__":
    main()
