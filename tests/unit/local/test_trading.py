"""The hour that the demonstration trades."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from core.contract.model import TradingCalendar
from core.errors import PipelineBug
from local.trading import last_session_hour


def session(opens: str, closes: str) -> tuple[int, int]:
    return tuple(int(dt.datetime.fromisoformat(f"{at}+00:00").timestamp()) for at in (opens, closes))  # type: ignore[return-value]


SEGMENTS = (session("2026-11-19T14:30", "2026-11-19T21:00"), session("2026-11-20T14:30", "2026-11-20T21:00"))
CALENDAR = TradingCalendar("XNYS", version="1", covers_from=0, covers_to=SEGMENTS[-1][1], segments=SEGMENTS)


def test_it_is_the_first_full_hour_of_the_newest_session_that_is_over() -> None:
    friday = dt.datetime(2026, 11, 20, 20, 59, tzinfo=dt.UTC)
    assert last_session_hour(CALENDAR, now=friday) == dt.datetime(2026, 11, 19, 15, tzinfo=dt.UTC)
    evening = friday + dt.timedelta(minutes=1)
    assert last_session_hour(CALENDAR, now=evening) == dt.datetime(2026, 11, 20, 15, tzinfo=dt.UTC)


def test_a_calendar_without_a_past_session_is_refused() -> None:
    with pytest.raises(PipelineBug, match="has no session of 1 full hours"):
        last_session_hour(CALENDAR, now=dt.datetime(2026, 11, 1, tzinfo=dt.UTC))


def test_a_session_of_too_few_full_hours_is_passed_over() -> None:
    evening = dt.datetime(2026, 11, 20, 21, tzinfo=dt.UTC)
    half_day = (*SEGMENTS, session("2026-11-27T14:30", "2026-11-27T18:00"))
    calendar = replace(CALENDAR, segments=half_day, covers_to=half_day[-1][1])
    after = evening + dt.timedelta(days=7)
    assert last_session_hour(calendar, now=after, hours=3) == dt.datetime(2026, 11, 27, 15, tzinfo=dt.UTC)
    assert last_session_hour(calendar, now=after, hours=4) == dt.datetime(2026, 11, 20, 15, tzinfo=dt.UTC)
