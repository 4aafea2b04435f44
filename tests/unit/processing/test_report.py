"""Reports of an object: log lines, metrics and the receipt."""

from __future__ import annotations

import dataclasses

import pytest
from tests.support.lake import NOW, MemoryLake, landing, shipped_contracts

from core.errors import OutOfReach
from core.ports import ObjectStat
from processing.ingest import Ingest
from processing.parse_object import ParsedObject
from processing.plan import plan_source
from processing.records.receipts import TouchedPartition
from processing.report import receipt_of, report, report_failure, report_gone

KEY = "tables/sales/sales_order/000000000007.jsonl.gz"


@pytest.fixture
def lake() -> MemoryLake:
    return MemoryLake(shipped_contracts())


def ingest(**parsed: object) -> Ingest:
    plan = plan_source(shipped_contracts().dataset("sales"), "sales_order")
    state = Ingest(landing(KEY), plan, started=0.0, stat=ObjectStat(KEY, 10, "etag", NOW, version_id="version"))
    state.parsed = dataclasses.replace(ParsedObject(lines_in=3, accepted=2, rejected_lines=1, rows_out=2), **parsed)
    state.touched = [
        TouchedPartition("fact_b", "month=2026-11", 2, "unchanged", 1),
        TouchedPartition("fact_a", "month=2026-12", 1, "committed", 1),
    ]
    return state


def test_a_receipt_holds_the_account_of_the_lines_and_the_partitions_in_order(lake: MemoryLake) -> None:
    receipt = receipt_of(ingest(), lake.services)
    assert (receipt.lines_in, receipt.accepted, receipt.rejected, receipt.rows_out) == (3, 2, 1, 2)
    assert [touched.table for touched in receipt.partitions] == ["fact_a", "fact_b"]
    assert (receipt.outcome, receipt.sequential_id, receipt.sequential) == ("committed", 7, True)
    assert (receipt.etag, receipt.version_id, receipt.code_version) == ("etag", "version", "test")


def test_a_halted_object_counts_no_rows_and_is_an_error(lake: MemoryLake) -> None:
    state = ingest(halted="why")
    receipt = receipt_of(state, lake.services)
    assert (receipt.outcome, receipt.reason, receipt.rows_out) == ("halted", "why", 0)
    assert receipt.lines_in == receipt.accepted + receipt.rejected
    report(lake.services, state, receipt)
    assert [line["level"] for line in lake.log.lines] == ["error"]
    assert lake.metrics["sales"].total("ObjectsHalted") == 1


def test_rejected_lines_and_a_broken_sequence_are_warnings_with_metrics(lake: MemoryLake) -> None:
    state = ingest()
    state.expected = 5
    receipt = receipt_of(state, lake.services)
    report(lake.services, state, receipt)
    assert [line["level"] for line in lake.log.lines] == ["warning", "warning"]
    assert lake.log.lines[1]["expected_id"] == 5
    totals = {name: lake.metrics["sales"].total(name) for name in ("LinesIn", "LinesRejected", "NonSequentialIds")}
    assert totals == {"LinesIn": 3, "LinesRejected": 1, "NonSequentialIds": 1}
    assert not receipt.sequential


def test_a_failure_names_the_error_and_a_gone_object_is_a_warning(lake: MemoryLake) -> None:
    report_failure(lake.services, ingest(), OutOfReach("read", KEY, "no answer"))
    report_gone(lake.services, ingest())
    assert [line["level"] for line in lake.log.lines] == ["error", "warning"]
    assert lake.log.lines[0]["reason"].startswith("OutOfReach: ")
    assert [lake.metrics["sales"].total(name) for name in ("ObjectsFailed", "ObjectsGone")] == [1, 1]
