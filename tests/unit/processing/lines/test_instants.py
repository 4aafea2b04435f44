"""Instants and times of day."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.lines.instants import time_of_day


@settings(max_examples=50, deadline=None)
@given(st.lists(st.none() | st.datetimes(min_value=dt.datetime(1700, 1, 1), max_value=dt.datetime(2200, 1, 1))))  # noqa: DTZ001
def test_a_time_of_day_is_written_as_the_clock_shows_it(instants: list[dt.datetime | None]) -> None:
    expected = [instant and instant.strftime("%H:%M:%S.%f") for instant in instants]
    assert time_of_day(pa.array(instants, pa.timestamp("us"))).to_pylist() == expected
