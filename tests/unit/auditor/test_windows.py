"""Windows cover what is owed, once, and each is due when nothing of it can still settle."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.feeds import contracts_in

from auditor.windows import (
    DAY,
    HOUR,
    Window,
    due_until,
    facts_of,
    partitions_of,
    settled_until,
    window_seconds,
    windows_between,
)
from core.errors import PipelineBug
from core.feeds.grid import expected_slots

CONTRACTS = contracts_in()
FEED, CALENDAR = CONTRACTS.feed("quotes"), CONTRACTS.calendar("XNYS")
CONTRACT = CONTRACTS.dataset("quotes")
FRIDAY = 1_795_132_800  # 2026-11-20


@settings(max_examples=30, deadline=None)
@given(st.integers(-5 * DAY, 5 * DAY), st.integers(0, 3 * DAY), st.sampled_from([60, HOUR]))
def test_every_slot_that_is_expected_lies_in_exactly_one_window(shift: int, length: int, every: int) -> None:
    feed, start = replace(FEED, every=every), FRIDAY + shift
    windows = windows_between(feed, CALENDAR, start, start + length)
    slots = expected_slots(CALENDAR, every=every, start=start, end=start + length).tolist()
    assert all(sum(window.start <= slot < window.end for window in windows) == 1 for slot in slots)
    assert windows == sorted(set(windows))
    assert {window.end - window.start for window in windows} <= {window_seconds(feed)}


def test_no_window_of_a_weekend_exists() -> None:
    assert windows_between(FEED, CALENDAR, FRIDAY + DAY, FRIDAY + 3 * DAY) == []
    assert windows_between(FEED, CALENDAR, FRIDAY, FRIDAY) == []


@given(st.integers(FRIDAY, FRIDAY + DAY))
def test_a_window_is_due_when_its_last_point_is_owed(now: int) -> None:
    end = due_until(FEED, now)
    assert end + FEED.settle <= now < end + FEED.settle + HOUR
    assert settled_until(FEED, end + FEED.settle) >= end - FEED.every


def test_windows_that_touch_do_not_overlap() -> None:
    window = Window(0, HOUR)
    assert [window.overlaps(*pair) for pair in ((-1, 0), (HOUR, DAY), (-1, 1), (HOUR - 1, DAY))] == [
        False,
        False,
        True,
        True,
    ]


def test_a_database_has_no_facts_of_points() -> None:
    assert facts_of(CONTRACT)
    assert facts_of(replace(CONTRACT, source=None)) == ()


def test_the_partitions_of_windows_are_those_of_their_months_for_every_symbol() -> None:
    (fact, *_) = facts_of(CONTRACT)
    november, december = Window(FRIDAY, FRIDAY + HOUR), Window(FRIDAY + 20 * DAY, FRIDAY + 20 * DAY + HOUR)
    paths = partitions_of(fact, FEED, [december, november])
    assert len(paths) == 2 * len(FEED.entities)
    assert list(paths) == sorted(paths)
    assert paths[f"symbol={FEED.entities[0].name}/month=2026-12"] == [december]


def test_a_partition_by_another_column_is_no_partition_of_points() -> None:
    (fact, *_) = facts_of(CONTRACT)
    other = replace(fact, partition_by=(replace(fact.partition_by[0], column="price"),))
    with pytest.raises(PipelineBug, match="Partition by"):
        partitions_of(other, FEED, [Window(FRIDAY, FRIDAY + HOUR)])
