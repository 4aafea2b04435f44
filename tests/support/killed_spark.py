"""A run by Spark on this machine, of which workers or the driver are killed."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import psutil
from bench.rebuild import TABLE
from tests.support.emulated_lake import EmulatedLake
from tests.support.waiting import eventually

from cli.at_scale.run import Left, Manifest, RunAtScale
from core.audit.repair_jobs import outcome_key
from local.processes import processes_below
from local.spark.drivers import LocalSpark
from processing.restating.manifest import plan_shuffle

LONG = 900.0  # seconds, on a busy machine


class KilledRun:
    """A run of the lake's fact, by its name; nobody has started it yet."""

    def __init__(self, lake: EmulatedLake, spark: LocalSpark, name: str) -> None:
        self.spark, self.name = spark, name
        self._records = lake.services.records
        self.run = RunAtScale(self._records, spark, name)
        jobs = plan_shuffle(lake.services, lake.services.contracts.table(TABLE))
        self.manifest: Manifest = self.run.begin(TABLE, jobs, "spark")
        self._jobs = f"audit/runs/{name}/jobs/1-"

    def start(self) -> None:
        self.spark.start(f"{self.name}-1", {"jobs": self._jobs})

    def outcomes(self) -> dict[str, str]:
        """The jobs that are done by now, each with the tag of its outcome."""
        return {info.key: info.etag for info in self._records.list(outcome_key(self._jobs))}

    def kill_workers(self, count: int) -> int:
        """Kill so many of Python's workers, as they come; how many it were when the driver ended."""
        killed: set[int] = set()

        def enough() -> bool:
            for worker in self._workers():
                if worker.pid not in killed and len(killed) < count:
                    worker.send_signal(signal.SIGKILL)
                    killed.add(worker.pid)
            return len(killed) >= count or self.spark.describe(f"{self.name}-1").status != "RUNNING"

        eventually(enough, within=LONG)
        return len(killed)

    def kill_driver(self, *, outcomes: int) -> dict[str, str]:
        """Kill the driver and all that it started as soon as so many jobs are done; those that were."""
        eventually(lambda: len(self.outcomes()) >= outcomes, within=LONG)
        for process in processes_below(self.spark.folder / f"{self.name}-1"):
            try:
                process.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue
        eventually(lambda: self.spark.describe(f"{self.name}-1").status == "FAILED", within=LONG)
        return self.outcomes()

    def follow(self) -> list[Left]:
        """Go on, as whoever resumes it does; what was left."""
        manifest = self.run.again()
        list(self.run.follow(manifest))
        return self.run.left(manifest)

    def _workers(self) -> Iterator[psutil.Process]:
        """Python's daemon, a child of Java, forks a worker for each task: when that dies, its task is done again."""
        for process in processes_below(self.spark.folder / f"{self.name}-1"):
            try:
                parents = [parent.name() for parent in process.parents()[:2]]
                if process.name().startswith("python") and parents[1:] == ["java"]:
                    yield process
            except psutil.NoSuchProcess:
                continue
