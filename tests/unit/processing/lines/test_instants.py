"""Instants and times of day."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.lines.instants import in_days, time_of_day


@settings(max_examples=50, deadline=None)
@given(st.lists(st.none() | st.datetimes(min_value=dt.datetime(1700, 1, 1), max_value=dt.datetime(2200, 1, 1))))  # noqa: DTZ001
def test_a_time_of_day_is_written_as_the_clock_shows_it(instants: list[dt.datetime | None]) -> None:
    expected = [instant and instant.strftime("%H:%M:%S.%f") for instant in instants]
    assert time_of_day(pa.array(instants, pa.timestamp("us"))).to_pylist() == expected


ENDS = ["", "T00:00:00", " 00:00", "T00", "T00:00:00.000Z", "T00:00Z", "T00:00:00+00:00", "T00-00"]


@pytest.mark.parametrize("end", ENDS)
def test_a_day_or_its_midnight_is_a_date(end: str) -> None:
    texts = pa.chunked_array([["2024-02-29", None, f"2026-01-01{end}"]])
    assert in_days(texts).to_pylist() == [dt.date(2024, 2, 29), None, dt.date(2026, 1, 1)]


OTHER = ["2025-12-31T19:00:00-05:00", "2026-01-01T00:00:00+02:00", "2026-01-01T00:00:01", "2026-01-01Z"]


@pytest.mark.parametrize("text", OTHER)
def test_a_time_of_another_offset_is_no_date_for_it_may_be_another_day_in_utc(text: str) -> None:
    with pytest.raises(pa.ArrowInvalid):
        in_days(pa.chunked_array([["2024-02-29", text]]))
