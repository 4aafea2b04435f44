"""A rebuild through a shuffle: the content of the incremental road, whatever dies on the way."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.fakes.spark import MemorySpark
from tests.support.lake import NOW, MemoryLake, order, shipped_contracts
from tests.support.rebuild_histories import FACT, any_events, double_faults, halting, held, random_lake, sound_paths

from core.audit.repair_jobs import RepairJob, find_outcome, read_job, write_job
from core.errors import InvalidData
from core.ports import ObjectInfo
from processing.restating import manifest
from processing.restating.manifest import plan_shuffle
from processing.restating.rebuild import rebuild_table
from processing.spark.driver import TASK_BYTES, Summary, carry_out, tasks_of

JOBS = "audit/runs/run/jobs/"


@pytest.fixture(autouse=True)
def a_job_for_each_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a large table: there are many jobs."""
    monkeypatch.setattr(manifest, "MOST_PARTITIONS", 1)


def begin(lake: MemoryLake, table: str = FACT, *, attempt: int = 1) -> list[str]:
    jobs = plan_shuffle(lake.services, lake.services.contracts.table(table))
    return [
        write_job(lake.records, RepairJob(job.dataset, "run", job), attempt=attempt, number=number)
        for number, job in enumerate(jobs)
    ]


def shuffle(lake: MemoryLake, *, attempt: int = 1, loses: Callable[[], bool] = lambda: False, seed: int = 0) -> Summary:
    return carry_out(MemorySpark(seed=seed, loses=loses), lambda: lake.services, f"{JOBS}{attempt}-")


def content(lake: MemoryLake, table: str = FACT) -> dict[str, str]:
    return {path: lake.snapshot(table, path).footer.digest for path in lake.paths(table)}


def lose(lake: MemoryLake, table: str) -> None:
    lake.partitions.delete([info.key for info in lake.partitions.list("warehouse/") if table in info.key])


@pytest.mark.parametrize("seed", range(3))
def test_a_lake_of_which_all_partitions_are_lost_comes_back_though_tasks_die(seed: int) -> None:
    lake = random_lake(random.Random(seed))
    before = content(lake)
    jobs = begin(lake)
    lose(lake, FACT)
    source = random.Random(seed)
    done = shuffle(lake, loses=lambda: source.random() < 0.3, seed=seed)
    assert (done.jobs, done.reasons) == (len(jobs), ())
    assert content(lake) == before
    assert [find_outcome(lake.records, job).result for job in jobs] == ["done"] * len(jobs)  # type: ignore[union-attr]


@pytest.mark.parametrize("seed", range(10))
def test_whatever_happened_to_a_lake_the_shuffle_gives_what_a_rebuild_in_one_go_gives(seed: int) -> None:
    source = random.Random(seed)
    lakes = [random_lake(random.Random(seed)) for _ in range(2)]
    state = source.getstate()
    choose = any_events if seed % 2 else double_faults
    events = choose(source)
    for lake in lakes:
        source.setstate(state)
        choose(source)
        for event in events:
            try:
                event(lake, source)
            except Exception:  # noqa: BLE001  # the first event has broken what the second would touch
                break
    here, shuffled = lakes
    begin(shuffled)
    done = shuffle(shuffled)
    refused = False
    try:
        list(rebuild_table(here.services, FACT))
    except InvalidData:
        refused = True
    paths = sound_paths(here)
    assert sound_paths(shuffled) == paths
    assert held(shuffled, paths) == held(here, paths)
    if refused:
        assert done.reasons
    else:  # what is named and has no rows any more is left, and said to be
        assert all("no ingest object has rows of it" in reason for reason in done.reasons)


@pytest.mark.parametrize("most", [14, 16, 18])
def test_what_is_damaged_is_not_made_of_less_whichever_job_hears_of_the_refused_object(most: int) -> None:
    here, shuffled = (random_lake(random.Random(8)) for _ in range(2))
    for lake in (here, shuffled):
        lake.partitions.delete(lake.partitions.list_objects(f"{FACT}/{lake.paths(FACT)[-1]}"))
        lake.services = replace(lake.services, contracts=halting(lake.services.contracts, most))
    begin(shuffled)
    done = shuffle(shuffled)
    with pytest.raises(InvalidData, match="halts"):
        list(rebuild_table(here.services, FACT))
    assert done.reasons
    assert sound_paths(shuffled) == sound_paths(here)


def test_every_object_is_read_once_though_each_has_rows_of_all_partitions() -> None:
    lake = MemoryLake(shipped_contracts())
    lake.ingest._clock = lambda: NOW
    months = [f"2026-{month:02d}-05T00:00:00" for month in range(1, 13)]
    for number in range(1, 31):
        lines = [order(12 * number + at, created_at=month) for at, month in enumerate(months)]
        lake.process(lake.put_table("sales", "sales_order", number, lines))
    begin(lake)
    before = content(lake)
    lose(lake, FACT)
    read: list[str] = []
    lake.ingest.fail = lambda effect, key: read.append(key) if effect == "open" else None  # type: ignore[func-returns-value]
    assert shuffle(lake).reasons == ()
    assert content(lake) == before
    assert len(read) == len(set(read)) == 30


