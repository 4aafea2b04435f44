"""A rebuild as jobs side by side: from the objects of each partition alone, to the same content."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.lake import NOW, MemoryLake, order, shipped_contracts
from tests.support.rebuild_histories import halting, random_lake, with_table

from core.audit.repair_jobs import RepairJob, find_outcome, write_job
from core.contract.model import Table
from core.errors import InvalidData
from core.evolution.deployments import record_deployment
from processing.restating.arrivals import ROOT, read_arrivals
from processing.restating.job import restate_job
from processing.restating.manifest import ALIKE, MOST_PARTITIONS, grouped, plan_rebuild

FACT = "fact_sales_order"


def rebuilt(lake: MemoryLake, run: str = "run") -> list[str]:
    """Rebuild by jobs that run side by side; the reasons of those that failed."""
    jobs = plan_rebuild(lake.services, lake.services.contracts.table(FACT))
    paths = [path for job in jobs for path in job.partitions]
    assert len(paths) == len(set(paths))
    keys = [
        write_job(lake.records, RepairJob(job.dataset, run, job), attempt=1, number=number)
        for number, job in enumerate(jobs)
    ]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda key: restate_job(lake.services, key), keys))
    outcomes = [find_outcome(lake.records, key) for key in keys]
    return [outcome.reason for outcome in outcomes if outcome and outcome.result != "done"]


def digests(lake: MemoryLake) -> dict[str, str]:
    return {path: lake.snapshot(FACT, path).footer.digest for path in lake.paths(FACT)}


@pytest.mark.parametrize("seed", range(6))
def test_a_lake_of_which_all_partitions_are_lost_comes_back_by_jobs(seed: int) -> None:
    lake = random_lake(random.Random(seed))
    before = digests(lake)
    lake.partitions.delete([info.key for info in lake.partitions.list("warehouse/") if FACT in info.key])
    assert rebuilt(lake) == []
    assert digests(lake) == before


def test_a_job_reads_the_objects_of_its_partitions_and_what_came_since() -> None:
    lake = MemoryLake(shipped_contracts())
    lake.ingest._clock = lambda: NOW
    for number in range(1, 13):
        lines = [order(number, "2026-11-20T10:00:00.000", created_at=f"2026-{number:02d}-05T00:00:00")]
        lake.process(lake.put_table("sales", "sales_order", number, lines))
    jobs = plan_rebuild(lake.services, lake.services.contracts.table(FACT))
    assert [len(job.inputs.objects) for job in jobs if job.inputs] == [1] * len(jobs)
    key = write_job(lake.records, RepairJob("sales", "run", jobs[0]), attempt=1, number=0)
    late = lake.put_table(
        "sales", "sales_order", 13, [order(99, "2026-11-20T12:00:00.000", created_at="2026-01-07T00:00:00")]
    )
    opened: list[str] = []
    lake.ingest.fail = lambda effect, at: opened.append(at) if effect == "open" else None  # type: ignore[func-returns-value]
    restate_job(lake.services, key)
    assert opened == [*(jobs[0].inputs.objects if jobs[0].inputs else ()), late]
    assert [row["sales_order_id"] for row in lake.snapshot(FACT, "month=2026-01").table.to_pylist()] == [1, 99]


def test_what_halted_or_was_never_processed_counts_for_every_partition() -> None:
    lake = MemoryLake(halting(shipped_contracts(), most=50))
    table = lake.services.contracts.table(FACT)
    good = [order(1, "2026-11-20T10:00:00.000", created_at="2026-01-05T00:00:00")]
    lake.process(lake.put_table("sales", "sales_order", 1, good))
    halted = lake.put_table(
        "sales",
        "sales_order",
        2,
        [order(2, "2026-11-20T10:00:00.000", created_at="2026-02-05T00:00:00", units_sold=99)],
    )
    lake.process(halted)
    waiting = lake.put_table("sales", "sales_order", 3, good)
    assert read_arrivals(lake.services, table).doubtful == {halted, waiting}


def three_orders(*days: str) -> MemoryLake:
    lake = MemoryLake(shipped_contracts())
    for number, day in enumerate(days, 1):
        line = order(number, "2026-11-20T10:00:00.000", created_at=f"{day}T00:00:00")
        lake.process(lake.put_table("sales", "sales_order", number, [line]))
    record_deployment(lake.records, lake.services.contracts, "sales", now=0)
    return lake


def deployed(lake: MemoryLake, table: Table, digest: str = "another") -> None:
    lake.deployed(with_table(lake.services.contracts, table, hash=digest))


def test_a_generation_has_the_objects_that_were_processed_before_it() -> None:
    lake = three_orders("2026-01-05", "2026-01-06", "2026-02-05")
    rows = lake.rows(FACT)
    deployed(lake, replace(lake.services.contracts.table(FACT), generation="next"))
    assert rebuilt(lake) == []
    assert lake.rows(FACT) == rows
    opened = [
        len(job.inputs.objects)
        for job in plan_rebuild(lake.services, lake.services.contracts.table(FACT))
        if job.inputs
    ]
    assert sorted(opened) == [1, 2], "their partitions are the same, and so the receipts speak of them too"


def test_objects_that_another_contract_placed_otherwise_count_for_every_partition() -> None:
    lake = three_orders("2026-01-05", "2026-01-06", "2026-02-05")
    fact = lake.services.contracts.table(FACT)
    by_day = tuple(replace(part, name="day", transform="day") for part in fact.partition_by)
    deployed(lake, replace(fact, generation="next", partition_by=by_day))
    with pytest.raises(InvalidData, match="3 ingest objects may have rows"):
        plan_rebuild(lake.services, lake.services.contracts.table(FACT))
    newer = order(4, "2026-11-20T10:00:00.000", created_at="2026-01-05T00:00:00")
    lake.process(lake.put_table("sales", "sales_order", 4, [newer]))
    assert rebuilt(lake) == []
    assert [row["sales_order_id"] for row in lake.rows(FACT)] == [1, 4]


def test_a_job_of_another_placing_is_left_and_says_so() -> None:
    lake = three_orders("2026-01-05")
    [job] = plan_rebuild(lake.services, lake.services.contracts.table(FACT))
    key = write_job(lake.records, RepairJob("sales", "run", job), attempt=1, number=0)
    deployed(lake, replace(lake.services.contracts.table(FACT), generation="next"))
    restate_job(lake.services, key)
    outcome = find_outcome(lake.records, key)
    assert outcome is not None
    assert (outcome.result, "Begin anew" in outcome.reason, lake.paths(FACT)) == ("failed", True, [])


def test_a_receipt_is_read_once_for_the_index_and_again_when_it_changes() -> None:
    lake = random_lake(random.Random(1))
    table = lake.services.contracts.table(FACT)
    first = read_arrivals(lake.services, table)
    asked: list[str] = []
    lake.records.fail = lambda effect, key: asked.append(key) if effect != "write" else None  # type: ignore[func-returns-value]
    second = read_arrivals(lake.services, table)
    assert (second.by_path, second.doubtful) == (first.by_path, first.doubtful)
    assert asked
    assert all(key.startswith(ROOT) for key in asked)
    [key] = [info.key for info in lake.ingest.list("tables/sales/sales_order/")][:1]
    lake.process(key)
    asked.clear()
    read_arrivals(lake.services, table)
    assert len([key for key in asked if key.startswith("receipts/")]) == 1


sets = st.dictionaries(
    st.text("abc", min_size=1, max_size=4), st.frozensets(st.integers(0, 30), min_size=1), max_size=40
)


@given(sets, st.integers(0, 5))
def test_groups_hold_every_partition_once_and_read_little_more_than_the_largest_needs(
    sizes: dict[str, frozenset[int]], known: int
) -> None:
    by_path = {path: frozenset(f"{number:02d}" for number in numbers) for path, numbers in sizes.items()}
    groups = list(grouped(by_path, known=known))
    assert sorted(path for group in groups for path in group) == sorted(by_path)
    for group in groups:
        assert len(group) <= MOST_PARTITIONS
        needed = max(len(by_path[path]) for path in group) + known
        assert len(frozenset().union(*(by_path[path] for path in group))) + known <= ALIKE * needed
