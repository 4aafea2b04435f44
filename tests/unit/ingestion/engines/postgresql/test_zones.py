"""Wall clocks in UTC: what the functions make of them, held to what a real server makes of them.

Zones and moments are such that clocks did something else than one hour in spring and autumn, and on which releases of
the time zone database agree.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pyarrow as pa
import pytest
from tests.support.sources import shared_server

from core.zones import utc_of_wall_clock

pytestmark = pytest.mark.database
CHANGES = {
    "Australia/Lord_Howe": ("2026-04-05T02:00", "2026-10-04T02:00"),  # half an hour
    "Europe/London": ("1941-05-04T02:00", "1947-11-02T03:00", "1968-10-27T00:00"),  # double summer time
    "Europe/Berlin": ("1945-05-24T02:00", "1945-09-24T03:00", "1947-05-11T03:00", "2026-10-25T03:00"),
    "America/St_Johns": ("1988-04-03T00:01", "1988-10-30T00:01", "2006-10-29T00:01"),  # two hours, a minute past
    "Antarctica/Troll": ("2026-03-29T01:00", "2026-10-25T03:00"),  # two hours
    "Pacific/Apia": ("2011-12-30T00:00", "1892-07-05T00:00"),  # a day left out, a day lived twice
    "Pacific/Kwajalein": ("1993-08-21T00:00", "1969-10-01T00:00"),
    "Pacific/Kiritimati": ("1994-12-31T00:00",),
    "America/Juneau": ("1867-10-19T15:33:32", "1983-10-30T02:00"),  # Alaska was sold: a day lived twice
    "Asia/Manila": ("1844-12-31T00:00", "1990-07-29T00:00"),
    "America/Caracas": ("2007-12-09T03:00", "2016-05-01T02:30"),
    "Asia/Pyongyang": ("2015-08-15T00:00", "2018-05-04T23:30"),
    "Asia/Kathmandu": ("1986-01-01T00:00",),  # a quarter of an hour
    "Africa/Monrovia": ("1972-01-07T00:00",),  # 44 minutes and 30 seconds
    "Europe/Moscow": ("2011-03-27T02:00", "2014-10-26T02:00"),
    "Europe/Amsterdam": ("1937-07-01T00:00", "1940-05-16T00:00"),  # 20 seconds
}


def _around(zone: str) -> list[datetime]:
    draw = random.Random(zone)
    seconds = [0, 1, -1, *(sign * minutes * 60 for sign in (1, -1) for minutes in (15, 29, 30, 31, 60, 90, 120, 1440))]
    near = [
        datetime.fromisoformat(text) + timedelta(seconds=second + jitter)
        for text in CHANGES[zone]
        for second in seconds
        for jitter in (0, -1, draw.randrange(-3600, 3600))
    ]
    return near + [datetime(1, 1, 3) + timedelta(seconds=draw.randrange(0, 65_500_000_000)) for _ in range(100)]  # noqa: DTZ001


def test_every_wall_clock_is_the_instant_that_the_server_gives_it() -> None:
    statement = """SELECT w AT TIME ZONE %s AT TIME ZONE 'UTC' FROM unnest(cast(%s AS timestamp[]))
                   WITH ORDINALITY AS walls (w, n) ORDER BY n"""
    with shared_server().connect(dbname="postgres") as session:
        cursor = session.cursor()
        for zone in CHANGES:
            walls = _around(zone)
            cursor.execute(statement, (zone, walls))
            theirs = [at for (at,) in cursor.fetchall()]
            ours = utc_of_wall_clock(pa.array(walls, pa.timestamp("us")), zone).to_pylist()
            assert {(zone, *row) for row in zip(walls, ours, theirs, strict=True) if row[1] != row[2]} == set()
