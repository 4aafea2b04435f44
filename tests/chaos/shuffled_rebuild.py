"""A thousand partitions in the emulator's S3 rebuilt by a local Spark and by jobs; workers and drivers are killed."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from bench.rebuild import TABLE
from tests.chaos.run import Options, Result
from tests.support.emulated_lake import EmulatedLake, emulated_lake
from tests.support.killed_spark import KilledRun
from tests.support.memory_machine import MemoryMachine

from cli.at_scale.run import RunAtScale
from local.processes import end_below
from processing.restating.job import restate_job
from processing.restating.manifest import plan_rebuild
from processing.restating.rebuild import rebuild_table

PYTHON = Path(__file__).resolve().parents[2] / ".venv-spark/bin/python"
SYMBOLS, MONTHS = 84, 12  # 1,008 partitions
WORKERS_KILLED = 4
FUNCTIONS, LOST, ALONE = 16, 0.1, 5  # workers of the map, the share of jobs they are cut off in, partitions made alone


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
        figures["rebuilt_in_seconds"] = round(seconds, 1)
        faults += by_functions(lake, options, figures)
        return Result(figures, faults)


def by_functions(lake: EmulatedLake, options: Options, figures: dict[str, float]) -> list[str]:
    """The same by jobs, sixteen at once as the state machine hands them out, and a few partitions each alone."""
    lake.lose()
    services, chance = lake.services, random.Random(options.seed)
    started = time.monotonic()
    jobs = plan_rebuild(services, services.contracts.table(TABLE))
    machine = MemoryMachine(
        services.records,
        at_once=FUNCTIONS,
        loses=lambda _job: chance.random() < LOST,
        restate=lambda job: restate_job(services, job),
    )
    run = RunAtScale(services.records, machine, "functions")  # type: ignore[arg-type]
    run.begin(TABLE, jobs)
    drivers = 0
    while not drivers or run.left(run.manifest()):  # whoever follows dies each time, and another goes on
        drivers += 1
        run = RunAtScale(services.records, machine, "functions")  # type: ignore[arg-type]
        list(run.follow(run.again()))
    figures |= {"functions": FUNCTIONS, "jobs_of_functions": len(jobs), "drivers_of_functions": drivers}
    figures["rebuilt_by_functions_in_seconds"] = round(time.monotonic() - started, 1)
    content = lake.content()
    started = time.monotonic()
    alone = sorted(lake.digests)[:: max(1, len(lake.digests) // ALONE)]
    for path in alone:
        list(rebuild_table(services, TABLE, path))
    seconds = (time.monotonic() - started) / len(alone) * len(lake.digests)
    figures["one_by_one_in_seconds"] = round(seconds, 1)  # by a few of them
    return [f"{path} has another content by jobs" for path in lake.digests if content.get(path) != lake.digests[path]]


RUNS: dict[str, Callable[[Options], Result]] = {"shuffled_rebuild": shuffled_rebuild}
