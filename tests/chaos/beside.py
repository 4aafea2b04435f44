"""Runs beside one another, each in a process of its own, for a machine has more than one core.

What measures times has the machine to itself, after the others. A run that takes longer than its budget is ended, and
that it was is its fault.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (sys.executable, "-m", "tests.chaos")
Entry = dict[str, Any]
MINUTES = 30  # of a run that is not named below
BUDGETS = {
    "contract_changes": 45,
    "feeds": 40,
    "freshness": 110,
    "fuzz": 75,
    "long_tests": 90,
    "mirror_engines": 45,
    "shuffled_rebuild": 45,
}  # of the clock, beside others
ALONE = ("load", "page_at_scale", "mirror_snapshots")  # what they measure is the machine's
FIRST = ("freshness", "long_tests", "fuzz", "contract_changes")  # the longest ones: none is the last
GRACE = 120.0  # seconds to stop a stack in


@dataclass(frozen=True)
class Command:
    """How a run is started in a process: the ``program`` with its name, its file and the other ``arguments``."""

    arguments: Sequence[str]
    folder: Path
    minutes: Callable[[str], float] = lambda name: BUDGETS.get(name, MINUTES)
    program: Sequence[str] = PROGRAM

    def __call__(self, name: str) -> Entry:
        """Carry out a run; its lines are passed on under its name. Returns its entry, whatever became of it."""
        file = self.folder / f"{name}.json"
        command = [*self.program, "--only", name, "--file", str(file), *self.arguments]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        said: list[str] = []
        listener = threading.Thread(target=_pass_on, args=(name, process, said), daemon=True)
        listener.start()
        minutes = self.minutes(name)
        over = ""
        try:
            process.wait(minutes * 60)
        except subprocess.TimeoutExpired:
            over = f"did not end within {minutes:g} minutes"
            _end(process)
        listener.join(GRACE)
        entries = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        entry: Entry = entries.get(name, {"faults": 0})
        if not over and name not in entries:
            over = f"ended with {process.returncode}: {''.join(said[-1:])[:300]}"
        if over:
            entry = {**entry, "faults": entry["faults"] + 1, "first_faults": [over, *entry.get("first_faults", ())]}
        return entry


def carry_out_beside(names: Sequence[str], run: Callable[[str], Entry], *, jobs: int) -> Iterator[tuple[str, Entry]]:
    """Carry out runs, so many at once and then those that must be alone; each with its entry as it ends."""
    first = [name for name in FIRST if name in names]
    together = [*first, *(name for name in names if name not in (*first, *ALONE))]
    for chosen, at_once in ((together, jobs), ([name for name in names if name in ALONE], 1)):
        with ThreadPoolExecutor(at_once) as pool:
            running = {pool.submit(run, name): name for name in chosen}
            for ended in as_completed(running):
                yield running[ended], ended.result()


def _pass_on(name: str, process: subprocess.Popen[str], said: list[str]) -> None:
    for line in process.stderr or ():
        said.append(line.strip())
        if line.startswith("  ") and not line.startswith("  File"):  # its progress
            print(f"  {name}: {line.strip()}", file=sys.stderr, flush=True)  # noqa: T201


def _end(process: subprocess.Popen[str]) -> None:
    """As if somebody had pressed Ctrl-C, so that what it started is stopped; and where that does not help, at once."""
    below = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for child in below:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
