"""What the scenarios take of the exchange's calendar is there whatever day and hour it is when the tests run."""

from __future__ import annotations

import datetime as dt
import functools
import itertools

import pytest
from tests.scenarios.conftest import POINTS
from tests.support.lake import REPOSITORY
from tests.support.sessions import HOURS, STEADY, judged_gap, session_days, session_hour

from core.audit.canary import planted_gap
from core.authoring.load import load
from core.contract.model import Feed, TradingCalendar
from core.errors import PipelineBug
from core.feeds.calendar import expected_between, is_expected
from core.feeds.grid import feed_grid
from core.time import epoch
from local.trading import HOUR, last_session_hour

DAY, MINUTE = dt.timedelta(days=1), dt.timedelta(minutes=1)

DAYS = {
    "ordinary": "2026-11-18",
    "half day": "2026-11-27",
    "the day after a half day": "2026-11-28",
    "two days after a half day": "2026-11-29",
    "first session after a half day": "2026-11-30",
    "second session after a half day": "2026-12-01",
    "holiday before a half day": "2026-11-26",
    "half day before a holiday": "2026-12-24",
    "Christmas": "2026-12-25",
    "Saturday": "2026-11-21",
    "Sunday": "2026-11-22",
    "Monday": "2026-11-23",
    "Monday without a session": "2026-09-07",
    "Wednesday after a Monday without a session": "2026-09-09",
    "clocks go forward": "2026-03-08",
    "first session after clocks went forward": "2026-03-09",
    "clocks go back": "2026-11-01",
    "first session after clocks went back": "2026-11-02",
    "clocks have changed in Europe and not yet in America": "2026-10-27",
    "a month's last day": "2026-11-30",
    "a month's first day": "2026-12-01",
    "a year's last day": "2026-12-31",
    "first of January": "2027-01-01",
    "second of January": "2027-01-02",
    "a year's first session": "2027-01-04",
    "a year's second session": "2027-01-05",
    "29th of February": "2028-02-29",
}


@functools.cache
def contracts() -> tuple[Feed, Feed, TradingCalendar]:
    """The quotes, their canary, and the calendar of both."""
    shipped = load(REPOSITORY / "contracts", today=dt.date(2027, 1, 1))
    return shipped.feed("quotes"), shipped.feed("canary"), shipped.calendar("XNYS")


def every(minutes: int) -> list[object]:
    """Instants of a day of each kind, so many minutes apart."""
    kinds = []
    for kind, day in DAYS.items():
        midnight = dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC)
        kinds.append(pytest.param([midnight + number * MINUTE for number in range(0, 24 * 60, minutes)], id=kind))
    return kinds


@pytest.mark.parametrize("instants", every(30))
def test_the_session_of_the_scenarios_is_over_settled_and_open_in_each_of_its_hours(
    instants: list[dt.datetime],
) -> None:
    feed, _, calendar = contracts()
    for now in instants:
        hours = [session_hour(calendar, number, now=now) for number in range(HOURS + 1)]
        assert all(later - hour == dt.timedelta(hours=1) for hour, later in itertools.pairwise(hours))
        start, end = int(hours[0].timestamp()), int(hours[-1].timestamp())
        assert (start % HOUR, end + feed.settle <= now.timestamp()) == (0, True)
        assert hours[0].date() > now.date() - 7 * DAY  # the saved queries tell of so many days
        assert len(expected_between(calendar, every=feed.every, start=start, end=end)) == HOURS * 60


@pytest.mark.parametrize("instants", every(30))
def test_the_demonstration_has_two_whole_hours(instants: list[dt.datetime]) -> None:
    feed, _, calendar = contracts()
    for now in instants:
        start = int(last_session_hour(calendar, now=now, hours=2).timestamp())
        assert start + 2 * HOUR <= now.timestamp()
        assert len(expected_between(calendar, every=feed.every, start=start, end=start + 2 * HOUR)) == 120


@pytest.mark.parametrize("instants", every(120))
def test_the_days_that_are_asked_of_athena_owe_too_much_to_be_read_and_each_of_them_little_enough(
    instants: list[dt.datetime],
) -> None:
    feed, _, calendar = contracts()
    for now in instants:
        before = session_hour(calendar, 0, now=now)
        days = session_days(feed, calendar, owing=POINTS, before=before)
        owed = [feed_grid(feed, calendar, start=int(day.timestamp()), end=int((day + DAY).timestamp())) for day in days]
        assert days == sorted(days)
        assert days[-1] + DAY <= before
        assert sum(grid.expected for grid in owed) > POINTS
        assert all(0 < grid.expected <= POINTS for grid in owed)
        assert len(days) >= 2  # one for the start, one for the end
        assert days[-1] - days[0] < 7 * DAY


@pytest.mark.parametrize("instants", every(30))
def test_the_gap_of_the_canary_is_the_only_point_of_its_hour_that_nobody_asked_for(instants: list[dt.datetime]) -> None:
    _, canary, calendar = contracts()
    for now in instants:
        gap = judged_gap("canary", canary, calendar, now=now)
        if gap is None:  # another falls due: see below
            continue
        assert is_expected(calendar, gap.slot)
        start = gap.slot // HOUR * HOUR
        owed = expected_between(calendar, every=canary.every, start=start, end=start + HOUR)
        assert set(owed) - set(gap.observed) == {gap.slot}
        assert start + HOUR + canary.settle <= now.timestamp()  # the whole hour is owed


@pytest.mark.parametrize("day", DAYS.values(), ids=DAYS)
def test_while_another_gap_is_about_to_be_judged_the_scenario_waits(day: str) -> None:
    _, canary, calendar = contracts()
    planted = planted_gap("canary", canary, calendar, epoch(day))
    if planted is None:
        return
    due = dt.datetime.fromtimestamp(planted[1] + canary.complete_within, dt.UTC)
    judged = {
        second: judged_gap("canary", canary, calendar, now=due + dt.timedelta(seconds=second))
        for second in range(-STEADY - 2, 3)
    }
    assert [second for second, gap in judged.items() if gap is None] == list(range(-STEADY + 1, 1))
    slots = [gap.slot for gap in judged.values() if gap]
    assert slots[0] < slots[-1] == planted[1]


def test_where_no_session_is_long_enough_that_is_said() -> None:
    _, _, calendar = contracts()
    with pytest.raises(PipelineBug, match="no session of 7 full hours"):
        last_session_hour(calendar, now=dt.datetime(2026, 11, 28, tzinfo=dt.UTC), hours=7)
