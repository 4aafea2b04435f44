"""Forms of time, held against pandas' reading of wall clocks in all zones of the IANA database."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.feeds.rest.times import EPOCHS, NoTime, TimeForm, check_form
from core.time import zone_names, zone_of

ZONES = sorted(zone_names() - {"Factory"})
LOCAL = "%Y-%m-%d %H:%M:%S"
FORMS = ["iso", "iso_local", "date", *EPOCHS, LOCAL, "%Y%m%d%H", "%Y-%m", "%d/%m/%Y %H:%M"]
seconds = st.integers(
    int(datetime(1995, 1, 1, tzinfo=UTC).timestamp()), int(datetime(2036, 1, 1, tzinfo=UTC).timestamp())
)


def at(second: int) -> datetime:
    return datetime.fromtimestamp(second, UTC)


@given(second=seconds, zone=st.sampled_from(ZONES), minutes=st.integers(-90, 90))
@example(second=1774746000, zone="Europe/London", minutes=30)  # the hour that never comes
@example(second=1792890000, zone="Europe/London", minutes=30)  # the hour that comes twice
@example(second=1775314800, zone="Australia/Lord_Howe", minutes=15)
def test_a_wall_clock_is_read_as_pandas_reads_it_and_a_doubtful_one_is_refused(
    second: int, zone: str, minutes: int
) -> None:
    wall = (at(second).astimezone(zoneinfo.ZoneInfo(zone)) + timedelta(minutes=minutes)).replace(tzinfo=None, fold=0)
    try:
        expected = pd.Timestamp(wall).tz_localize(zoneinfo.ZoneInfo(zone), ambiguous="raise", nonexistent="raise")
    except ValueError:
        with pytest.raises(NoTime):
            TimeForm(LOCAL, zone).read(wall.strftime(LOCAL))
        return
    assert TimeForm(LOCAL, zone).read(wall.strftime(LOCAL)) == expected


@given(second=seconds, zone=st.sampled_from(ZONES), form=st.sampled_from(FORMS))
def test_a_form_says_which_unit_its_texts_cover(second: int, zone: str, form: str) -> None:
    times, instant = TimeForm(form, zone), at(second)
    start, end = times.floor(instant), times.after(instant)
    assert start <= instant < end
    assert times.write(start) == times.write(instant) == times.write(end - timedelta(seconds=1))
    if times.is_told(instant):
        assert times.read(times.write(instant)) == start
    else:
        with pytest.raises(NoTime):
            times.read(times.write(instant))
        assert times.is_told(times.told_before(instant))
        assert times.told_before(instant) < instant < times.told_after(instant)


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        ("epoch_microseconds", 1795176000123456, datetime(2026, 11, 20, 12, 0, 0, 123456, UTC)),
        ("epoch_nanoseconds", "1795176000000000000", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("iso", "2026-11-20T07:00:00.186520297-05:00", datetime(2026, 11, 20, 12, 0, 0, 186520, UTC)),
        ("%Y%m%d", 20261120, datetime(2026, 11, 20, tzinfo=UTC)),
        ("%Y-%m-%dT%H:%M:%S%z", "2026-11-20T12:00:00+0100", datetime(2026, 11, 20, 11, tzinfo=UTC)),
    ],
)
def test_times_of_apis_are_read(form: str, value: object, expected: datetime) -> None:
    assert TimeForm(form, "America/New_York" if form == "iso" else "UTC").read(value) == expected


@pytest.mark.parametrize("form", ["unix", "", "%H:%M", "%d %B", "%Q", "%Y-%m-%d %I:%M", "%Y-%m-%d %M", "%Y %W"])
def test_what_is_no_form_is_refused(form: str) -> None:
    assert check_form(form)


def test_zones_are_those_that_the_functions_carry_whatever_the_machine_has(tmp_path: Path) -> None:
    (tmp_path / "Europe").mkdir()
    utc = files("tzdata").joinpath("zoneinfo", "UTC").read_bytes()
    (tmp_path / "Europe/Berlin").write_bytes(utc)  # an outdated machine, to say the least
    zoneinfo.reset_tzpath(to=[str(tmp_path)])
    zoneinfo.ZoneInfo.clear_cache()
    zone_of.cache_clear()
    try:
        summer = TimeForm("iso", "Europe/Berlin").read("2026-07-01T12:00:00")
    finally:
        zoneinfo.reset_tzpath()
        zoneinfo.ZoneInfo.clear_cache()
        zone_of.cache_clear()
    assert summer == datetime(2026, 7, 1, 10, tzinfo=UTC)
    for name in ("localtime", "Mars/Olympus", "../UTC", ""):
        with pytest.raises(zoneinfo.ZoneInfoNotFoundError):
            zone_of(name)


@pytest.mark.parametrize(
    ("form", "zone", "text", "instant"),
    [
        ("iso", "UTC", "1990-12-31T23:59:60Z", "1991-01-01T00:00:00Z"),  # RFC 3339, 5.8
        ("iso", "UTC", "1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00Z"),  # RFC 3339, 5.8
        ("iso", "UTC", "1985-04-12T24:00:00", "1985-04-13T00:00:00Z"),  # ISO 8601:2004, 4.2.3
        ("iso", "UTC", "19850412T240000Z", "1985-04-13T00:00:00Z"),
        ("iso", "UTC", "1985-04-12T24:00", "1985-04-13T00:00:00Z"),
        ("iso", "UTC", "1985-04-12 24:00:00.000+01:00", "1985-04-12T23:00:00Z"),
        ("iso_local", "Europe/Zurich", "2026-03-28T24:00:00", "2026-03-28T23:00:00Z"),
        ("%Y%m%d%H", "UTC", "2026022824", "2026-03-01T00:00:00Z"),
        ("%d.%m.%Y %H:%M", "UTC", "31.12.2026 24:00", "2027-01-01T00:00:00Z"),
        ("%Y-%m-%d %H:%M:%S", "UTC", "2016-12-31 23:59:60", "2017-01-01T00:00:00Z"),
    ],
)
def test_the_end_of_a_day_and_a_leap_second_are_instants(form: str, zone: str, text: str, instant: str) -> None:
    assert TimeForm(form, zone).read(text) == datetime.fromisoformat(instant)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("iso", "1985-04-12T24:01:00Z"),
        ("iso", "1985-04-12T24:00:01Z"),
        ("iso", "1985-04-12T25:00:00Z"),
        ("iso", "1985-04-12T23:59:61Z"),
        ("iso", "9999-12-31T24:00:00Z"),
        ("%Y%m%d%H", "2026022825"),
        ("%d.%m.%Y %H:%M", "31.12.2026 24:01"),
        ("date", "2026-02-29"),
    ],
)
def test_what_lies_beyond_them_is_no_instant(form: str, text: str) -> None:
    with pytest.raises(NoTime):
        TimeForm(form).read(text)
