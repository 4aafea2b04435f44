"""Trading calendars as plain segments."""

from __future__ import annotations

import datetime as dt

import pytest
from exchange_calendars import calendar_utils

from core.authoring.calendars import ALWAYS, calendar_names, known_until, trading_calendar
from core.time import epoch

BOUNDED = {"XSHG", "XSES", "XBOM"}


def test_always_is_one_segment_of_whole_days() -> None:
    calendar = trading_calendar(ALWAYS, first=dt.date(2026, 11, 20), last=dt.date(2026, 11, 21))
    assert calendar.segments == ((epoch("2026-11-20T00:00:00Z"), epoch("2026-11-22T00:00:00Z")),)
    assert (calendar.covers_from, calendar.covers_to) == calendar.segments[0]


def test_a_half_day_ends_early_and_a_holiday_has_no_segment() -> None:
    calendar = trading_calendar("XNYS", first=dt.date(2026, 11, 25), last=dt.date(2026, 11, 28))
    assert calendar.segments == (
        (epoch("2026-11-25T14:30:00Z"), epoch("2026-11-25T21:00:00Z")),
        (epoch("2026-11-27T14:30:00Z"), epoch("2026-11-27T18:00:00Z")),
    )
    assert calendar.version.startswith("exchange_calendars ")


def test_a_break_at_noon_is_between_two_segments() -> None:
    calendar = trading_calendar("XTKS", first=dt.date(2026, 11, 19), last=dt.date(2026, 11, 20))
    assert len(calendar.segments) == 4


@pytest.mark.parametrize("name", sorted(BOUNDED))
def test_a_calendar_whose_holidays_are_known_to_a_day_is_covered_to_that_day(name: str) -> None:
    until = known_until(name)
    assert until is not None
    calendar = trading_calendar(name, first=until - dt.timedelta(days=20), last=until + dt.timedelta(days=400))
    assert calendar.covers_to == epoch(f"{until + dt.timedelta(days=1)}T00:00:00Z")
    assert calendar.segments
    with pytest.raises(ValueError, match="known until"):
        trading_calendar(name, first=until + dt.timedelta(days=1), last=until + dt.timedelta(days=2))


def test_the_calendars_with_a_bound_are_those_of_the_library() -> None:
    factories = calendar_utils.global_calendar_dispatcher._calendar_factories
    bounded = {name for name, kind in factories.items() if kind.bound_max() is not None}
    assert bounded >= BOUNDED
    assert known_until("XNYS") is None


def test_always_is_among_the_names() -> None:
    assert {ALWAYS, "XNYS", "NYSE"} <= set(calendar_names())
