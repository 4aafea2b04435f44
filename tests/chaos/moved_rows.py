"""Random histories of rows that move between partitions, healed, rebuilt and replayed."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.run import Options, Result
from tests.support.moving_rows import history

HISTORIES = 100


def moved_rows(options: Options) -> Result:
    """``--runs`` is the number of histories."""
    count = options.amount(HISTORIES)
    figures = {"runs": 0, "moved": 0, "differing": 0}
    faults: list[str] = []
    for seed in range(options.seed, options.seed + count):
        moving = history(seed)
        figures["runs"] += 1
        figures["moved"] += moving.moved
        figures["differing"] += bool(moving.faults)
        faults += moving.faults
        options.progress(f"{figures['runs']} of {count} histories, {figures['moved']} rows moved")
    return Result(figures, faults)


RUNS: dict[str, Callable[[Options], Result]] = {"moved_rows": moved_rows}
