"""The sample of observed points, and the values that the provider contradicts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.audited import CALENDAR, DATASET, HOUR, TWO, AuditedFeed, feed_contract, points_of

from auditor.feeds.expect import expect
from auditor.feeds.partition_scan import scan_partitions
from auditor.feeds.values.sample import choose_sample, disputed_values
from auditor.windows import Window
from core.audit.certificate import LedgerEntry, window_name
from core.audit.repair_jobs import Compare
from core.contract.model import Sample

WINDOWS = [Window(TWO, TWO + HOUR), Window(TWO + HOUR, TWO + 2 * HOUR)]
LATER = TWO + 10 * 86_400


def sample_of(lake: AuditedFeed, *, now: int = LATER, entries: Any = ()) -> tuple[Compare, ...]:
    expectation = expect(lake.feed, CALENDAR, WINDOWS)
    coverage = scan_partitions(lake.contract, expectation, lake.partitions, workers=2).coverage
    return choose_sample(lake.contract, lake.feed, coverage, dict(entries), now=now)


def points(sample: tuple[Compare, ...]) -> set[tuple[str, int]]:
    return {(compare.entity, start) for compare in sample for start, _ in compare.ranges}


@settings(max_examples=15, deadline=None)
@given(size=st.integers(0, 8), repaired=st.sets(st.sampled_from(points_of(TWO, TWO + HOUR))))
def test_a_sample_is_of_observed_points_and_the_same_for_everybody(size: int, repaired: set[tuple[str, int]]) -> None:
    lake = AuditedFeed(feed_contract(sample=Sample(size)))
    observed = set(points_of(TWO, TWO + 2 * HOUR)) - repaired
    lake.put(observed)
    lake.put(repaired, provenance="repaired")
    sample = points(sample_of(lake))
    assert sample == points(sample_of(lake))
    assert sample <= observed
    for window in WINDOWS:
        inside = {point for point in observed if window.start <= point[1] < window.end}
        assert len(sample & inside) == min(size, len(inside))


def test_a_certified_window_is_not_compared_again_nor_one_that_the_history_does_not_reach() -> None:
    lake = AuditedFeed(feed_contract(sample=Sample(2)))
    lake.put(points_of(TWO, TWO + 2 * HOUR))
    certified: Any = {window_name("quotes", WINDOWS[0].name): LedgerEntry}
    assert {slot // HOUR for _, slot in points(sample_of(lake, entries=certified))} == {WINDOWS[1].start // HOUR}
    assert sample_of(lake, now=TWO) == ()


def test_no_point_of_another_cadence_is_compared_nor_one_of_an_entity_that_has_ended() -> None:
    """The close of five minutes is none of a minute, and was disputed; of what has ended the contract asks nobody."""
    lake = AuditedFeed(feed_contract(sample=Sample(200)))
    changed = TWO + HOUR // 2
    entities = tuple(
        replace(each, valid_until="2026-11-20T14:50:00Z") if each.name == "ZM" else each for each in lake.feed.entities
    )
    feed = replace(lake.feed, entities=entities)
    lake.put(points_of(TWO, TWO + HOUR))
    expectation = expect(feed, replace(CALENDAR, cadences=((changed, 300),)), WINDOWS[:1])
    contract = replace(lake.contract, source=feed)
    coverage = scan_partitions(contract, expectation, lake.partitions, workers=2).coverage
    sample = points(choose_sample(contract, feed, coverage, {}, now=LATER))
    assert sample == set(points_of(changed, TWO + HOUR, symbols=("AAPL", "MSFT")))


def test_only_a_value_beyond_the_tolerance_is_disputed() -> None:
    lake = AuditedFeed(feed_contract(sample=Sample(2, "0.01")))
    lake.put([("AAPL", TWO), ("MSFT", TWO)], price="100")
    lake.put([("ZM", TWO)], price="100", provenance="repaired")
    values = {("AAPL", TWO): {"price": "101"}, ("MSFT", TWO): {"price": "101.1"}, ("ZM", TWO): {"price": "1"}}
    [disputed] = disputed_values(lake.partitions, lake.contract, lake.feed, values)
    assert (disputed.dataset, disputed.entity, disputed.column) == (DATASET, "MSFT", "price")
    assert (disputed.value, disputed.provider_value) == ("100.000000", "101.1")
    for price in ("n/a", "NaN", "-Infinity", "1e999999999999999999999"):
        nonsense = {("AAPL", TWO): {"price": price}, ("MSFT", TWO): {}}
        assert disputed_values(lake.partitions, lake.contract, lake.feed, nonsense) == [], price


def test_what_a_column_has_rounded_is_no_dispute() -> None:
    """A price of 0.000012345678 in a column of six digits differs by more than a share of it."""
    lake = AuditedFeed(feed_contract(sample=Sample(2, "0.0001")))
    lake.put([("AAPL", TWO)], price="0.000012")
    for price, disputes in (("0.0000123456", 0), ("0.0000125", 0), ("0.00001251", 1), ("0.000013", 1)):
        values = {("AAPL", TWO): {"price": price}}
        assert len(disputed_values(lake.partitions, lake.contract, lake.feed, values)) == disputes, price
