"""Rollups against certified windows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.audited import (
    CALENDAR,
    DATASET,
    FACT,
    HOUR,
    HOURLY,
    SYMBOLS,
    TWO,
    AuditedFeed,
    feed_contract,
    instant,
    points_of,
)
from tests.support.tables import rows_of

from auditor.audits import begin_audit, end_audit
from auditor.evidence.absent import Absence, keep
from auditor.evidence.chain import ChainReader
from auditor.feeds.audit import FeedAudit
from auditor.feeds.expect import expect
from auditor.feeds.partition_scan import scan_partitions
from auditor.feeds.rollups import stale_rollups
from auditor.windows import Scope, Window
from core.audit.certificate import window_name
from core.audit.findings import StaleDerived
from core.contract.model import GroupValue

WINDOW = Window(TWO, TWO + HOUR)
RIGHT = {"count": 60, "expected": 60, "repaired": 0, "absent": 0, "complete": True}


@pytest.fixture
def lake() -> AuditedFeed:
    """One hour, certified, without a rollup."""
    lake = AuditedFeed(feed_contract(tables=(FACT, HOURLY)))
    lake.put(points_of(TWO, TWO + HOUR))
    begun = begin_audit(lake.services, DATASET, "run", Scope(lake.now))
    begun.scan(attempt=0)
    assert end_audit(lake.services, begun, attempt=0).certificates == 1
    return lake


def roll_up(lake: AuditedFeed, **wrong: Any) -> None:
    """Commit the hour of each symbol; ``wrong`` is ZM's."""
    for symbol in SYMBOLS:
        counts = {**RIGHT, **(wrong if symbol == "ZM" else {})}
        rows = rows_of(HOURLY, [{"symbol": symbol, "hour": instant(TWO), **counts}])
        lake.commit(HOURLY, f"symbol={symbol}/month=2026-11", rows)


def stale(lake: AuditedFeed, *, end: int | None = None) -> list[StaleDerived]:
    expectation = expect(lake.feed, CALENDAR, [WINDOW], end=end)
    scan = scan_partitions(lake.contract, expectation, lake.partitions, workers=2)
    name = window_name("quotes", WINDOW.name)
    entries = ChainReader(lake.records, DATASET).entries([(name, WINDOW.name)])
    return stale_rollups(lake.partitions, lake.contract, CALENDAR, expectation, scan, entries)


def test_a_rollup_that_says_what_the_window_says_is_not_stale(lake: AuditedFeed) -> None:
    roll_up(lake)
    assert stale(lake) == []


def test_a_group_that_is_not_there_makes_its_partition_stale(lake: AuditedFeed) -> None:
    assert [finding.partition for finding in stale(lake)] == [f"symbol={symbol}/month=2026-11" for symbol in SYMBOLS]


@pytest.mark.parametrize("wrong", [{"count": 59}, {"absent": 1}, {"complete": False}, {"repaired": 3}])
def test_a_group_that_counts_otherwise_makes_its_partition_stale(lake: AuditedFeed, wrong: dict[str, Any]) -> None:
    roll_up(lake, **wrong)
    [finding] = stale(lake)
    assert finding.partition == "symbol=ZM/month=2026-11"
    assert finding.problem == "1 groups are not as certified, the first ZM 2026-11-20T14:00Z"


def test_a_window_whose_rows_are_not_the_certified_ones_is_passed_over(lake: AuditedFeed) -> None:
    lake.put([("ZM", TWO)], provenance="late")
    assert stale(lake) == []


def test_a_group_of_which_an_audit_read_a_part_alone_is_passed_over(lake: AuditedFeed) -> None:
    roll_up(lake)
    assert stale(lake, end=TWO + 1_800) == []


def test_a_day_of_which_an_audit_read_an_hour_alone_is_passed_over() -> None:
    columns = tuple(
        replace(each, rule=GroupValue("minute", "day")) if each.name == "hour" else each for each in HOURLY.columns
    )
    lake = AuditedFeed(feed_contract(tables=(FACT, replace(HOURLY, columns=columns))))
    lake.put(points_of(TWO, TWO + HOUR))
    begun = begin_audit(lake.services, DATASET, "run", Scope(lake.now, TWO, TWO + HOUR))
    begun.scan(attempt=0)
    assert end_audit(lake.services, begun, attempt=0).certificates == 1
    assert stale(lake) == []


@pytest.mark.parametrize("other", ["repaired", ""])
def test_a_rollup_is_held_to_its_own_fact_where_a_feed_has_several(other: str) -> None:
    """A point may be observed in this fact, and repaired in another, or known to be absent for another lacks it."""
    second = replace(FACT, name="fact_of_ticks")
    lake = AuditedFeed(feed_contract(tables=(FACT, second, HOURLY)))
    lake.put(points_of(TWO, TWO + HOUR))
    lake.put([point for point in points_of(TWO, TWO + HOUR) if point != ("ZM", TWO)], table=second)
    if other:
        lake.put([("ZM", TWO)], table=second, provenance=other)
    else:
        keep(lake.records, [Absence(DATASET, "ZM", ((TWO, TWO + 60),), lake.now, lake.now + HOUR, (), "whole")])
    begun = begin_audit(lake.services, DATASET, "run", Scope(lake.now))
    assert isinstance(begun, FeedAudit)
    begun.scan(attempt=0)
    assert end_audit(lake.services, begun, attempt=0).certificates == 1
    roll_up(lake)
    assert [each for each in begun.scan(attempt=1).findings if isinstance(each, StaleDerived)] == []
