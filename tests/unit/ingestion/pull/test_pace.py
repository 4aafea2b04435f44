"""Limits by the provider's clock, for one thread and for many."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.feeds import OPENING, PatientClock

from core.feeds.turns import Plan
from ingestion.pull.pace import Pace


def enter(pace: Pace, time: PatientClock, *, seconds: float = 1000) -> bool:
    return pace.enter(until=time.clock.monotonic() + seconds)


def test_calls_within_the_limit_wait_for_nothing() -> None:
    time = PatientClock()
    pace = Pace(time.clock, Plan(60))
    assert all(enter(pace, time) for _ in range(60))
    assert time.slept == []


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 20), min_size=1, max_size=60), st.integers(1, 8), st.integers(1, 3))
def test_no_window_holds_more_calls_than_its_limit(gaps: list[float], per_minute: int, per_second: int) -> None:
    time = PatientClock()
    pace = Pace(time.clock, Plan(per_minute, per_second))
    calls = []
    for gap in gaps:
        time.advance(gap)
        assert enter(pace, time)
        calls.append(time.passed)
    for length, limit in ((60.0, per_minute), (1.0, per_second)):
        for first in calls:
            assert sum(first <= call < first + length - 1e-5 for call in calls) <= limit


def test_a_turn_that_would_come_too_late_is_not_waited_for() -> None:
    time = PatientClock()
    pace = Pace(time.clock, Plan(1))
    assert enter(pace, time)
    assert not enter(pace, time, seconds=59)
    assert time.slept == []
    assert enter(pace, time, seconds=61)
    assert sum(time.slept) == 60


def test_minutes_count_by_the_providers_clock_where_it_runs_ahead() -> None:
    """A jump is known once an answer has told of it, so the calls before that count for the minute before."""
    time = PatientClock()
    pace = Pace(time.clock, Plan(22))
    for minute in range(60):
        for _ in range(11):
            assert enter(pace, time)
            pace.set_time(OPENING + dt.timedelta(minutes=minute))
    assert time.slept == []


def test_a_clock_that_is_set_back_keeps_the_age_of_the_calls() -> None:
    time = PatientClock()
    pace = Pace(time.clock, Plan(2))
    for at in (OPENING, OPENING - dt.timedelta(hours=1)):
        assert enter(pace, time)
        pace.set_time(at)
    assert not enter(pace, time, seconds=30)
    assert enter(pace, time, seconds=61)


def test_whole_seconds_of_the_date_header_are_no_drift() -> None:
    time = PatientClock()
    pace = Pace(time.clock, Plan(5))
    for n in range(5):
        assert enter(pace, time)
        time.advance(0.9)
        pace.set_time((OPENING + dt.timedelta(seconds=0.9 * n)).replace(microsecond=0))
    assert not enter(pace, time, seconds=50)


def test_a_closed_door_opens_when_it_was_told_to_and_not_later_than_an_hour() -> None:
    time = PatientClock()
    pace = Pace(time.clock, Plan(60))
    pace.close(30)
    pace.close(5)
    assert not enter(pace, time, seconds=29)
    assert enter(pace, time, seconds=31)
    pace.close(10**9)
    assert enter(pace, time, seconds=3601)


def test_threads_share_the_limit() -> None:
    time = PatientClock()
    pace = Pace(time.clock, Plan(20))
    with ThreadPoolExecutor(8) as pool:
        entered = list(pool.map(lambda _n: pace.enter(until=time.clock.monotonic()), range(100)))
    assert sum(entered) == 20
