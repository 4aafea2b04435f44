"""A thousand partitions in the emulator's S3 rebuilt by a local Spark, of which workers and driver are killed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tests.chaos.run import Options, Result
from tests.support.emulated_lake import emulated_lake
from tests.support.killed_spark import KilledRun

from local.processes import end_below

PYTHON = Path(__file__).resolve().parents[2] / ".venv-spark/bin/python"
SYMBOLS, MONTHS = 84, 12  # 1,008 partitions
WORKERS_KILLED = 4


def shuffled_rebuild(options: Options) -> Result:
    """``--runs`` is the number of symbols; each has a partition in each of twelve months."""
    with emulated_lake(options.scratch, symbols=options.amount(SYMBOLS), months=MONTHS) as lake:
        spark = lake.spark(PYTHON, options.scratch / "spark")
        run = KilledRun(lake, spark, "shuffled")
        started = time.monotonic()
        try:
            run.start()
            workers = run.kill_workers(WORKERS_KILLED)
            options.progress(f"{workers} workers killed", now=True)
            done = run.kill_driver(outcomes=1)
            options.progress(f"driver killed after {len(done)} of {run.manifest.jobs} jobs", now=True)
            left = run.follow()
        finally:
            end_below(spark.folder)
        seconds = time.monotonic() - started
        content = lake.content()
        faults = [f"{job.partitions}: {job.reason}" for job in left]
        faults += [f"{path} has another content" for path in lake.digests if content.get(path) != lake.digests[path]]
        faults += [f"{job} was done twice" for job, tag in done.items() if run.outcomes().get(job) != tag]
        if not 0 < len(done) < run.manifest.jobs:
            faults.append(f"the driver was killed after {len(done)} of {run.manifest.jobs} jobs: nothing was resumed")
        figures = {"partitions": len(lake.digests), "objects": lake.objects, "jobs": run.manifest.jobs}
        figures |= {"workers_killed": workers, "jobs_before_driver_died": len(done)}
        return Result({**figures, "rebuilt_in_seconds": round(seconds, 1)}, faults)


RUNS: dict[str, Callable[[Options], Result]] = {"shuffled_rebuild": shuffled_rebuild}
