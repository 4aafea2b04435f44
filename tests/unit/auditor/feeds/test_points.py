"""Any subset of points, any window: what is missing is found exactly, and nothing is invented."""

from __future__ import annotations

import datetime as dt
import functools

import exchange_calendars
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.feeds.expect import expect
from auditor.feeds.points import Coverage, missing_points
from auditor.windows import due_until, windows_between
from core.authoring.calendars import trading_calendar
from core.contract.model import Entity, Feed, Provider, SourceTable, TradingCalendar

FIRST, LAST = dt.date(2026, 1, 2), dt.date(2027, 12, 31)
# What is easy to get wrong: a DST change, a month's end, a half day, a holiday, a weekend, a year's end.
MOMENTS = ("2026-03-06", "2026-03-09", "2026-10-30", "2026-11-02", "2026-11-25", "2026-11-27", "2026-12-31")


@functools.cache
def new_york() -> TradingCalendar:
    return trading_calendar("XNYS", first=FIRST, last=LAST)


@functools.cache
def oracle() -> frozenset[int]:
    """Every trading minute, by the library's own count."""
    calendar = exchange_calendars.get_calendar("XNYS", start=FIRST.isoformat(), end=LAST.isoformat())
    minutes = calendar.minutes  # left-labelled: the close itself is no minute
    return frozenset(int(minute.timestamp()) for minute in minutes)


def feed_of(*entities: Entity, every: int = 60) -> Feed:
    table = SourceTable("ticks", ("name", "at"), ())
    provider = Provider("finnhub")
    return Feed(provider, provider, "", every, "XNYS", "name", "at", entities, 180, 7200, 60, table)


def instants(slots: list[int]) -> pa.Array:
    return pa.array([slot * 1_000_000 for slot in slots], pa.int64()).cast(pa.timestamp("us"))


@settings(max_examples=12, deadline=None)
@given(
    moment=st.sampled_from(MOMENTS),
    begin=st.integers(0, 2 * 1440),
    length=st.integers(1, 3 * 1440),
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0, 1),
)
def test_exactly_the_points_that_are_not_there_are_found(
    moment: str, begin: int, length: int, seed: int, share: float
) -> None:
    start = int(dt.datetime.fromisoformat(moment).replace(tzinfo=dt.UTC).timestamp()) + begin * 60
    end = start + length * 60
    leaves = start + length * 30  # one entity is delisted half way
    ends = dt.datetime.fromtimestamp(leaves, dt.UTC).isoformat()
    feed = feed_of(Entity("A"), Entity("B", valid_until=ends), Entity("C"))
    expectation = expect(feed, new_york(), windows_between(feed, new_york(), start, end), start=start, end=end)
    owed = {
        (name, slot) for name in "ABC" for slot in oracle() if start <= slot < end and (name != "B" or slot < leaves)
    }
    assert expectation.grid.expected == len(owed)
    random = np.random.default_rng(seed)
    ordered = sorted(owed)
    gone = {one for one in ordered if random.random() < share}
    there = [*sorted(owed - gone), ("Z", start), ("A", start - 60)]  # and rows that nobody owes
    random.shuffle(there)  # type: ignore[arg-type]
    coverage = Coverage(expectation)
    coverage.mark_present(pa.array([name for name, _ in there]), instants([int(slot) for _, slot in there]), None)
    found = {
        (point.entity, slot)
        for point in missing_points("d", coverage)
        for first, last in point.ranges
        for slot in range(first, last, 60)
    }
    assert found == gone
    counts = coverage.counts()
    assert sum(count["missing"] for count in counts) == len(gone)
    assert sum(count["expected"] for count in counts) == len(owed)


def test_windows_are_hours_in_which_something_is_expected() -> None:
    feed = feed_of(Entity("A"))
    day = int(dt.datetime(2026, 11, 27, tzinfo=dt.UTC).timestamp())  # a half day, then a weekend
    found = windows_between(feed, new_york(), day, day + 3 * 86_400)
    assert [one.name for one in found] == [f"2026-11-27T{hour}:00:00Z" for hour in (14, 15, 16, 17)]
    assert [int(n) for n in expect(feed, new_york(), found).per_window(expect(feed, new_york(), found).owed())] == [
        30,
        60,
        60,
        60,
    ]


def test_a_window_is_due_when_its_last_point_has_had_time_to_settle() -> None:
    feed = feed_of(Entity("A"))
    hour = int(dt.datetime(2026, 11, 20, 16, tzinfo=dt.UTC).timestamp())
    assert due_until(feed, hour + feed.settle - 1) == hour - 3600
    assert due_until(feed, hour + feed.settle) == hour


def test_a_feed_of_hourly_points_has_windows_of_a_day() -> None:
    always = trading_calendar("always", first=FIRST, last=LAST)
    feed = feed_of(Entity("A"), every=3600)
    day = int(dt.datetime(2026, 11, 27, tzinfo=dt.UTC).timestamp())
    found = windows_between(feed, always, day, day + 86_400)
    assert [(one.start, one.end) for one in found] == [(day, day + 86_400)]
    assert expect(feed, always, found).grid.expected == 24


@pytest.mark.parametrize("provenance", ["observed", "late", "repaired"])
def test_points_are_counted_by_provenance(provenance: str) -> None:
    feed = feed_of(Entity("A"))
    start = int(dt.datetime(2026, 11, 20, 15, tzinfo=dt.UTC).timestamp())
    coverage = Coverage(expect(feed, new_york(), windows_between(feed, new_york(), start, start + 3600)))
    coverage.mark_present("A", instants([start, start + 60]), pa.array([provenance] * 2).dictionary_encode())
    (counts,) = coverage.counts()
    assert counts[provenance] == counts["present"] == 2
    assert counts["missing"] == 58


def test_what_the_source_does_not_have_is_absent_unless_it_is_there_all_the_same() -> None:
    feed = feed_of(Entity("A"), Entity("B"))
    start = int(dt.datetime(2026, 11, 20, 15, tzinfo=dt.UTC).timestamp())
    coverage = Coverage(expect(feed, new_york(), windows_between(feed, new_york(), start, start + 3600)))
    coverage.mark_present("A", instants([start]), None)
    coverage.mark_absent("A", ((start, start + 180),))
    coverage.mark_absent("nobody", ((start, start + 180),))
    (counts,) = coverage.counts()
    assert (counts["absent"], counts["present"], counts["missing"]) == (2, 1, 117)
