"""Contestants take turns: every one in a process of its own, warm, on as many cores as the measure names."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.options import Options
from bench.record import Record

OURS, FLOOR = "ours", "floor"
HOPELESS = 3
SHORT_MS = 1_000
ROOT = Path(__file__).resolve().parents[1]
_THREADS = ("OMP_NUM_THREADS", "ARROW_IO_THREADS", "POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Contestant:
    """``ours``, ``floor`` or a peer's name, and the ``"module:function"`` that sets it up (see ``bench``).

    One that is not ``compared`` gives no rows (the floor of a transform), ``once`` has a single turn, cold, and a
    ``slow`` one is left out of a quick run.
    """

    name: str
    target: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    compared: bool = True
    once: bool = False
    slow: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """Milliseconds of every turn, peak megabytes of the first run in a fresh process, and the cores' median time.

    ``server_ms`` is the cores' median time for the server that all of them ask, where they ask one.
    """

    turns: Mapping[str, Sequence[float]]
    peak_mb: Mapping[str, float]
    cpu_ms: Mapping[str, float]
    server_ms: Mapping[str, float] = field(default_factory=dict)

    def median(self, name: str) -> float:
        return statistics.median(self.turns[name])

    def without(self, name: str) -> Result:
        """The others: for a figure that is told apart from them."""

        def of_others(figures: Mapping[str, Any]) -> dict[str, Any]:
            return {other: figure for other, figure in figures.items() if other != name}

        return Result(*map(of_others, (self.turns, self.peak_mb, self.cpu_ms, self.server_ms)))

    def record(self, name: str, **details: Any) -> Record:
        """The contestants called ``ours`` and ``floor`` are what they are called, all others are peers."""
        peers = {turn: self.median(turn) for turn in self.turns if turn not in (OURS, FLOOR)}
        return Record.of_times(
            name,
            self.median(OURS),
            peers=peers,
            floor=self.median(FLOOR) if FLOOR in self.turns else None,
            peak_mb=self.peak_mb.get(OURS),
            details={
                "peak_mb": {name: round(peak, 1) for name, peak in self.peak_mb.items()},
                "cpu_ms": {name: round(busy, 3) for name, busy in self.cpu_ms.items()},
                **(
                    {"server_ms": {name: round(busy) for name, busy in self.server_ms.items()}}
                    if self.server_ms
                    else {}
                ),
                "turns": {name: len(times) for name, times in self.turns.items()},
                "fastest": {name: round(min(times), 3) for name, times in self.turns.items()},
                **details,
            },
        )


class Runner:
    """A contestant's process. Ends with the ``with`` block, whatever happens in it."""

    def __init__(self, contestant: Contestant, *, threads: int, server: int = 0) -> None:
        cores = sorted(os.sched_getaffinity(0))[-threads:]
        order = {
            "target": contestant.target,
            "arguments": dict(contestant.arguments),
            "threads": threads,
            "cores": cores,
        }
        environment = os.environ | dict.fromkeys(_THREADS, str(threads)) | dict(contestant.environment)
        self.name = contestant.name
        self.cpu: list[float] = []
        self.server: list[float] = []
        self._server = server
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.contestant", json.dumps(order)],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._answer()

    def first(self, save_to: Path | None = None) -> tuple[float, float]:
        """Do the work for the first time, keep its result (bytes) if told where; milliseconds, and megabytes of memory
        at the peak above those before the work began."""
        self._order("first" if save_to is None else f"first {save_to}")
        answer = self._answer()
        return float(answer["ms"]), float(answer["mb"])

    def time(self) -> float:
        """Do the work once; milliseconds."""
        before = _settled_time(self._server)
        self.begin()
        elapsed = self.finish()
        self.server.append(_settled_time(self._server) - before)
        return elapsed

    def begin(self) -> None:
        """Have the work done once, and do not wait."""
        self._order("time")

    def finish(self) -> float:
        """Wait until the work that was begun is done; milliseconds."""
        answer = self._answer()
        self.cpu.append(float(answer["cpu"]))
        return float(answer["ms"])

    def _order(self, order: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(order + "\n")
        self._process.stdin.flush()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"contestant {self.name} ended with code {self._process.wait()}; see its message above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def __enter__(self) -> Runner:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.end()

    def end(self) -> None:
        """End the process. Idempotent."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def race(
    contestants: Sequence[Contestant],
    *,
    threads: int,
    options: Options,
    check: Callable[[Mapping[str, Path]], None] | None = None,
    server: int = 0,
) -> Result:
    """Compare, measure memory, warm up, then take turns; the first contestant sets the pace.

    ``server`` is the process of the PostgreSQL that they ask, whose time is measured too.

    ``check`` is given the files with the compared contestants' results and raises where they differ. A contestant whose
    first run takes longer than the budget, and several times as long as the first contestant's, has had its turn.
    """
    contestants = [contestant for contestant in contestants if not (contestant.slow and options.quick)]
    turns: dict[str, list[float]] = {contestant.name: [] for contestant in contestants}
    peaks: dict[str, float] = {}
    saved = {
        contestant.name: options.scratch / f"{contestant.name}.result"
        for contestant in contestants
        if check and contestant.compared
    }
    pace = 0.0
    with ExitStack() as running:
        warm: list[Runner] = []
        for contestant in contestants:
            runner = running.enter_context(Runner(contestant, threads=threads, server=server))
            first, peaks[contestant.name] = runner.first(saved.get(contestant.name))
            options.say(f"{contestant.name}: {first:.4g} ms cold, peak {peaks[contestant.name]:.0f} MB")
            pace = pace or first
            if contestant.once or (first > options.budget * 1000 and first > HOPELESS * pace):
                turns[contestant.name].append(first)
                runner.end()
            else:
                if first < SHORT_MS:
                    runner.time()  # the first run of something short has warmed little
                warm.append(runner)
        if check is not None:
            check(saved)
        take_turns(warm, turns, options)
    busy = {runner.name: statistics.median(runner.cpu) for runner in warm}
    return Result(turns, peaks, busy, {runner.name: statistics.median(runner.server) for runner in warm if server})


def take_turns(runners: Sequence[Runner], turns: Mapping[str, list[float]], options: Options) -> None:
    """Round after round, each in the same order, until the rounds or a contestant's budget are used up."""
    for number in range(options.rounds):
        for runner in runners:
            if number < options.least or sum(turns[runner.name]) * (number + 1) / number < options.budget * 1000:
                turns[runner.name].append(runner.time())
    for runner in runners:
        figures = f"{statistics.median(turns[runner.name]):.4g} ms of {len(turns[runner.name])} turns"
        options.say(f"{runner.name}: {figures}, {statistics.median(runner.cpu):.4g} ms of the cores")


def _settled_time(pid: int) -> float:
    """``server_time`` once it has counted the processes that were about to end."""
    before = -1.0
    while pid and before != (now := server_time(pid)):
        before = now
        time.sleep(0.2)
    return max(before, 0.0)


def server_time(pid: int) -> float:
    """Milliseconds that a PostgreSQL's processes have spent, those that have ended too; 0 of none."""
    if not pid:
        return 0.0
    ticks = sum(_ticks(pid)[1:])
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (seen := _ticks(int(folder.name)))[0] == pid:
            ticks += sum(seen[1:3])
    return ticks * 1_000 / os.sysconf("SC_CLK_TCK")


def _ticks(pid: int) -> list[int]:
    """Parent, and ticks for itself (user, system) and for children that have ended; none of an ended process."""
    try:
        parts = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return [0, 0, 0, 0, 0]
    return [int(parts[1]), *(int(part) for part in parts[11:15])]
