"""Repair jobs: partitions are made again, each kind of table from its inputs, and the outcome is written."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.lake import MemoryLake, department, landing, order, quote, shipped_contracts, staff

from core.audit.repair_jobs import FetchRows, PlantGap, Repair, RepairJob, Restate, Vacuum, find_outcome, write_job
from core.errors import InvalidData, OutOfReach
from processing.restating.job import restate_job

DAY = "2026-11-20"
NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)


@pytest.fixture
def lake() -> MemoryLake:
    lake = MemoryLake(shipped_contracts())
    lake.process(
        lake.put_table("sales", "department", 1, [department(1, "Art")]),
        lake.put_table("sales", "staff", 1, [staff(1, 1)]),
        lake.put_table("sales", "sales_order", 1, [order(1)]),
        lake.put("feeds/quotes/2026/11/20/14/1", [quote("AAPL", "2026-11-20T14:35:00Z", "1.5")]),
    )
    return lake


def run(lake: MemoryLake, repair: Repair) -> tuple[dict[str, Any], dict[str, Any]]:
    """The counts, and the outcome that was written."""
    job = write_job(lake.records, RepairJob(repair.dataset, "r", repair), attempt=0, number=0)
    counts = restate_job(lake.services, job)
    stored = lake.records.read(job.replace("/jobs/", "/outcomes/"))
    assert stored is not None
    return counts, json.loads(stored.body)


@pytest.mark.parametrize("table", ["fact_sales_order", "dim_staff"])
def test_a_partition_whose_object_is_lost_is_made_again(lake: MemoryLake, table: str) -> None:
    rows, (path,) = lake.rows(table), lake.paths(table)
    lake.partitions.delete([lake.snapshot(table, path).key])
    counts, outcome = run(lake, Restate("sales", table, (path,)))
    assert counts == {"partitions": 1, "changed": 1, "failed": 0}
    assert (outcome["result"], outcome["changed"]) == ("done", 1)
    assert lake.rows(table) == rows
    assert run(lake, Restate("sales", table, (path,)))[0]["changed"] == 0


def test_the_outcome_says_what_the_job_took(lake: MemoryLake) -> None:
    times = itertools.count()
    deployed = replace(
        lake.services, memory_mb=1769, now=lambda: NOON + dt.timedelta(seconds=2 * next(times))
    )  # fmt: skip
    (path,) = lake.paths("fact_sales_order")
    lake.partitions.delete([lake.snapshot("fact_sales_order", path).key])
    job = write_job(
        lake.records, RepairJob("sales", "r", Restate("sales", "fact_sales_order", (path,))), attempt=0, number=0
    )
    restate_job(deployed, job)
    outcome = find_outcome(lake.records, job)
    assert outcome is not None
    assert outcome.effort is not None
    assert outcome.effort.seconds >= 4, "from the beginning to the end"
    assert outcome.effort.gb_seconds == pytest.approx(outcome.effort.seconds * 1769 / 1024, rel=1e-4)
    assert (outcome.effort.rows, outcome.effort.reads, outcome.effort.writes) == (1, 1, 2)
    assert "effort" not in run(lake, Restate("sales", "fact_sales_order", (path,)))[1], "outside of a function"


def test_a_rollup_is_made_from_its_facts(lake: MemoryLake) -> None:
    (path,) = lake.paths("fact_quote")
    assert run(lake, Restate("quotes", "fact_quote_hourly", (path,)))[0]["changed"] == 1
    assert len(lake.rows("fact_quote_hourly")) == 1


def test_a_partition_that_cannot_be_made_fails_alone(lake: MemoryLake) -> None:
    (path,) = lake.paths("fact_sales_order")
    counts, outcome = run(lake, Restate("sales", "fact_sales_order", ("month=2025-01", path)))
    assert counts == {"partitions": 2, "changed": 0, "failed": 1}
    assert outcome["result"] == "failed"
    assert outcome["reason"].startswith("fact_sales_order/month=2025-01: ")


def test_the_partitions_of_a_fact_are_made_of_objects_that_are_read_once_for_all_and_each_fails_alone() -> None:
    lake = MemoryLake(shipped_contracts())
    months = [f"2026-{month:02d}" for month in (7, 8, 9)]
    lines = [
        order(number, f"{month}-20T10:00:00.5", created_at=f"{month}-20T10:00:00.5")
        for number, month in enumerate(months)
    ]
    lake.process(*(lake.put_table("sales", "sales_order", number, [line]) for number, line in enumerate(lines, 1)))
    opened: list[str] = []
    lake.ingest.fail = lambda effect, key: opened.append(key) if effect == "open" else None
    paths = lake.paths("fact_sales_order")
    assert len(paths) == len(months)
    lake.partitions.delete([lake.snapshot("fact_sales_order", path).key for path in paths])
    assert run(lake, Restate("sales", "fact_sales_order", tuple(paths)))[0]["changed"] == len(months)
    assert sorted(opened) == sorted({*opened})
    assert len(opened) == len(months)

    lake.partitions.delete([lake.snapshot("fact_sales_order", path).key for path in paths])
    lake.ingest.delete(["tables/sales/sales_order/000000000002.jsonl.gz"])
    counts, outcome = run(lake, Restate("sales", "fact_sales_order", tuple(paths)))
    assert counts == {"partitions": 3, "changed": 2, "failed": 1}
    assert outcome["reason"].startswith(f"fact_sales_order/{paths[1]}: ")


def test_a_partition_without_removable_objects_is_cleaned_to_no_change(lake: MemoryLake) -> None:
    (path,) = lake.paths("fact_sales_order")
    versions = lake.versions()
    assert run(lake, Vacuum("sales", "fact_sales_order", (path,)))[0]["changed"] == 0
    assert lake.versions() == versions


def test_a_job_of_another_executor_and_a_missing_one_are_refused(lake: MemoryLake) -> None:
    with pytest.raises(InvalidData, match="no job to restate"):
        run(lake, FetchRows("sales", "staff", ()))
    with pytest.raises(InvalidData, match="no job to restate"):
        restate_job(lake.services, "audit/runs/r/jobs/nothing.json")


def test_an_outcome_that_cannot_be_written_is_a_warning(lake: MemoryLake) -> None:
    job = write_job(
        lake.records, RepairJob("sales", "r", PlantGap("sales", "fact_payment", "", DAY)), attempt=0, number=0
    )

    def fail(effect: str, key: str) -> Exception | None:
        return OutOfReach(effect, key, "no answer") if "/outcomes/" in key else None

    lake.records.fail = fail
    assert restate_job(lake.services, job)["failed"] == 1
    assert lake.log.lines[-1]["level"] == "warning"


@settings(max_examples=12, deadline=None)
@given(
    months=st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=3), min_size=3, max_size=9),
    fates=st.lists(
        st.sampled_from(["well", "well", "never processed", "bad line", "other bytes", "no receipt", "gone"])
    ),
    path=st.integers(1, 5),
    lost=st.booleans(),
)
def test_objects_that_are_known_to_have_no_rows_of_a_partition_are_not_read_and_it_is_the_same(
    months: list[list[int]], fates: list[str], path: int, lost: bool
) -> None:
    """Against a job that reads all of them: the same rows, or the same refusal."""
    lake, wanted = MemoryLake(shipped_contracts()), f"month=2026-{path:02d}"
    needed = set()
    for number, (within, fate) in enumerate(itertools.zip_longest(months, fates[: len(months)], fillvalue="well"), 1):
        lines: list[Any] = [
            order(number * 10 + month, "2026-11-20T10:00:00.5", created_at=f"2026-{month:02d}-20T10:00:00.5")
            for month in within
        ]
        key = lake.put_table("sales", "sales_order", number, lines + [b"bad\n"] * (fate == "bad line"))
        if fate != "never processed":
            lake.process(key)
        if fate == "other bytes":  # and nobody has processed them yet
            moved = order(number * 10, "2026-11-20T10:00:00.5", created_at=f"2026-{path:02d}-20T10:00:00.5")
            lake.put_table("sales", "sales_order", number, [*lines, moved])
        if fate == "no receipt":
            lake.records.delete([landing(key).receipt_key])
        if fate == "gone":
            lake.ingest.delete([key])
        elif path in within or fate != "well":
            needed.add(key)
    if lost and wanted in lake.paths("fact_sales_order"):
        lake.partitions.delete([lake.snapshot("fact_sales_order", wanted).key])
    every = lake.copied()
    restate = Restate("sales", "fact_sales_order", (wanted,))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("processing.restating.job._lookup", lambda _services, _repair: lambda: None)
        expected = run(every, restate)
    opened: list[str] = []
    lake.ingest.fail = lambda effect, key: opened.append(key) if effect == "open" else None  # type: ignore[func-returns-value]
    counts, outcome = run(lake, restate)
    assert (counts, outcome["result"]) == (expected[0], expected[1]["result"]), (outcome, expected)
    assert set(opened) == needed
    if counts["failed"] == 0:
        assert lake.snapshot("fact_sales_order", wanted).table == every.snapshot("fact_sales_order", wanted).table
