"""Instants: texts to UTC, and the texts of a time of day.

Everything in the warehouse is UTC without zone (``timestamp('us')``).
"""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from core.warehouse.order import as_array
from core.zones import utc_of_wall_clock

_NAIVE = pa.timestamp("us")
_ZONE = r"([zZ]|[ T]\d\d(:\d\d(:\d\d(\.\d+)?)?)?[+-]\d\d(:?\d\d)?)$"
_MIDNIGHT = r"^\d{4}-\d\d-\d\d[ T]00(:00(:00(\.0+)?)?)?(Z|[+-]00(:?00)?)?$"
_MICROSECONDS_OF_A_DAY = 86_400_000_000
_TIME_BYTES = len("HH:MM:SS.ffffff")
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31, counted from 1970-01-01


def in_utc(column: pa.ChunkedArray, timezone: str) -> pa.ChunkedArray:
    """ISO 8601 texts as UTC timestamps; those without a zone are the wall clock of ``timezone``.

    Times that happened twice or never are those of ``core.zones``. Raises ``pa.ArrowInvalid`` for a text that is no
    timestamp.
    """
    zoned = pc.match_substring_regex(column, _ZONE)
    nothing = pa.scalar(None, pa.string())
    # Arrow casts texts with zone and texts without by two types, so each part is nulled while the other is cast.
    wall = pc.if_else(zoned, nothing, column).cast(_NAIVE)
    if timezone != "UTC":
        wall = utc_of_wall_clock(wall, timezone)
    if not pc.any(zoned).as_py():
        return wall
    return pc.coalesce(pc.if_else(zoned, column, nothing).cast(pa.timestamp("us", "UTC")).cast(_NAIVE), wall)


def in_days(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """ISO 8601 texts as dates; raises ``pa.ArrowInvalid`` for a text that is none.

    A midnight without offset or in UTC is a date. Other times and offsets are no part of one: whose day they mean is
    not said, and the day in UTC may be another than the one that was written.
    """
    try:
        return column.cast(pa.date32())
    except pa.ArrowInvalid:
        midnight = pc.match_substring_regex(column, _MIDNIGHT)
        return pc.if_else(midnight, pc.utf8_slice_codeunits(column, 0, len("YYYY-MM-DD")), column).cast(pa.date32())


def in_years(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """The same dates or timestamps (``us``); raises ``pa.ArrowInvalid`` unless all lie in the years 1 to 9999.

    Arrow reads the year 0, and a zone moves instants into the year 10000, which Python and Athena cannot read back.
    """
    unit = 1 if pa.types.is_date32(column.type) else _MICROSECONDS_OF_A_DAY
    bounds = pc.min_max(column)
    first, last = bounds["min"].value, bounds["max"].value  # Python has no value for what lies outside
    if first is not None and (first < _FIRST_DAY * unit or last >= (_LAST_DAY + 1) * unit):
        raise pa.ArrowInvalid("outside of the years 1 to 9999")
    return column


def time_of_day(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Timestamps as ``HH:MM:SS.ffffff``, which sorts as the time does; null stays null.

    The digits are looked up and laid side by side in one buffer: formatting value by value takes ten times as long.
    """
    values = as_array(column).cast(_NAIVE)
    micros = np.asarray(values.view(pa.int64()).fill_null(0)) % _MICROSECONDS_OF_A_DAY
    seconds = micros // 1_000_000
    micros = (micros - seconds * 1_000_000).astype(np.int32)
    millis = micros // np.int32(1000)
    text = np.empty((len(values), _TIME_BYTES), dtype=np.uint8)
    text[:, :8] = _seconds_of_a_day()[seconds]
    text[:, 8] = ord(".")
    text[:, 9:12] = _thousand()[millis]
    text[:, 12:] = _thousand()[micros - millis * np.int32(1000)]
    offsets = np.arange(0, (len(values) + 1) * _TIME_BYTES, _TIME_BYTES, dtype=np.int32)
    texts = pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(text))
    return pc.if_else(values.is_valid(), texts, pa.scalar(None, pa.string())) if values.null_count else texts


@functools.cache
def _seconds_of_a_day() -> npt.NDArray[np.uint8]:
    """``HH:MM:SS`` of every second, 8 bytes each."""
    pairs = np.frombuffer(b"".join(b"%02d" % number for number in range(60)), dtype=np.uint8).reshape(-1, 2)
    second = np.arange(86_400)
    text = np.full((86_400, 8), ord(":"), dtype=np.uint8)
    text[:, 0:2] = pairs[second // 3600]
    text[:, 3:5] = pairs[second // 60 % 60]
    text[:, 6:8] = pairs[second % 60]
    return text


@functools.cache
def _thousand() -> npt.NDArray[np.uint8]:
    """``000`` to ``999``, 3 bytes each."""
    return np.frombuffer(b"".join(b"%03d" % number for number in range(1000)), dtype=np.uint8).reshape(-1, 3)
