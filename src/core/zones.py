"""Wall clocks of the world's time zones, by the IANA database that is deployed with the functions.

Arrow has the same function, but reads ``/usr/share/zoneinfo``, which not every image of Lambda's has had, and knows no
rule beyond the years that the files there list: from 2038 on it sees no summer time.
"""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.time import zone_of
from core.warehouse.order import as_array

_NAIVE = pa.timestamp("us")
_SECOND = 1_000_000
_DAY = 86_400 * _SECOND
_NEAR = np.arange(-1, 3)  # midnights around a day: no wall clock is a whole day away from UTC
_EARLIEST, _LATEST = -719_161, 2_932_894  # days from 1970 whose midnights have a wall clock in the years 1 to 9999
_ALWAYS = -(1 << 43)  # seconds: before every timestamp in microseconds
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def utc_of_wall_clock(wall: pa.ChunkedArray | pa.Array, timezone: str) -> pa.Array:
    """Timestamps without a zone (``us``), which are the wall clock of ``timezone``, in UTC; null stays null.

    The rule is PostgreSQL's ``AT TIME ZONE``: a time that happened twice is the later of the two, and one that never
    happened is counted by the offset from before the change. So whatever shows a time again lies before its instant:
    no row becomes older than an instant from which on its time may still be shown.
    """
    column = as_array(wall)
    if len(column) == column.null_count:
        return column
    # Nulls are given a time of the column, so that they ask for no day of their own.
    local = np.asarray(column.view(pa.int64()).fill_null(column.drop_null()[0].value))
    starts, offsets = _changes(np.unique(local // _DAY), timezone)
    utc = local - offsets[np.searchsorted(starts, local, side="right") - 1]
    return pa.array(utc, pa.int64(), mask=np.asarray(column.is_null())).view(_NAIVE)


def clock_changes(timezone: str, hours: tuple[dt.datetime, dt.datetime]) -> dict[dt.datetime, dt.timedelta]:
    """How far a zone's wall clock is ahead of UTC, by the first of its hours from which on it is.

    ``hours`` are the first one that is looked at and the one behind the last. As ``utc_of_wall_clock`` reads them.
    """
    walls = np.arange(*(np.datetime64(hour, "h") for hour in hours)).astype("datetime64[us]").view(np.int64)
    ahead = walls - np.asarray(utc_of_wall_clock(pa.array(walls).view(_NAIVE), timezone).view(pa.int64()))
    places = np.flatnonzero(np.diff(ahead, prepend=ahead[0] - 1))
    instants = pa.array(walls[places]).view(_NAIVE).to_pylist()
    return dict(zip(instants, (dt.timedelta(microseconds=each) for each in ahead[places].tolist()), strict=True))


def _changes(days: npt.NDArray[np.int64], timezone: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Periods of one offset that these days lie in: the first time by its own offset, and the offset, in us."""
    midnights = np.unique(np.clip((days[:, None] + _NEAR).ravel(), _EARLIEST, _LATEST)).tolist()
    known = [_offset(timezone, day * 86_400) for day in midnights]
    periods = [(_ALWAYS, known[0])]
    for index in range(1, len(midnights)):
        if known[index] != known[index - 1]:
            moment = _change_between(timezone, midnights[index - 1] * 86_400, midnights[index] * 86_400)
            periods.append((moment + known[index], known[index]))
    starts, offsets = (np.array(periods, dtype=np.int64) * _SECOND).T
    return starts, offsets


@lru_cache(maxsize=4096)
def _change_between(timezone: str, before: int, after: int) -> int:
    """The first second of the later offset; between the two there is one change (no zone has two within three days)."""
    old = _offset(timezone, before)
    while after - before > 1:
        middle = (before + after) // 2
        before, after = (middle, after) if _offset(timezone, middle) == old else (before, middle)
    return after


@lru_cache(maxsize=1 << 16)
def _offset(timezone: str, second: int) -> int:
    """Seconds that the wall clock is ahead of UTC at a second of 1970's."""
    offset = (_EPOCH + dt.timedelta(seconds=second)).astimezone(zone_of(timezone)).utcoffset()
    return int(offset.total_seconds()) if offset else 0
