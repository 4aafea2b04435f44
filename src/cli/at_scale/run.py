"""Runs at scale: jobs laid down in a folder, carried out side by side by a state machine, followed and resumed.

A run's manifest is written when all of its jobs are there, and each attempt has jobs of its own: the second those that
the first left. So whoever was cut off goes on where he was, and no job is carried out by two attempts at once.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from core.audit.repair_jobs import (
    RepairJob,
    Restate,
    find_outcome,
    job_keys,
    outcome_key,
    read_job,
    run_prefix,
    write_job,
)
from core.errors import Misuse, PipelineBug, TransientFailure
from core.json import canonical_json

if TYPE_CHECKING:
    from aws.executions import Execution
    from core.ports import ObjectStore

RUNNING = "RUNNING"
WORKERS = 16
LONGEST_TABLE = 48  # characters of a table's name in a run's
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds between two looks


class Machine(Protocol):
    """Carries out the jobs of a folder: a state machine with functions, or a Spark. Executions have names."""

    def start(self, name: str, data: Mapping[str, Any]) -> str:
        """Start an execution with this input; returns what it is described by."""
        ...

    def find(self, name: str) -> Execution | None:
        """The execution of that name; None where none was started."""
        ...

    def describe(self, execution: str) -> Execution:
        """The execution as it is now."""
        ...


def run_name(table: str, now: datetime) -> str:
    """A new run's name, short enough with any attempt: an execution's name has 80 characters at most.

    https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
    """
    return f"rebuild-{table[:LONGEST_TABLE]}-{now:%Y%m%dT%H%M%S}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The jobs of a run: so many in this attempt, all of them written down, for one engine."""

    table: str
    jobs: int
    attempt: int = 1
    engine: str = "lambda"

    def to_json(self) -> bytes:
        """The manifest's object."""
        return canonical_json(asdict(self))


@dataclass(frozen=True, slots=True)
class Left:
    """A job that was not carried out, and why as far as it is known."""

    partitions: tuple[str, ...]
    reason: str


def read_manifest(records: ObjectStore, run: str) -> Manifest:
    """The manifest of a run. Raises ``Misuse`` where there is none."""
    stored = records.read(_manifest_key(run))
    if stored is None:
        raise Misuse("resume a run", run, "was never begun, or not whole", "Begin anew, without --resume")
    return Manifest(**json.loads(stored.body))


def _manifest_key(run: str) -> str:
    return f"{run_prefix(run)}manifest.json"


@dataclass(frozen=True)
class RunAtScale:
    """A run. Every method may be called again, by whoever goes on with it."""

    records: ObjectStore
    machine: Machine
    run: str
    sleep: Callable[[float], None] = time.sleep

    def begin(self, table: str, jobs: Sequence[Restate], engine: str = "lambda") -> Manifest:
        """Write the jobs down, and then the manifest."""
        return self._write(Manifest(table, len(jobs), engine=engine), jobs)

    def again(self) -> Manifest:
        """The attempt to follow: the last one while it runs or was never started, else one of all that it left.

        Raises ``Misuse`` where the run was never begun whole.
        """
        manifest = self.manifest()
        execution = self.machine.find(self._execution(manifest))
        if execution is None or execution.status == RUNNING:
            return manifest
        left = [job for job, reason in self._unfinished(manifest) if reason]
        if not left:
            return manifest
        return self._write(replace(manifest, jobs=len(left), attempt=manifest.attempt + 1), left)

    def manifest(self) -> Manifest:
        """The run's manifest. Raises ``Misuse`` where there is none."""
        return read_manifest(self.records, self.run)

    def follow(self, manifest: Manifest) -> Iterator[int]:
        """Start the attempt, if nobody has, and give the number of jobs that have an outcome until it is over."""
        name = self._execution(manifest)
        known = self.machine.find(name)
        arn = known.arn if known else self.machine.start(name, {"jobs": self._jobs(manifest)})
        pause = FIRST_PAUSE
        while True:
            execution = self.machine.describe(arn)
            yield sum(1 for _ in self.records.list(outcome_key(self._jobs(manifest))))
            if execution.status != RUNNING:
                break
            self.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 1.5)
        if execution.status != "SUCCEEDED":
            problem = f"{execution.status}: {execution.cause}"
            raise TransientFailure("follow a run", name, problem, f"Go on with it: --resume {self.run}")

    def left(self, manifest: Manifest) -> list[Left]:
        """The jobs of an attempt that were not carried out, or not whole."""
        return [Left(job.partitions, reason) for job, reason in self._unfinished(manifest) if reason]

    # ------------------------------------------------------------ how it is stored

    def _jobs(self, manifest: Manifest) -> str:
        return f"{run_prefix(self.run)}jobs/{manifest.attempt}-"

    def _execution(self, manifest: Manifest) -> str:
        return f"{self.run}-{manifest.attempt}"

    def _write(self, manifest: Manifest, jobs: Sequence[Restate]) -> Manifest:
        def write(number: int) -> None:
            job = RepairJob(jobs[number].dataset, self.run, jobs[number])
            write_job(self.records, job, attempt=manifest.attempt, number=number)

        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(write, range(len(jobs))))
        self.records.write(_manifest_key(self.run), manifest.to_json(), content_type="application/json")
        return manifest

    def _unfinished(self, manifest: Manifest) -> Iterator[tuple[Restate, str]]:
        """The attempt's jobs, each with the reason why it is not done; empty where it is."""

        def look(key: str) -> tuple[Restate, str]:
            outcome = find_outcome(self.records, key)
            if outcome is not None and outcome.result == "done":
                return Restate("", "", ()), ""
            job = read_job(self.records, key).repair
            if not isinstance(job, Restate):
                raise PipelineBug("follow a run", key, f"is a job to {job.kind}", "Begin anew")
            return job, outcome.reason if outcome else "no outcome: its function was cut off; its log says where"

        with ThreadPoolExecutor(WORKERS) as pool:
            yield from pool.map(look, list(job_keys(self.records, self.run, manifest.attempt)))
