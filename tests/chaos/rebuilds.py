"""Rebuilds of lakes to which something happened, against the rows of the incremental road."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.run import Options, Result
from tests.support.rebuild_histories import any_events, differences, double_faults

RUNS_OF_IT = 600


def rebuilds(options: Options) -> Result:
    """``--runs`` is the number of histories; a third of them are of two faults that hide each other."""
    faults: list[str] = []
    differing = 0
    count = options.amount(RUNS_OF_IT)
    for number in range(count):
        found = differences(options.seed + number, any_events if number % 3 else double_faults)
        differing += bool(found)
        faults += found
        options.progress(f"{number + 1} of {count} lakes rebuilt")
    return Result({"runs": count, "differing": differing}, faults)


RUNS: dict[str, Callable[[Options], Result]] = {"rebuilds": rebuilds}