def test_what_arrives_after_the_listing_is_in_what_is_committed() -> None:
    lake = random_lake(random.Random(3))
    lake.ingest._clock = lambda: NOW
    begin(lake)
    key = ""

    def arrive() -> bool:  # between the two ends of the shuffle
        nonlocal key
        if not key:
            lines = [order(900, created_at=f"2026-{month}-01T00:00:00") for month in ("10", "11")]
            key = lake.put_table("sales", "sales_order", 7, lines)
            lake.process(key)
        return False

    assert shuffle(lake, loses=arrive).reasons == ()
    assert [number for number, _ in held(lake) if number == 900] == [900]


def test_a_partition_that_no_receipt_and_no_pointer_knows_is_some_jobs() -> None:
    lake = random_lake(random.Random(5))
    begin(lake)
    lines = [order(901, created_at="2025-02-01T00:00:00"), order(902, created_at="2025-03-01T00:00:00")]
    lake.put_table("sales", "sales_order", 7, lines)  # and is never processed
    assert shuffle(lake).reasons == ()
    assert {"month=2025-02", "month=2025-03"} <= set(lake.paths(FACT))


def test_only_what_was_left_is_done_again_by_a_driver_that_comes_after() -> None:
    lake = random_lake(random.Random(1))
    first, *others = begin(lake)
    assert others
    shuffle(lake)
    before = content(lake)
    assert shuffle(lake) == Summary(0, 0, 0, ())
    lose(lake, FACT)
    lake.records.delete([first.replace("/jobs/", "/outcomes/")])
    again = shuffle(lake)
    assert (again.jobs, again.changed, again.reasons) == (1, 1, ())
    [path] = lake.paths(FACT)  # those of the jobs that are done are theirs
    assert content(lake)[path] == before[path]


def test_jobs_of_an_attempt_leave_alone_what_an_earlier_one_names() -> None:
    lake = random_lake(random.Random(1))
    first, *others = begin(lake)
    job = read_job(lake.records, first)
    write_job(lake.records, job, attempt=2, number=0)
    lose(lake, FACT)
    assert shuffle(lake, attempt=2).changed == 1
    assert lake.paths(FACT) == list(job.repair.partitions)  # type: ignore[union-attr]
    assert not any(find_outcome(lake.records, other) for other in others)


def test_a_job_of_which_nothing_is_left_says_so() -> None:
    lake = random_lake(random.Random(6))
    jobs = begin(lake)
    lake.ingest.delete([info.key for info in lake.ingest.list("tables/sales/sales_order/")])
    done = shuffle(lake)
    assert len(done.reasons) == len(jobs)
    assert all("no ingest object has rows of it" in reason for reason in done.reasons)
    assert {find_outcome(lake.records, job).result for job in jobs} == {"failed"}  # type: ignore[union-attr]


def test_partitions_that_would_lose_rows_stay_with_the_reason_in_their_jobs_outcome() -> None:
    lake = random_lake(random.Random(2))
    job, *_ = begin(lake)
    before = content(lake)
    lake.services = replace(lake.services, contracts=halting(lake.services.contracts, 8))  # by which objects halt
    done = shuffle(lake)
    assert content(lake) == before
    outcome = find_outcome(lake.records, job)
    assert outcome is not None
    assert outcome.result == "failed"
    assert "halts" in outcome.reason
    assert done.reasons


@pytest.mark.parametrize("table", ["dim_staff", "fact_quote_hourly"])
def test_a_dimension_comes_back_with_its_current_states_and_a_rollup_partition_by_partition(table: str) -> None:
    lake = random_lake(random.Random(4))
    before = content(lake, table)
    begin(lake, table)
    for name in (table, "staff", "department"):
        lose(lake, name)
    assert shuffle(lake).reasons == ()
    assert content(lake, table) == before


def test_objects_are_read_in_tasks_of_a_size_or_enough_of_them_for_all_cores() -> None:
    small = [ObjectInfo(f"{number:03d}", 1000, "", NOW) for number in range(100)]
    assert len(list(tasks_of(small, at_least=6))) in (6, 7)
    assert [key for task in tasks_of(small, at_least=6) for key in task] == [info.key for info in small]
    large = [ObjectInfo(f"{number:03d}", TASK_BYTES // 4, "", NOW) for number in range(100)]
    assert {len(task) for task in tasks_of(large, at_least=6)} == {4}
    assert list(tasks_of([], at_least=6)) == []
