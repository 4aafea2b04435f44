"""A thousand partitions of a running stack rebuilt by its own state machine, sixteen functions at once.

Once undisturbed, for the figures; then functions are killed and the execution is stopped, and a second one goes on.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import psutil
from bench.calls.deployed import INGEST, WAREHOUSE
from bench.rebuild import TABLE, FilledLake
from bench.shuffled import cores_seconds
from tests.chaos.run import Options, Result
from tests.support.deployed import switched_off
from tests.support.waiting import eventually

from aws.executions import StateMachine
from cli.at_scale.engines import MACHINE
from cli.at_scale.run import RUNNING, Manifest, RunAtScale
from core.audit.repair_jobs import outcome_key
from local.processes import processes_below
from local.provisioning import Plan
from local.stack import Stack
from processing.partitions.commit import read_partition
from processing.restating.manifest import plan_rebuild
from processing.restating.rebuild import paths_of_pointers, rebuild_table
from processing.services import Services
from processing.spark.runtime import DeployedServices

SYMBOLS, MONTHS = 84, 12  # 1,008 partitions of 48 objects
FUNCTIONS, KILLED, ALONE = 16, 4, 5  # at once, killed, and partitions that are made alone
LONG = 900.0  # seconds, on a busy machine


@dataclass(frozen=True)
class StackLake:
    """The lake of a stack."""

    stack: Stack

    @cached_property
    def services(self) -> Services:
        return DeployedServices.of(self.stack.deployment)()

    def fill(self, filled: FilledLake) -> None:
        """The ingest objects of a lake in memory, and all of its warehouse but the fact."""
        deployment, aws = self.stack.deployment, filled.functions.aws
        client = deployment.clients("s3")
        for theirs, ours in ((INGEST, deployment.ingest_bucket), (WAREHOUSE, deployment.warehouse_bucket)):
            for key, stored in aws.bucket(theirs).objects.items():
                if f"/{TABLE}/" not in key:
                    client.put_object(Bucket=ours, Key=key, Body=stored.body, Metadata=dict(stored.metadata))

    def content(self) -> dict[str, str]:
        """What each partition holds, by digest."""
        table = self.services.contracts.table(TABLE)
        paths = list(paths_of_pointers(self.services, table))
        snapshots = {path: read_partition(self.services.partitions, table, path) for path in paths}
        return {path: snapshot.footer.digest for path, snapshot in snapshots.items() if snapshot}

    def lose(self) -> None:
        """The fact's pointers and objects are gone."""
        keys = [info.key for info in self.services.records.list("warehouse/") if f"/{TABLE}/" in info.key]
        self.services.records.delete(keys)

    # ------------------------------------------------------------ by the map

    @cached_property
    def machine(self) -> StateMachine:
        deployment = self.stack.deployment
        return StateMachine(deployment.clients("stepfunctions"), deployment.state_machines[MACHINE])

    def begin(self, name: str) -> tuple[RunAtScale, Manifest]:
        """A run of the whole fact, planned and written down."""
        jobs = plan_rebuild(self.services, self.services.contracts.table(TABLE))
        run = RunAtScale(self.services.records, self.machine, name)
        return run, run.begin(TABLE, jobs)

    def outcomes(self, name: str) -> set[str]:
        return {info.key for info in self.services.records.list(outcome_key(f"audit/runs/{name}/jobs/1-"))}

    def functions(self) -> Iterator[psutil.Process]:
        """The processes of the restate function."""
        name = self.stack.deployment.functions["restate"]
        for process in processes_below(self.stack.folder):
            try:
                if process.environ().get("AWS_LAMBDA_FUNCTION_NAME") == name:
                    yield process
            except psutil.Error:
                continue


