"""The market's clock."""

from __future__ import annotations

import datetime as dt

from local.market.clock import Clock

AT = dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC)


def test_a_standing_clock_stands_until_it_is_moved() -> None:
    clock = Clock()
    clock.set(AT.astimezone(dt.timezone(dt.timedelta(hours=1))))
    assert clock.now() == clock.now() == AT
    clock.advance(-90)
    assert clock.now() == AT - dt.timedelta(seconds=90)


def test_a_running_clock_goes_on_from_where_it_was_put() -> None:
    clock = Clock()
    clock.run_from(AT)
    first = clock.now()
    clock.advance(60)
    assert AT <= first < AT + dt.timedelta(seconds=30)
    assert clock.now() - first >= dt.timedelta(seconds=60)


def test_real_time_is_the_machines() -> None:
    clock = Clock()
    clock.set(AT)
    clock.real()
    assert abs(clock.now() - dt.datetime.now(dt.UTC)) < dt.timedelta(seconds=5)
