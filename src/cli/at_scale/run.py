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

from core.audit.at_scale.jobs import JobAtScale, Work, parts_of, read_details, read_work, worker_of, write_work
from core.audit.repair_jobs import RepairOutcome, find_outcome, job_keys, outcome_key, run_prefix
from core.errors import Misuse, TransientFailure
from core.json import canonical_json

if TYPE_CHECKING:
    from aws.executions import Execution
    from core.ports import ObjectStore

RUNNING = "RUNNING"
WORKERS = 16
LONGEST_SUBJECT = 48  # characters of a table's or dataset's name in a run's
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


def run_name(subject: str, now: datetime, command: str = "rebuild") -> str:
    """A new run's name, short enough with any attempt: an execution's name has 80 characters at most.

    https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html
    """
    return f"{command}-{subject[:LONGEST_SUBJECT]}-{now:%Y%m%dT%H%M%S}"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The jobs of a run: so many in this attempt, all of them written down, for one engine and one kind of function.

    ``table`` is what the ``command`` was given: a table, a prefix of keys, or datasets.
    """

    table: str
    jobs: int
    attempt: int = 1
    engine: str = "lambda"
    command: str = "rebuild"
    worker: str = "restate"

    def to_json(self) -> bytes:
        """The manifest's object."""
        return canonical_json(asdict(self))


@dataclass(frozen=True, slots=True)
class Left:
    """A job that was not carried out, and why as far as it is known; ``partitions``: or objects, or a range."""

    partitions: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Done:
    """A job that was carried out: what it was, what it counted and what it found."""

    work: Work
    counts: Mapping[str, int]
    details: Mapping[str, list[dict[str, Any]]]


def read_manifest(records: ObjectStore, run: str, command: str = "") -> Manifest:
    """The manifest of a run. Raises ``Misuse`` where there is none, or it is another command's than named."""
    stored = records.read(_manifest_key(run))
    if stored is None:
        raise Misuse("resume a run", run, "was never begun, or not whole", "Begin anew, without --resume")
    manifest = Manifest(**json.loads(stored.body))
    if command and manifest.command != command:
        remedy = f"starmend {manifest.command} {manifest.table} --resume {run}"
        raise Misuse("resume a run", run, f"is one of {manifest.command}", remedy)
    return manifest


def _manifest_key(run: str) -> str:
    return f"{run_prefix(run)}manifest.json"


@dataclass(frozen=True)
class RunAtScale:
    """A run. Every method may be called again, by whoever goes on with it."""

    records: ObjectStore
    machine: Machine
    run: str
    sleep: Callable[[float], None] = time.sleep

    def begin(self, table: str, jobs: Sequence[Work], engine: str = "lambda", *, command: str = "rebuild") -> Manifest:
        """Write the jobs down, which are one kind of function's, and then the manifest."""
        worker = worker_of(jobs[0])
        return self._write(Manifest(table, len(jobs), engine=engine, command=command, worker=worker), jobs)

    def again(self) -> Manifest:
        """The attempt to follow: the last one while it runs or was never started, else one of all that it left.

        Raises ``Misuse`` where the run was never begun whole.
        """
        manifest = self.manifest()
        execution = self.machine.find(self._execution(manifest))
        if execution is None or execution.status == RUNNING:
            return manifest
        left = [job for job, _ in self._unfinished(manifest)]
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
        given = {"jobs": self._jobs(manifest), "worker": manifest.worker}
        arn = known.arn if known else self.machine.start(name, given)
        pause = FIRST_PAUSE
        while True:
            execution = self.machine.describe(arn)
            yield sum(1 for _ in self.records.list(outcome_key(self._jobs(manifest))))
            if execution.status != RUNNING:
                break
            self.sleep(pause)
            pause = min(LONGEST_PAUSE, pause * 1.5)
        if execution.status != "SUCCEEDED":
            from auditor.evidence.failures import failure_of

            problem = f"{execution.status}: {failure_of(execution.cause)}"
            raise TransientFailure("follow a run", name, problem, f"Go on with it: --resume {self.run}")

    def left(self, manifest: Manifest) -> list[Left]:
        """The jobs of an attempt that were not carried out, or not whole."""
        return [
            Left(
                parts_of(job), outcome.reason if outcome else "no outcome: its function was cut off; its log says where"
            )
            for job, outcome in self._unfinished(manifest)
        ]

    def done(self) -> list[Done]:
        """The jobs of all attempts that were carried out, with what they found."""

        def look(key: str) -> Done | None:
            outcome = find_outcome(self.records, key)
            if outcome is None or not _is_done(outcome):
                return None
            return Done(read_work(self.records, key).work, outcome.counts, read_details(self.records, key))

        last = self.manifest().attempt
        keys = [key for attempt in range(1, last + 1) for key in job_keys(self.records, self.run, attempt)]
        with ThreadPoolExecutor(WORKERS) as pool:
            return [each for each in pool.map(look, keys) if each]

    # ------------------------------------------------------------ how it is stored

    def _jobs(self, manifest: Manifest) -> str:
        return f"{run_prefix(self.run)}jobs/{manifest.attempt}-"

    def _execution(self, manifest: Manifest) -> str:
        return f"{self.run}-{manifest.attempt}"

    def _write(self, manifest: Manifest, jobs: Sequence[Work]) -> Manifest:
        def write(number: int) -> None:
            write_work(self.records, JobAtScale(self.run, jobs[number]), attempt=manifest.attempt, number=number)

        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(write, range(len(jobs))))
        self.records.write(_manifest_key(self.run), manifest.to_json(), content_type="application/json")
        return manifest

    def _unfinished(self, manifest: Manifest) -> Iterator[tuple[Work, RepairOutcome | None]]:
        """The attempt's jobs that are not done, each with its outcome, if it has one."""

        def look(key: str) -> tuple[Work, RepairOutcome | None] | None:
            outcome = find_outcome(self.records, key)
            return None if _is_done(outcome) else (read_work(self.records, key).work, outcome)

        with ThreadPoolExecutor(WORKERS) as pool:
            keys = list(job_keys(self.records, self.run, manifest.attempt))
            yield from (each for each in pool.map(look, keys) if each)


def _is_done(outcome: RepairOutcome | None) -> bool:
    return outcome is not None and outcome.result == "done"
