"""The partitions of windows, read through their pointers."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.audited import CALENDAR, FACT, HOUR, TWO, AuditedFeed, feed_contract, points_of

from auditor.feeds.expect import expect
from auditor.feeds.partition_scan import PartitionScan, scan_partitions
from auditor.feeds.points import missing_points
from auditor.windows import Window, windows_between
from core.audit.findings import BrokenPartition
from core.warehouse.pointer import partition_of

WINDOW = Window(TWO, TWO + HOUR)
POINTS = points_of(TWO, TWO + HOUR)
PATH = "symbol=AAPL/month=2026-11"


def scan(lake: AuditedFeed, *, start: int = TWO, end: int = TWO + HOUR) -> PartitionScan:
    windows = windows_between(lake.feed, CALENDAR, start, end)
    return scan_partitions(lake.contract, expect(lake.feed, CALENDAR, windows), lake.partitions, workers=2)


def missing(found: PartitionScan) -> set[tuple[str, int]]:
    return {
        (points.entity, slot)
        for points in missing_points("test", found.coverage)
        for first, last in points.ranges
        for slot in range(first, last, 60)
    }


@settings(max_examples=20, deadline=None)
@given(there=st.sets(st.sampled_from(POINTS)))
def test_exactly_the_points_that_are_not_there_are_missing(there: set[tuple[str, int]]) -> None:
    lake = AuditedFeed()
    lake.put(there)
    found = scan(lake)
    assert missing(found) == set(POINTS) - there
    rows = {name: proof[0] for name, proof in found.proofs[0].items()}
    assert sum(rows.values()) == len(there)
    assert [*found.broken, *found.held, *found.rolled_back] == []


def test_a_window_s_proof_is_of_its_own_rows() -> None:
    lake = AuditedFeed()
    lake.put(points_of(TWO, TWO + 2 * HOUR))
    both, first = scan(lake, end=TWO + 2 * HOUR), scan(lake)
    assert both.proofs[0] == first.proofs[0]
    assert both.proofs[1] != first.proofs[0]


def test_with_several_facts_a_point_is_there_when_all_of_them_have_it() -> None:
    second = replace(FACT, name="fact_again")
    lake = AuditedFeed(feed_contract(tables=(FACT, second)))
    lake.put(POINTS)
    assert missing(scan(lake)) == set(POINTS)
    lake.put(POINTS[10:], table=second)
    assert missing(scan(lake)) == set(POINTS[:10])


def test_a_fact_that_begins_later_than_another_lacks_no_point_of_before() -> None:
    first = replace(FACT, name="fact_first", since="2026-11-10")
    second = replace(FACT, name="fact_second", since="2026-12-01")
    for tables in ((first, second), (second, first)):
        lake = AuditedFeed(feed_contract(tables=tables))
        assert missing(scan(lake)) == set(POINTS)
        lake.put(POINTS, table=first)
        assert missing(scan(lake)) == set()
    lake = AuditedFeed(feed_contract(tables=(first, replace(second, since="2026-11-30"))))
    lake.put(POINTS, table=first)
    assert missing(scan(lake)) == set(POINTS), "of a month that has begun, all is kept"


def test_a_pointer_to_no_object_is_a_broken_partition_and_its_points_are_missing() -> None:
    lake = AuditedFeed()
    lake.put(POINTS)
    del lake.partitions.objects[lake.partitions.history[partition_of(FACT.name, PATH)][-1]]
    found = scan(lake)
    [broken] = found.broken
    assert isinstance(broken, BrokenPartition)
    assert (broken.table, broken.partition) == (FACT.name, PATH)
    assert missing(found) == {point for point in POINTS if point[0] == "AAPL"}


def test_rules_are_checked_where_parents_are_given() -> None:
    column = replace(FACT.columns[0], references="dim_symbol.symbol")
    fact = replace(FACT, columns=(column, *FACT.columns[1:]))
    lake = AuditedFeed(feed_contract(tables=(fact,)))
    lake.put(POINTS)
    expectation = expect(lake.feed, CALENDAR, [WINDOW])
    known = pa.array(["AAPL", "MSFT"])
    found = scan_partitions(lake.contract, expectation, lake.partitions, parents=lambda _: known, workers=2)
    assert [(orphans.column, orphans.keys, orphans.rows) for orphans in found.orphans] == [("symbol", ("ZM",), 60)]
    assert scan(lake).orphans == []