def run(options: Options) -> Result:
    """``--runs`` is the number of symbols; each has a partition in each of twelve months."""
    filled = FilledLake(options.scratch / "contracts", symbols=options.amount(SYMBOLS), months=MONTHS)
    before, plan = filled.digests(), Plan(options.scratch / "contracts", variables={"at_scale_concurrency": FUNCTIONS})
    figures: dict[str, Any] = {"partitions": len(before), "objects": filled.objects, "functions": FUNCTIONS}
    with Stack.up(options.scratch, plan, say=options.progress) as stack, switched_off(stack.deployment, "process"):
        lake = StackLake(stack)
        lake.fill(filled)
        options.progress(f"{len(before)} partitions are to be made", now=True)
        figures |= _beside(lake, sorted(before))
        lake.lose()
        figures |= _undisturbed(lake)
        faults = _differences(before, lake.content(), "undisturbed")
        options.progress(f"by the map: {figures}", now=True)
        lake.lose()
        killed, more = _disturbed(lake)
        return Result({**figures, **killed}, [*faults, *more, *_differences(before, lake.content(), "disturbed")])


def _beside(lake: StackLake, paths: list[str]) -> dict[str, float]:
    """The same without a map: a few partitions each alone, from all objects, and all of them in one go."""
    alone = paths[:: max(1, len(paths) // ALONE)]
    one_by_one = _measured(lambda: [list(rebuild_table(lake.services, TABLE, path)) for path in alone])
    lake.lose()
    in_one_go = _measured(lambda: list(rebuild_table(lake.services, TABLE)))
    share = len(paths) / len(alone)
    return {
        "one_by_one_s": round(one_by_one["s"] * share, 1),  # by a few of them
        "one_by_one_cores_s": round(one_by_one["cores_s"] * share, 1),
        "in_one_go_s": in_one_go["s"],
        "in_one_go_cores_s": in_one_go["cores_s"],
    }


def _undisturbed(lake: StackLake) -> dict[str, float]:
    run, manifest = lake.begin("undisturbed")
    took = _measured(lambda: list(run.follow(manifest)))
    assert not run.left(manifest)
    return {"jobs": manifest.jobs, "by_map_s": took["s"], "by_map_cores_s": took["cores_s"]}


def _disturbed(lake: StackLake) -> tuple[dict[str, int], list[str]]:
    """Functions are killed, then whatever drives them ends; another driver takes up what was left."""
    run, manifest = lake.begin("disturbed")
    list(zip(run.follow(manifest), range(1), strict=False))  # started; whoever followed it is gone
    execution = lake.machine.find("disturbed-1")
    assert execution is not None
    killed: set[int] = set()

    def enough() -> bool:
        for process in lake.functions():
            if process.pid not in killed and len(killed) < KILLED:
                process.send_signal(signal.SIGKILL)
                killed.add(process.pid)
        return len(killed) >= KILLED or lake.machine.describe(execution.arn).status != RUNNING

    eventually(enough, within=LONG)
    eventually(lambda: len(lake.outcomes("disturbed")) > 0, within=LONG)
    lake.stack.deployment.clients("stepfunctions").stop_execution(executionArn=execution.arn)
    done, drivers = len(lake.outcomes("disturbed")), 1
    while run.left(run.manifest()) and drivers < 10:
        drivers += 1
        again = RunAtScale(lake.services.records, lake.machine, "disturbed")
        list(again.follow(again.again()))
    faults = [f"{job.partitions}: {job.reason}" for job in run.left(run.manifest())]
    if not 0 < done < manifest.jobs:
        faults.append(f"it was stopped after {done} of {manifest.jobs} jobs: nothing was resumed")
    return {"functions_killed": len(killed), "jobs_before_it_was_stopped": done, "drivers": drivers}, faults


def _differences(before: Mapping[str, str], now: Mapping[str, str], which: str) -> list[str]:
    return [f"{which}: {path} has another content" for path in before if now.get(path) != before[path]]


def _measured(work: Callable[[], object]) -> dict[str, float]:
    """Seconds of the clock, and of the cores of this process and all that it started, the emulator among them."""
    cores, started = cores_seconds(os.getpid()), time.monotonic()
    work()
    return {
        "s": round(time.monotonic() - started, 1),
        "cores_s": round(cores_seconds(os.getpid()) - cores, 1),
    }


RUNS: dict[str, Callable[[Options], Result]] = {"mapped_rebuild": run}
