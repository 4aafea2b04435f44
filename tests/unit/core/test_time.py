"""Instants as texts and back."""

from __future__ import annotations

import datetime as dt
from importlib.resources import files

import pytest

from core.time import (
    at_epoch,
    epoch,
    format_instant,
    format_second,
    iso,
    parse_athena_instant,
    parse_instant,
    zone_names,
)

NEW_YORK = dt.timezone(dt.timedelta(hours=-5))
OPENING = dt.datetime(2026, 11, 20, 9, 30, 15, 987_654, NEW_YORK)


def test_an_instant_is_written_in_utc_to_the_microsecond_or_cut_to_the_second() -> None:
    assert format_instant(OPENING) == "2026-11-20T14:30:15.987654Z"
    assert format_second(OPENING) == "2026-11-20T14:30:15Z"
    assert format_second(OPENING) == iso(int(OPENING.timestamp()))


def test_a_wall_clock_time_is_written_and_read_without_a_zone() -> None:
    wall = OPENING.replace(tzinfo=None)
    assert format_instant(wall) == "2026-11-20T09:30:15.987654"
    assert parse_instant(format_instant(wall)) == wall


def test_an_instant_is_read_back_in_utc() -> None:
    assert parse_instant(format_instant(OPENING)) == OPENING
    assert parse_instant(format_instant(OPENING)).tzinfo is dt.UTC
    assert at_epoch(epoch("2026-11-20T09:30:00-05:00")) == dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC)


@pytest.mark.parametrize("text", ["2026-11-20 14:30:00.000", "2026-11-20 14:30:00.000 UTC"])
def test_athenas_timestamps_are_utc_with_and_without_a_zone(text: str) -> None:
    assert parse_athena_instant(text) == dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC)


def test_the_zones_are_those_that_travel_with_the_functions() -> None:
    names = zone_names()
    assert {"UTC", "America/New_York", "Australia/Lord_Howe"} < names
    assert "localtime" not in names, "another zone on each machine"
    assert all(files("tzdata").joinpath("zoneinfo", *name.split("/")).is_file() for name in names)
