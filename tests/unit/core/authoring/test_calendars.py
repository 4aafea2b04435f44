"""Trading calendars as plain segments."""

from __future__ import annotations

import datetime as dt

from core.authoring.calendars import ALWAYS, calendar_names, trading_calendar
from core.time import epoch


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


def test_always_is_among_the_names() -> None:
    assert {ALWAYS, "XNYS", "NYSE"} <= set(calendar_names())
