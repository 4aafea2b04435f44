"""A range that is too large to read: Athena's answer gives the findings that reading would."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.athena import MemoryAthena
from tests.support.audited import CALENDAR, DATASET, FACT, HOUR, TWO, AuditedFeed, instant, points_of

from auditor.audits import begin_audit
from auditor.evidence.absent import Absence
from auditor.feeds.athena_scan import is_too_large, scan_with_athena
from auditor.feeds.choose import FeedOrder
from auditor.feeds.expect import expect
from auditor.feeds.partition_scan import scan_partitions
from auditor.feeds.points import missing_points
from auditor.services import Limits
from auditor.windows import Scope
from core.warehouse.pointer import partition_of

END = TWO + 2 * HOUR
POINTS = points_of(TWO, END)


def lake_with(points: set[tuple[str, int]]) -> AuditedFeed:
    ordered = sorted(points)
    rows = pa.table(
        {
            "symbol": pa.array([symbol for symbol, _ in ordered], pa.string()),
            "minute": pa.array([instant(slot) for _, slot in ordered], pa.timestamp("us")),
            "month": pa.array([f"{instant(slot):%Y-%m}" for _, slot in ordered], pa.string()),
        }
    )
    lake = AuditedFeed(now=END + 600, athena=MemoryAthena(lambda: rows), limits=Limits(workers=2, points=100))
    lake.put(points)
    return lake


def order_of(lake: AuditedFeed) -> FeedOrder:
    order = begin_audit(lake.services, DATASET, "run", Scope(lake.now, TWO, END)).order
    assert isinstance(order, FeedOrder)
    return order


def scan(lake: AuditedFeed, *absences: Absence) -> Any:
    order = order_of(lake)
    expectation = expect(lake.feed, CALENDAR, order.windows, start=order.start, end=order.end)
    assert is_too_large(lake.services, order, expectation)
    return scan_with_athena(lake.services, order, CALENDAR, expectation, absences)


@settings(max_examples=10, deadline=None)
@given(there=st.sets(st.sampled_from(POINTS)))
def test_athena_and_the_partitions_find_the_same(there: set[tuple[str, int]]) -> None:
    lake = lake_with(there)
    findings, windows = scan(lake)
    expectation = expect(lake.feed, CALENDAR, order_of(lake).windows)
    coverage = scan_partitions(lake.contract, expectation, lake.partitions, workers=2).coverage
    assert findings == missing_points(DATASET, coverage)
    for window, counts in zip(windows, coverage.counts(), strict=True):
        assert window.counts == {name: counts[name] for name in ("expected", "present", "absent", "missing")}
        assert window.counted
        assert not window.whole


def test_what_is_proven_absent_is_not_missing() -> None:
    lake = lake_with(set(POINTS) - {("ZM", TWO), ("ZM", TWO + 60)})
    absence = Absence(DATASET, "ZM", ((TWO, TWO + 60),), TWO, TWO + 86_400 * 365, ())
    [finding], windows = scan(lake, absence)
    assert finding.ranges == ((TWO + 60, TWO + 120),)
    assert [(window.counts["absent"], window.counts["missing"]) for window in windows] == [(1, 1), (0, 0)]


def test_a_broken_partition_that_lacks_points_is_found_with_them() -> None:
    lake = lake_with({point for point in POINTS if point[0] != "ZM"})
    lake.put([("ZM", TWO)])
    path = "symbol=ZM/month=2026-11"
    del lake.partitions.objects[lake.partitions.history[partition_of(FACT.name, path)][-1]]
    broken, missing = scan(lake)[0]
    assert (broken.kind, broken.partition) == ("broken_object", path)
    assert (missing.entity, missing.points) == ("ZM", 120)


def test_what_a_schedule_chose_is_never_too_large() -> None:
    lake = lake_with(set(POINTS))
    expectation = expect(lake.feed, CALENDAR, order_of(lake).windows)
    scheduled = FeedOrder(DATASET, "run", (), TWO, END, scheduled=True, frontier=0, targets={})
    assert not is_too_large(lake.services, scheduled, expectation)
