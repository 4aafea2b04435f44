"""Limits by the provider's clock, for one thread and for many."""

from __future__ import annotations

import datetime as dt
import random
from concurrent.futures import ThreadPoolExecutor

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.objects import MemoryObjects
from tests.support.feeds import OPENING, PatientClock

from core.feeds.turns import Plan
from ingestion.pull.ledger import SharedLedger
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
            pace.set_time(OPENING + dt.timedelta(minutes=minute), asked_at=time.clock.now())
    assert sum(time.slept) <= 60, "in each minute the part of a second that no Date tells"


def test_a_clock_that_is_set_back_keeps_the_age_of_the_calls() -> None:
    time = PatientClock()
    pace = Pace(time.clock, Plan(2))
    for at in (OPENING, OPENING - dt.timedelta(hours=1)):
        assert enter(pace, time)
        pace.set_time(at, asked_at=time.clock.now())
    assert not enter(pace, time, seconds=30)
    assert enter(pace, time, seconds=61)


def test_whole_seconds_of_the_date_header_are_no_drift() -> None:
    time = PatientClock()
    pace = Pace(time.clock, Plan(5))
    for n in range(5):
        assert enter(pace, time)
        asked_at = time.clock.now()
        time.advance(0.9)
        pace.set_time((OPENING + dt.timedelta(seconds=0.9 * n)).replace(microsecond=0), asked_at=asked_at)
    assert not enter(pace, time, seconds=50)


@settings(max_examples=40, deadline=None)
@given(
    st.randoms(use_true_random=False),
    st.integers(2, 20),
    st.sampled_from([(0.0,), (0.0, 5.0), (0.0, -3600.0), (7200.0, 7201.5, -90.0)]),
    st.sampled_from([0.2, 1.5, 4.0, 12.0]),
)
def test_however_slow_answers_are_and_whatever_its_servers_clocks_the_plan_is_kept_and_used(
    chance: random.Random, per_minute: int, aheads: tuple[float, ...], slowest: float
) -> None:
    """The provider counts a call when it comes; it stamps the answer at any moment until that is given.

    Of servers whose clocks differ, the one that is furthest ahead may show it once: no answer tells that from a jump.
    """
    time, store = PatientClock(), MemoryObjects()
    paces = [
        Pace(time.clock, Plan(per_minute), ledger=SharedLedger(store, "x"))
        for _ in range(chance.choice((1, 2)) if len(aheads) == 1 else 1)
    ]
    calls: list[float] = []
    for _ in range(6 * per_minute):
        pace = chance.choice(paces)
        assert pace.enter(until=1e9)
        asked_at = time.clock.now()
        calls.append(time.passed)
        ahead = aheads[len(calls) % len(aheads)] if len(calls) < 2 * len(aheads) else chance.choice(aheads)
        latency = min(chance.uniform(0.01, slowest), 40 / per_minute)
        stamped = asked_at + dt.timedelta(seconds=ahead + latency * chance.random())
        time.advance(latency)
        pace.set_time(stamped.replace(microsecond=0), asked_at=asked_at)
    settled = calls[2 * len(aheads) :] if len(aheads) > 1 else calls
    worst = max(sum(first <= call < first + 60 - 2e-3 for call in settled) for first in settled)
    assert worst <= per_minute
    assert calls[-1] <= 6 * 60 + 5, "and the plan is used"


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
