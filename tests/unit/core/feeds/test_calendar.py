"""The rule by which points are expected, instant by instant."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.contract.model import Entity, TradingCalendar
from core.errors import InvalidData
from core.feeds.calendar import FOREVER, expected_between, is_expected, ranges, slot_of, slots_in, validity

CALENDAR = TradingCalendar("C", "1", 0, 10_000, ((600, 1200), (1800, 2400)))


@given(st.sets(st.integers(0, 40)).map(sorted))
@settings(max_examples=50, deadline=None)
def test_ranges_are_the_inverse_of_slots(numbers: list[int]) -> None:
    slots = [number * 60 for number in numbers]
    pairs = ranges(slots, every=60)
    assert list(slots_in(pairs, every=60)) == slots
    assert all(first[1] < second[0] for first, second in itertools.pairwise(pairs))


def test_a_slot_is_expected_where_its_start_lies_in_a_segment() -> None:
    assert expected_between(CALENDAR, every=300, start=0, end=3000) == [600, 900, 1800, 2100]
    assert [is_expected(CALENDAR, at) for at in (599, 600, 1199, 1200)] == [False, True, True, False]
    assert expected_between(CALENDAR, every=300, start=900, end=900) == []


def test_what_the_calendar_does_not_cover_is_no_holiday() -> None:
    with pytest.raises(InvalidData, match="outside what it covers"):
        expected_between(CALENDAR, every=300, start=9000, end=10_001)


def test_slots_are_aligned_to_the_epoch_and_validity_is_half_open() -> None:
    assert slot_of(61.9, 60) == 60
    assert validity(Entity("A")) == (-FOREVER, FOREVER)
    assert validity(Entity("A", "1970-01-01T00:01:00Z", "1970-01-01T00:02:00Z")) == (60, 120)
