"""Wall clocks to UTC, held to Python's own time zones value by value."""

from __future__ import annotations

import datetime as dt
import zoneinfo

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.time import zone_of
from core.zones import utc_of_wall_clock

UTC = dt.UTC
ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "America/St_Johns",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Casablanca",
    "Pacific/Apia",
    "Pacific/Kiritimati",
    "America/Sao_Paulo",
    "Asia/Tehran",
    "Antarctica/Troll",
    "Europe/Dublin",
    "Etc/GMT+12",
]
BERLIN_CHANGES = [*map(dt.datetime.fromisoformat, ("2026-03-29T02:00", "2026-10-25T02:00", "2040-03-25T02:00"))]
anywhere = st.datetimes(dt.datetime.fromisoformat("1971-01-01"), dt.datetime.fromisoformat("2200-01-01"))
near_a_change = st.builds(
    lambda change, seconds: change + dt.timedelta(seconds=seconds),
    st.sampled_from(BERLIN_CHANGES),
    st.integers(-9000, 9000),
)


def by_python(wall: dt.datetime, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    """The later of the instants that Python gives it: of two, or of what either offset makes of one that never was."""
    return max(wall.replace(tzinfo=zone, fold=fold).astimezone(UTC).replace(tzinfo=None) for fold in (0, 1))


def converted(walls: list[dt.datetime | None], zone: str) -> list[dt.datetime | None]:
    return utc_of_wall_clock(pa.array(walls, pa.timestamp("us")), zone).to_pylist()


@given(st.lists(anywhere | near_a_change | st.none(), max_size=8), st.sampled_from(ZONES))
def test_every_wall_clock_is_the_instant_that_python_gives_it(walls: list[dt.datetime | None], zone: str) -> None:
    python = zone_of(zone)
    assert converted(walls, zone) == [wall and by_python(wall, python) for wall in walls]


@pytest.mark.parametrize(
    ("wall", "utc"),
    [
        ("2026-03-29T01:59:59.999999", "2026-03-29T00:59:59.999999"),
        ("2026-03-29T02:00:00", "2026-03-29T01:00:00"),  # never happened: by the offset from before
        ("2026-03-29T02:59:59.999999", "2026-03-29T01:59:59.999999"),
        ("2026-03-29T03:00:00", "2026-03-29T01:00:00"),
        ("2026-10-25T01:59:59.999999", "2026-10-24T23:59:59.999999"),
        ("2026-10-25T02:00:00", "2026-10-25T01:00:00"),  # happened twice: the later
        ("2026-10-25T03:00:00", "2026-10-25T02:00:00"),
        ("2040-07-01T12:00:00", "2040-07-01T10:00:00"),  # summer, beyond what system files list
        ("0001-01-01T00:00:00", "0000-12-31T23:06:32"),  # local mean time
        ("9999-12-31T23:59:59", "9999-12-31T22:59:59"),
    ],
)
def test_the_changes_of_berlin(wall: str, utc: str) -> None:
    given = pa.array([None, wall]).cast(pa.timestamp("us"))
    assert utc_of_wall_clock(given, "Europe/Berlin").equals(pa.array([None, utc]).cast(pa.timestamp("us")))


def test_a_day_that_a_zone_left_out_is_counted_by_the_offset_from_before() -> None:
    left_out = pa.array(["2011-12-30T00:00", "2011-12-30T23:59", "2011-12-31T00:00"]).cast(pa.timestamp("us"))
    instants = pa.array(["2011-12-30T10:00", "2011-12-31T09:59", "2011-12-30T10:00"]).cast(pa.timestamp("us"))
    assert utc_of_wall_clock(left_out, "Pacific/Apia").equals(instants)


def test_nothing_and_nulls_stay_what_they_are() -> None:
    assert converted([], "Europe/Berlin") == []
    assert converted([None, None], "Europe/Berlin") == [None, None]


def test_every_zone_that_a_contract_may_name_is_deployed() -> None:
    unknown = []
    for name in sorted(zoneinfo.available_timezones()):
        try:
            zone_of.__wrapped__(name)
        except zoneinfo.ZoneInfoNotFoundError:
            unknown.append(name)
    assert unknown == [name for name in unknown if name in ("localtime", "posixrules")]
