"""Sixteen processes, one partition, a real S3 API, and two readers that look all the while."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.chaos.run import Options, Result
from tests.support.racing import ROWS, chain, open_store, prepare, race
from tests.support.tables import COUNTS

from local.emulator import Emulator
from processing.partitions.commit import read_partition

WRITERS = 16
COMMITS = 3_200
LEAST_RATE = 20.0  # commits a second on the emulator


def writers(options: Options) -> Result:
    """``--runs`` is the number of commits. The rate is judged by the full measure alone: a short race is all start."""
    batches = max(options.amount(COMMITS) // WRITERS, 1)
    commits = batches * WRITERS
    with Emulator.start(options.scratch / "emulator") as emulator, environment(emulator):
        prepare()
        result = race(
            writers=WRITERS,
            batches=batches,
            seed=options.seed,
            progress=lambda finished: options.progress(f"{finished} of {WRITERS} writers are done"),
        )
        store = open_store()
        snapshot = read_partition(store, COUNTS, "")
        numbers = snapshot.table["number"].to_pylist() if snapshot else []
        versions = chain(store)
    faults = list(result.faults)
    if numbers != list(range(commits * ROWS)):
        faults.append(f"{len(numbers)} rows, {len(set(numbers))} of them different, {commits * ROWS} expected")
    if versions != list(range(commits, 0, -1)):
        faults.append(f"the chain of parents has {len(versions)} versions, not {commits}")
    if commits >= COMMITS and result.rate < LEAST_RATE:
        faults.append(f"{result.rate:.1f} commits/s, at least {LEAST_RATE:g} are promised")
    figures = {
        "writers": WRITERS,
        "commits": commits,
        "rows": len(numbers),
        "lost": commits * ROWS - len(set(numbers)),
        "doubled": len(numbers) - len(set(numbers)),
        "unbroken": versions == list(range(commits, 0, -1)),
        "commits_per_second": round(result.rate, 1),
        "tries_per_commit": round(result.tries / commits, 2),
        "looks": result.looks,
    }
    return Result(figures, [f"{fault} (seed {options.seed})" for fault in faults])


@contextmanager
def environment(emulator: Emulator) -> Iterator[None]:
    """The process's environment leads to the emulator, and afterwards where it did before."""
    before = dict(os.environ)
    os.environ.pop("AWS_PROFILE", None)
    os.environ.update(emulator.environment())
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


RUNS: dict[str, Callable[[Options], Result]] = {"writers": writers}
