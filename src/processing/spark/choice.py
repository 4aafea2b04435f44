"""Choice of the engine that rebuilds a table, by what each would have to read.

Functions read the objects of their own partitions, an object as often as there are jobs which it has rows for; a
shuffle reads each once, and takes minutes to begin. A function has a quarter of an hour.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from core.audit.repair_jobs import Restate

Engine = Literal["lambda", "spark"]
LARGEST_JOB = (
    1 << 30
)  # bytes that a function reads within its time: 2 MB a second are measured, and a third is left over
TIMES = 2  # as often as jobs may read an object before a shuffle is cheaper (docs/scale.md)
WORTH = 4 << 30  # bytes read too often that pay for the minutes in which a cluster starts


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine, and why it was chosen."""

    engine: Engine
    reason: str


def choose_engine(jobs: Sequence[Restate], sizes: Mapping[str, int], *, has_spark: bool) -> Choice:
    """The engine for the jobs that functions would carry out; ``sizes`` are the ingest objects', in bytes."""
    read = [sum(sizes.get(key, 0) for key in job.inputs.objects) if job.inputs else 0 for job in jobs]
    by_jobs, once, largest = sum(read), sum(sizes.values()), max(read, default=0)
    if largest > LARGEST_JOB:
        reason = f"a job would read {_size(largest)}, and a function reads {_size(LARGEST_JOB)} within its time"
    elif by_jobs > TIMES * once and by_jobs - once > WORTH:
        reason = f"jobs would read {_size(by_jobs)} of {_size(once)}: each object {by_jobs / once:.1f} times"
    else:
        return Choice("lambda", f"{len(jobs)} jobs read {_size(by_jobs)}, the largest {_size(largest)}")
    if not has_spark:
        return Choice("lambda", f"there is no Spark here, though {reason}")
    return Choice("spark", reason)


def _size(count: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count} bytes"
