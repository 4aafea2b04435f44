"""The grid of expected points against exchange_calendars itself."""

from __future__ import annotations

import datetime as dt
import itertools

import exchange_calendars
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.authoring.calendars import trading_calendar
from core.contract.model import Entity, Feed, Provider, SourceTable, TradingCalendar
from core.errors import InvalidData
from core.feeds.calendar import entities_at, expected_between, is_expected, ranges, slot_of, slots_in, validity
from core.feeds.grid import expected_slots, expects_slots, feed_grid
from core.time import epoch, iso

FIRST, LAST = dt.date(2026, 1, 1), dt.date(2027, 12, 31)
XNYS = trading_calendar("XNYS", first=FIRST, last=LAST)
LIBRARY = exchange_calendars.get_calendar("XNYS", start=FIRST.isoformat(), end=LAST.isoformat())
ALWAYS = trading_calendar("always", first=FIRST, last=LAST)


def feed_of(*entities: Entity, every: int = 60) -> Feed:
    return Feed(
        provider=Provider("finnhub"),
        history=Provider("finnhub"),
        secret="token",
        every=every,
        calendar="XNYS",
        entity_column="symbol",
        time_column="minute",
        entities=entities,
        settle=180,
        complete_within=7200,
        calls_per_minute=60,
        table=SourceTable("quotes", ("symbol", "minute"), ()),
    )


def library_minutes(start: str, end: str) -> list[int]:
    """The library's own trading minutes that start in [start, end)."""
    last = dt.datetime.fromisoformat(end) - dt.timedelta(minutes=1)
    minutes = LIBRARY.minutes_in_range(start, last.strftime("%Y-%m-%dT%H:%M"))
    return [int(minute.timestamp()) for minute in minutes]


@pytest.mark.parametrize(
    ("day", "opens", "count"),
    [
        ("2026-11-20", "14:30", 390),  # a plain winter day
        ("2026-07-15", "13:30", 390),  # summer time: an hour earlier in UTC
        ("2026-11-27", "14:30", 210),  # the half day after Thanksgiving closes at 18:00
        ("2026-11-26", "", 0),  # Thanksgiving
        ("2026-11-21", "", 0),  # a Saturday
    ],
)
def test_a_day_has_the_minutes_that_the_exchange_has(day: str, opens: str, count: int) -> None:
    start = epoch(day)
    slots = expected_slots(XNYS, every=60, start=start, end=start + 86_400)
    assert len(slots) == count
    assert not opens or iso(int(slots[0])) == f"{day}T{opens}:00Z"


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-03-05", "2026-03-12"),  # New York goes to summer time
        ("2026-10-29", "2026-11-05"),  # and back, over a month's end
        ("2026-12-21", "2027-01-05"),  # Christmas Eve's half day, the year's end
    ],
)
def test_windows_across_dst_month_end_and_half_days_agree_with_the_library(start: str, end: str) -> None:
    slots = expected_slots(XNYS, every=60, start=epoch(start), end=epoch(end))
    assert slots.tolist() == library_minutes(start, end)


