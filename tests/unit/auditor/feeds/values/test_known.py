"""Values near missing points, which go with the request for them."""

from __future__ import annotations

from dataclasses import replace

from tests.support.audited import CALENDAR, DATASET, HOUR, TWO, AuditedFeed, points_of

from auditor.feeds.choose import choose_windows
from auditor.feeds.scan import scan_feed
from auditor.feeds.values.known import known_values
from auditor.repairs.draft import PlanContext
from auditor.repairs.execute import make_plan
from auditor.repairs.plan import plan_repairs
from auditor.warehouse.partitions import SeenPartitions
from auditor.windows import Scope
from core.audit.findings import MissingPoints
from core.audit.history import KnownValue
from core.audit.repair_jobs import FetchHistory, repair_from_data, repair_to_data
from core.contract.model import Contracts
from core.time import epoch

MIDNIGHT = epoch("2026-12-01T00:00:00Z")


def known_of(lake: AuditedFeed, *gaps: tuple[int, int], calls: int = 10) -> dict[str, tuple[KnownValue, ...]]:
    ranges = {"AAPL": gaps, "ZM": gaps}
    return known_values(
        SeenPartitions(lake.partitions), lake.contract, lake.feed, CALENDAR, ranges, calls=calls, workers=2
    )


def test_they_lie_on_both_sides_and_between_the_gaps_whatever_partition_has_them() -> None:
    lake = AuditedFeed()
    gaps = ((MIDNIGHT - 600, MIDNIGHT + 600), (MIDNIGHT + 1200, MIDNIGHT + 1260))
    missing = {slot for start, end in gaps for slot in range(start, end, 60)}
    there = [(s, at) for s, at in points_of(MIDNIGHT - HOUR, MIDNIGHT + HOUR, symbols=["AAPL", "MSFT"])]
    lake.put([point for point in there if point[1] not in missing], price="7")
    known = known_of(lake, *gaps)
    before = [MIDNIGHT - 720, MIDNIGHT - 660]
    between, behind = [MIDNIGHT + 600, MIDNIGHT + 660], [MIDNIGHT + 1260, MIDNIGHT + 1320]
    assert known == {"AAPL": tuple(KnownValue(at, "price", "7.000000") for at in [*before, *between, *behind])}


def test_an_entity_without_any_near_its_own_calls_has_those_near_calls_of_others() -> None:
    """Its last values lie in the month before, and its call's hundred points do not reach so far."""
    lake, late = AuditedFeed(), MIDNIGHT + 3 * HOUR
    lake.put([("ZM", at) for at in range(MIDNIGHT - HOUR - 600, MIDNIGHT - HOUR, 60)], price="7")
    ranges = {"ZM": ((late, late + 600),), "AAPL": ((MIDNIGHT - HOUR, MIDNIGHT - HOUR + 60),)}
    seen = SeenPartitions(lake.partitions)
    known = known_values(seen, lake.contract, lake.feed, CALENDAR, ranges, calls=10, workers=2)
    assert [each.slot for each in known["ZM"]] == [MIDNIGHT - HOUR - 120, MIDNIGHT - HOUR - 60]


def test_of_those_that_came_from_the_history_some_are_among_them() -> None:
    lake = AuditedFeed()
    observed, repaired = points_of(TWO, TWO + 600, symbols=["ZM"]), points_of(TWO - HOUR, TWO - 1800, symbols=["ZM"])
    lake.put(observed, price="7")
    lake.put(repaired, price="8", provenance="repaired")
    known = known_of(lake, (TWO + 600, TWO + 660))
    assert [(each.slot - TWO, each.value) for each in known["ZM"]] == [
        (-1920, "8.000000"),
        (-1860, "8.000000"),
        (480, "7.000000"),
        (540, "7.000000"),
    ]


def test_they_are_of_the_calls_cadence() -> None:
    """The closes of five minutes are those of a minute four minutes later: the answer looked late by as much."""
    lake = AuditedFeed()
    calendar = replace(CALENDAR, cadences=((TWO, 300),))
    lake.put([("ZM", at) for at in range(TWO - HOUR, TWO, 300)], price="5", provenance="repaired")
    lake.put([("ZM", at) for at in range(TWO + 600, TWO + 1200, 60)], price="7")
    ranges = {"ZM": ((TWO - HOUR - 300, TWO - HOUR), (TWO, TWO + 600))}
    seen = SeenPartitions(lake.partitions)
    known = known_values(seen, lake.contract, lake.feed, calendar, ranges, calls=10, workers=2)
    assert [(each.slot - TWO, each.value) for each in known["ZM"]] == [
        (-3600, "5.000000"),
        (-3300, "5.000000"),
        (600, "7.000000"),
        (660, "7.000000"),
    ]
    missing = MissingPoints(DATASET, "ZM", ranges["ZM"], 11)
    contracts = Contracts((lake.contract,), calendars=(calendar,))
    jobs = plan_repairs([missing], PlanContext(contracts, known=known)).repairs
    assert [{each.value for each in job.known} for job in jobs if isinstance(job, FetchHistory)] == [
        {"5.000000"},
        {"7.000000"},
    ]


def test_no_more_calls_are_looked_at_than_a_run_may_make() -> None:
    lake = AuditedFeed()
    lake.put(points_of(TWO, TWO + 600), price="7")
    assert known_of(lake, (TWO + 600, TWO + 660), calls=1).keys() == {"AAPL"}
    assert known_of(lake, (TWO + 600, TWO + 660), calls=0) == {}


def test_the_request_for_missing_points_takes_them_along() -> None:
    lake = AuditedFeed()
    lake.put([point for point in points_of(TWO, TWO + HOUR) if point != ("ZM", TWO + 600)], price="7")
    order = choose_windows(lake.services, DATASET, "run", Scope(lake.now, TWO, TWO + HOUR))
    scan_feed(lake.services, order, attempt=0)
    [job] = [
        repair for repair in make_plan(lake.services, order, attempt=1).repairs if isinstance(repair, FetchHistory)
    ]
    assert {each.slot - TWO for each in job.known} == {480, 540, 660, 720}
    assert repair_from_data(repair_to_data(job)) == job
