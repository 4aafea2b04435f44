"""Runs at scale: whoever dies on the way, the run goes on, and what failed is collected with its reason."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.loaders import Loader
from tests.support.lake import MemoryLake
from tests.support.memory_machine import MemoryMachine
from tests.support.rebuild_histories import random_lake

from cli.at_scale.run import RunAtScale, run_name
from core.audit.repair_jobs import Restate
from core.errors import Misuse
from processing.restating.job import restate_job
from processing.restating.manifest import plan_rebuild

FACT = "fact_sales_order"


def machine_of(lake: MemoryLake, **more: Any) -> MemoryMachine:
    return MemoryMachine(lake.records, restate=lambda job: restate_job(lake.services, job), **more)


def lost_lake(seed: int) -> tuple[MemoryLake, dict[str, str]]:
    lake = random_lake(random.Random(seed))
    digests = content(lake)
    lake.partitions.delete([info.key for info in lake.partitions.list("warehouse/") if FACT in info.key])
    return lake, digests


def content(lake: MemoryLake) -> dict[str, str]:
    return {path: lake.snapshot(FACT, path).footer.digest for path in lake.paths(FACT)}


def jobs_of(lake: MemoryLake) -> list[Restate]:
    table = lake.services.contracts.table(FACT)
    planned = plan_rebuild(lake.services, table)
    return [Restate(job.dataset, job.table, (path,), job.inputs) for job in planned for path in job.partitions]


@pytest.mark.parametrize("seed", range(4))
def test_workers_and_the_driver_die_and_the_run_ends_with_the_same_content(seed: int) -> None:
    lake, digests = lost_lake(seed)
    source = random.Random(seed)
    machine = machine_of(lake, loses=lambda _job: source.random() < 0.5)
    jobs = jobs_of(lake)
    RunAtScale(lake.records, machine, "run").begin(FACT, jobs)  # type: ignore[arg-type] - and dies
    for _ in range(40):
        run = RunAtScale(lake.records, machine, "run")  # type: ignore[arg-type] - a driver of its own each time
        manifest = run.again()
        list(run.follow(manifest))
        if not run.left(manifest):
            break
    assert run.left(run.again()) == []
    assert content(lake) == digests
    assert len(machine.carried_out) == len(jobs)  # what was done was not done again


def test_a_run_of_which_the_manifest_is_not_there_was_never_begun_whole() -> None:
    lake, _ = lost_lake(1)
    machine = machine_of(lake)
    lake.records.fail = lambda _effect, key: OSError("cut") if key.endswith("manifest.json") else None
    run = RunAtScale(lake.records, machine, "run")  # type: ignore[arg-type]
    with pytest.raises(OSError, match="cut"):
        run.begin(FACT, jobs_of(lake))
    lake.records.fail = lambda _effect, _key: None
    with pytest.raises(Misuse, match="never begun"):
        run.again()


def test_a_partition_that_would_lose_rows_is_left_with_its_reason_and_stops_no_other() -> None:
    lake = random_lake(random.Random(2))
    table = lake.services.contracts.table(FACT)
    jobs = plan_rebuild(lake.services, table)
    inputs = jobs[0].inputs
    assert inputs is not None
    bare = [Restate("sales", FACT, (path,), replace(inputs, objects=())) for path in lake.paths(FACT)[:1]]
    run = RunAtScale(lake.records, machine_of(lake), "run")  # type: ignore[arg-type]
    manifest = run.begin(FACT, [*bare, *jobs])
    assert list(run.follow(manifest))[-1] == manifest.jobs
    [left] = run.left(manifest)
    assert left.partitions == bare[0].partitions
    assert "no ingest object has rows of it" in left.reason


def test_the_run_of_the_longest_table_has_a_name_that_an_execution_may_have() -> None:
    longest = Loader().load_service_model("stepfunctions", "service-2")["shapes"]["Name"]["max"]
    name = run_name("f" * 63, datetime(2026, 11, 20, 9, tzinfo=UTC))
    assert len(f"{name}-9999") <= longest
    assert name.endswith("-20261120T090000")