@settings(max_examples=60, deadline=None)
@given(
    start=st.integers(epoch("2026-02-01"), epoch("2027-11-01")),
    length=st.integers(0, 3 * 86_400),
    every=st.sampled_from([60, 300, 3600]),
)
def test_slots_of_any_window_are_those_that_are_expected_one_by_one(start: int, length: int, every: int) -> None:
    slots = expected_slots(XNYS, every=every, start=start, end=start + length)
    assert expects_slots(XNYS, every=every, start=start, end=start + length) == bool(len(slots))
    grid = range(-(-start // every) * every, start + length, every)
    assert slots.tolist() == [slot for slot in grid if is_expected(XNYS, slot)]
    assert slots.tolist() == expected_between(XNYS, every=every, start=start, end=start + length)


def test_the_minute_before_the_opening_and_the_minute_of_the_close_are_not_expected() -> None:
    opens, closes = epoch("2026-11-20T14:30"), epoch("2026-11-20T21:00")
    assert [is_expected(XNYS, slot) for slot in (opens - 60, opens, closes - 60, closes)] == [False, True, True, False]


def test_an_hourly_feed_of_an_exchange_owes_the_hours_that_start_while_it_is_open() -> None:
    slots = expected_slots(XNYS, every=3600, start=epoch("2026-11-20"), end=epoch("2026-11-21"))
    assert [iso(int(slot))[11:16] for slot in slots] == ["15:00", "16:00", "17:00", "18:00", "19:00", "20:00"]


def test_always_means_every_slot() -> None:
    slots = expected_slots(ALWAYS, every=3600, start=epoch("2026-03-29"), end=epoch("2026-03-30"))
    assert slots.tolist() == list(range(epoch("2026-03-29"), epoch("2026-03-30"), 3600))


def test_a_calendar_is_not_asked_beyond_what_it_covers() -> None:
    with pytest.raises(InvalidData, match="starmend contract render"):
        expected_slots(XNYS, every=60, start=epoch("2027-12-31"), end=epoch("2028-01-02"))
    with pytest.raises(InvalidData, match="outside what it covers"):
        is_expected(XNYS, epoch("2025-12-31"))


def test_an_empty_window_owes_nothing_wherever_it_lies() -> None:
    assert expected_slots(XNYS, every=60, start=0, end=0).tolist() == []


def test_entities_owe_points_only_while_they_are_valid() -> None:
    feed = feed_of(
        Entity("META", valid_from="2026-11-20T14:32:00Z"),
        Entity("FB", valid_until="2026-11-20T14:32:00Z"),
        Entity("GONE", valid_until="2026-01-01"),
        Entity("AAPL"),
    )
    start = epoch("2026-11-20T14:28")
    grid = feed_grid(feed, XNYS, start=start, end=start + 6 * 60)  # 14:30 to 14:33 are open
    expected = [[0, 0, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]]
    assert grid.bitmap().astype(int).tolist() == expected
    assert grid.expected == int(np.sum(expected))
    assert grid.bitmap(slice(1, 3)).astype(int).tolist() == expected[1:3]
    assert grid.slots_of("META").tolist() == [epoch("2026-11-20T14:32"), epoch("2026-11-20T14:33")]
    assert [entity.name for entity in entities_at(feed, epoch("2026-11-20T14:31"))] == ["FB", "AAPL"]
    with pytest.raises(KeyError):
        grid.slots_of("nobody")


def test_positions_find_expected_instants_and_no_others() -> None:
    start = epoch("2026-11-20T14:30")
    grid = feed_grid(feed_of(Entity("AAPL")), XNYS, start=start, end=start + 300)
    asked = np.array([start, start + 120, start + 30, start - 60, start + 300], np.int64)
    assert grid.positions(asked).tolist() == [0, 2, -1, -1, -1]
    night = feed_grid(feed_of(Entity("AAPL")), XNYS, start=epoch("2026-11-20"), end=epoch("2026-11-20T01:00"))
    assert night.positions(asked).tolist() == [-1] * 5
    assert night.expected == 0


@given(st.sets(st.integers(0, 200)))
def test_ranges_and_back(numbers: set[int]) -> None:
    slots = sorted(number * 60 for number in numbers)
    pairs = ranges(slots, every=60)
    assert list(slots_in(pairs, every=60)) == slots
    assert all(before[1] < after[0] for before, after in itertools.pairwise(pairs))


def test_instants_are_read_and_written_in_utc() -> None:
    assert iso(epoch("2026-11-20T09:30:00-05:00")) == "2026-11-20T14:30:00Z"
    assert epoch("2026-11-20T14:30:00") == epoch("2026-11-20T14:30:00Z")
    assert slot_of(epoch("2026-11-20T14:30:59") + 0.9, 60) == epoch("2026-11-20T14:30")
    assert validity(Entity("AAPL"))[0] < 0 < validity(Entity("AAPL"))[1]


def test_segments_with_a_lunch_break_leave_it_out() -> None:
    calendar = TradingCalendar("LUNCH", "test", 0, 86_400, ((0, 120), (180, 300)))
    assert expected_slots(calendar, every=60, start=0, end=600).tolist() == [0, 60, 180, 240]
