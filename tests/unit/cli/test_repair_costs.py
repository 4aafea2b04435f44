"""What repairs cost, from the outcomes in the lake and the list prices of the documents."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from decimal import Decimal

import pytest
from tests.fakes.objects import MemoryObjects
from tests.support.lake import MemoryLake, order, shipped_contracts

from cli.costs import By, report, report_measured
from cli.repair_costs import MeasuredCost, measured_costs, process_memory_mb, unit_price, with_processing
from core.audit.at_scale.jobs import JobAtScale, Scan, write_work
from core.audit.efforts import Effort
from core.audit.repair_jobs import (
    ExtractAgain,
    FetchHistory,
    FetchRows,
    Repair,
    RepairJob,
    RepairOutcome,
    Reprocess,
    Restate,
    Vacuum,
    job_key,
    outcome_key,
    write_job,
    write_outcome,
)

DAY = dt.timedelta(days=1)
NOON = dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC)
HISTORY = FetchHistory("quotes", "AAPL", ((0, 60),), 1)
EXTRACT = FetchRows("sales", "staff", ((1,),))
RESTATE = Restate("sales", "dim_staff", ("",))
EFFORT = Effort(10.0, 5.0, calls=1, rows=7, reads=2, writes=4)
_numbers = itertools.count()


def repaired(records: MemoryObjects, repair: Repair, effort: Effort | None, result: str = "done") -> None:
    number = next(_numbers)
    job = write_job(records, RepairJob(repair.dataset, f"run-{number}", repair), attempt=1, number=0)
    write_outcome(records, job, RepairOutcome(result, "", 60, effort=effort))


def costs_of(records: MemoryObjects) -> dict[str, MeasuredCost]:
    rows = measured_costs(records, start=NOON - DAY, end=NOON + DAY)
    assert [row.repair for row in rows] == ["history", "re-extract", "restate", "replay"]
    return {row.repair: row for row in rows}


def price(effort: Effort, requests: int) -> Decimal:
    """Worked out once more, from the price list."""
    return (
        Decimal(str(effort.gb_seconds)) * Decimal("0.0000166667")
        + requests * Decimal("0.0000002")
        + effort.reads * Decimal("0.0000004")
        + effort.writes * Decimal("0.000005")
    ).quantize(Decimal("0.000001"))


def test_each_idea_of_repair_is_added_up_and_priced_apart() -> None:
    records = MemoryObjects(clock=lambda: NOON)
    for repair, count in ((HISTORY, 3), (EXTRACT, 2), (RESTATE, 1)):
        for _ in range(count):
            repaired(records, repair, EFFORT)
    repaired(records, ExtractAgain("sales", "staff", "2026-11-20", "2026-11-21"), EFFORT, "failed")
    repaired(records, Vacuum("sales", "dim_staff", ("",)), Effort(1.0, 1.7))
    found = costs_of(records)
    assert {name: (row.jobs, row.failed) for name, row in found.items()} == {
        "history": (3, 0), "re-extract": (3, 1), "restate": (2, 0), "replay": (0, 0),
    }  # fmt: skip
    assert (found["history"].effort.calls, found["history"].effort.rows) == (3, 21)
    assert found["history"].usd == price(Effort(30.0, 15.0, reads=6, writes=12), 3) > 0
    assert found["restate"].usd == price(Effort(11.0, 6.7, reads=2, writes=4), 2)
    assert found["replay"].usd == 0


def test_only_jobs_that_ended_in_the_time_count() -> None:
    times = iter([NOON - 3 * DAY] * 2 + [NOON] * 2 + [NOON + 3 * DAY] * 2)
    records = MemoryObjects(clock=lambda: next(times))
    for _ in range(3):
        repaired(records, RESTATE, EFFORT)
    assert costs_of(records)["restate"].jobs == 1


def test_an_audit_at_scale_is_no_repair() -> None:
    records = MemoryObjects(clock=lambda: NOON)
    scan = Scan("sales", "2026-11-19T00:00:00Z", "2026-11-20T00:00:00Z")
    job = write_work(records, JobAtScale("run", scan), attempt=0, number=1)
    write_outcome(records, job, RepairOutcome("done", "", 60, effort=EFFORT))
    repaired(records, RESTATE, EFFORT)
    assert {name: row.jobs for name, row in costs_of(records).items() if row.jobs} == {"restate": 1}


def test_what_an_earlier_release_did_is_counted_and_said_to_be_unmeasured() -> None:
    records = MemoryObjects(clock=lambda: NOON)
    repaired(records, HISTORY, None)
    repaired(records, HISTORY, EFFORT)
    write_outcome(records, job_key("swept", 1, 0), RepairOutcome("done", "", 60))  # its job is gone
    row = costs_of(records)["history"]
    assert (row.jobs, row.unmeasured, row.effort.rows) == (2, 1, 7)
    assert outcome_key(job_key("swept", 1, 0)) in [info.key for info in records.list("")]


def test_a_replay_costs_what_processing_took_for_its_objects() -> None:
    lake = MemoryLake(shipped_contracts())
    keys = [lake.put_table("sales", "sales_order", number, [order(number)]) for number in (1, 2)]
    lake.process(*keys)
    repaired(lake.records, Reprocess("sales", (keys[0], keys[1])), Effort(0.5, 0.25))
    repaired(lake.records, Reprocess("sales", (keys[1], "tables/sales/sales_order/000000000009.jsonl.gz")), None)
    row = costs_of(lake.records)["replay"]
    receipts = [lake.receipt(key) for key in keys]
    seconds = sum(receipt["milliseconds"] for receipt in receipts) / 1000
    assert (row.jobs, row.processed, row.effort.rows) == (2, 2, 2)
    assert row.effort.seconds == pytest.approx(0.5 + seconds)
    assert row.effort.gb_seconds == pytest.approx(0.25 + seconds * process_memory_mb() / 1024)
    partitions = sum(len(receipt["partitions"]) for receipt in receipts)
    assert row.effort.reads == 2 + partitions
    assert row.effort.writes >= 2 + 2 * 1


def test_processing_of_rows_that_were_extracted_again_is_part_of_that_idea() -> None:
    records = MemoryObjects(clock=lambda: NOON)
    repaired(records, EXTRACT, EFFORT)
    shares = [{"strategy": "base", "objects": 90, "milliseconds": 9e9, "percent": 99.0},
              {"strategy": "re-extract", "objects": 3, "milliseconds": 2048, "percent": 1.0}]  # fmt: skip
    before = costs_of(records)
    after = {row.repair: row for row in with_processing(list(before.values()), shares)}
    assert after["re-extract"].processed == 3
    assert after["re-extract"].effort.seconds == pytest.approx(12.048)
    assert after["re-extract"].usd > before["re-extract"].usd
    assert after["history"] == before["history"]


def test_prices_are_those_of_the_documents() -> None:
    assert unit_price("s3_put") == Decimal("0.000005")
    assert process_memory_mb() == 1769


def test_what_was_measured_is_shown_and_told_to_programs(capsys: pytest.CaptureFixture[str]) -> None:
    records = MemoryObjects(clock=lambda: NOON)
    repaired(records, RESTATE, EFFORT)
    measured = list(costs_of(records).values())
    report_measured(measured, [], since=NOON.date(), as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert told["measured"][2] == {
        "repair": "restate", "jobs": 1, "failed": 0, "unmeasured": 0, "seconds": 10.0, "gb_seconds": 5.0, "calls": 1,
        "rows": 7, "reads": 2, "writes": 4, "processed": 0, "usd": "0.000104",
    }  # fmt: skip
    report_measured(measured, [], since=NOON.date(), as_json=False)
    assert "0.000104 USD at list prices" in capsys.readouterr().out
    report([], [], (), title="Costs", by=By.REPAIR, measured=measured, as_json=True)
    assert json.loads(capsys.readouterr().out)["measured"] == told["measured"]
    report([], [], (), title="Costs", by=By.REPAIR, measured=measured, as_json=False)
    assert "Repairs as measured" in capsys.readouterr().out
