"""Trading sessions of exchanges."""

from __future__ import annotations

import datetime as dt

from local.market.sessions import Sessions, minute_of, sessions_of


def test_the_exchanges_sessions_know_half_days() -> None:
    sessions = dict(sessions_of("XNYS", dt.date(2026, 11, 20), dt.date(2026, 11, 27)))
    assert sessions[dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC)] == dt.datetime(2026, 11, 20, 21, tzinfo=dt.UTC)
    assert sessions[dt.datetime(2026, 11, 27, 14, 30, tzinfo=dt.UTC)] == dt.datetime(2026, 11, 27, 18, tzinfo=dt.UTC)
    assert len(sessions) == 5  # Thanksgiving is none


def test_a_session_is_open_from_its_first_minute_to_before_its_last() -> None:
    opens, closes = (dt.datetime(2026, 11, 20, hour, tzinfo=dt.UTC) for hour in (15, 16))
    sessions = Sessions([(opens, closes)])
    first, end = minute_of(opens), minute_of(closes)
    assert [sessions.is_open(minute) for minute in (first - 1, first, end - 1, end)] == [False, True, True, False]
    assert sessions.latest(first - 1) is None
    assert sessions.latest(first + 5) == (first, first + 5)
    assert sessions.latest(end + 500) == (first, end - 1)


def test_without_sessions_each_utc_day_is_one() -> None:
    noon = minute_of(dt.datetime(2026, 11, 20, 12, tzinfo=dt.UTC))
    assert Sessions().latest(noon) == (noon - 720, noon)
