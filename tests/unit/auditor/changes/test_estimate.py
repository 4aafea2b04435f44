"""Work of a change, told before it is applied: what the lake holds is counted, what is not there yet is not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.support.audited import CALENDAR, FACT, HOUR, TWO, AuditedFeed

from auditor.changes.estimate import SAMPLE, Lake, Work, by_grade, estimate_work, minutes_of
from auditor.services import Budget
from core.contract.model import Column, Contract, Contracts, Entity, Feed, Take
from core.contract.types import parse_type
from core.evolution.compare import compare_contracts
from core.time import epoch, iso

DAY = 24 * HOUR


def work_of(lake: AuditedFeed, after: Contract) -> list[Work]:
    before = Contracts((lake.contract,), calendars=(CALENDAR,))
    changed = Contracts((after,), calendars=(CALENDAR,))
    buckets = Lake(lake.ingest, lake.records, lake.partitions, now=lake.now)
    return estimate_work(buckets, before, changed, compare_contracts(before, changed))


def with_column(contract: Contract) -> Contract:
    fact = replace(FACT, columns=(*FACT.columns, Column("asked_at", parse_type("timestamp"), Take("fetched_at"))))
    return replace(contract, tables=(fact,), hash="other")


@pytest.mark.parametrize("months", [0, 1, 2 * SAMPLE + 1])
def test_rows_of_many_partitions_are_told_from_some_that_are_read(months: int) -> None:
    lake = AuditedFeed(now=TWO)
    for month in range(months):
        at = epoch(f"{2024 + month // 12}-{month % 12 + 1:02d}-20T14:00:00Z")
        lake.put([("AAPL", at + 60 * minute) for minute in range(10)])
    work = work_of(lake, with_column(lake.contract))
    assert [(each.subject, each.grade, each.partitions, each.rows) for each in work] == [
        ("fact_quote", "additive", months, 10 * months)
    ][: min(months, 1)]
    assert work_of(lake, lake.contract) == []


def test_a_table_that_is_partitioned_anew_is_written_whole_though_its_rows_stay_as_they_are() -> None:
    lake = AuditedFeed(now=TWO)
    lake.put([("AAPL", TWO + 60 * minute) for minute in range(10)])
    parts = tuple(
        replace(part, name="year", transform="year") if part.transform == "month" else part
        for part in FACT.partition_by
    )
    assert parts != FACT.partition_by
    work = work_of(lake, replace(lake.contract, tables=(replace(FACT, partition_by=parts),), hash="other"))
    assert [(each.subject, each.grade, each.partitions, each.rows) for each in work] == [
        ("fact_quote", "rebuild", 1, 10)
    ]


def test_an_entity_whose_past_is_wanted_is_told_in_points_and_calls() -> None:
    lake = AuditedFeed(now=TWO)
    feed = lake.feed
    wanted = Entity("ORCL", valid_from=iso(TWO - DAY))
    work = work_of(lake, with_feed(lake.contract, entities=(*feed.entities, wanted, Entity("AMD"))))
    assert [(each.subject, each.grade, each.points, each.calls > 0) for each in work] == [
        ("quotes", "additive", DAY // 60, True)
    ]
    assert work_of(lake, with_feed(lake.contract, entities=(*feed.entities, Entity("AMD")))) == []


def with_feed(contract: Contract, **changes: object) -> Contract:
    assert isinstance(contract.source, Feed)
    return replace(contract, source=replace(contract.source, **changes))  # type: ignore[arg-type]


def test_minutes_grow_by_the_hour_of_each_run_that_the_budget_needs() -> None:
    work = [Work("sales", "fact_sales_order", "additive", partitions=36, fetched=650_000)]
    assert minutes_of(work, 600) == 2 * 60 + 10
    assert minutes_of(work, 600, Budget(partitions=12, rows=10**6)) == 2 * 60 + 10
    assert minutes_of([], 30) == 0.5
    assert minutes_of([Work("quotes", "fact_quote", "rebuild", partitions=500)], 600) == 10, "the deployment builds it"
    assert list(by_grade([*work, replace(work[0], grade="restate")])) == ["restate", "additive"]
