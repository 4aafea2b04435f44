"""Decimal digits in memory as whole numbers and days, many texts at once.

Eight digits lie in one 64-bit word, and three multiplications make their number of them, so a column of numbers takes a
few operations on whole arrays instead of a call for each text.
"""

from __future__ import annotations

import functools
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from core.warehouse.order import Ints

Words: TypeAlias = npt.NDArray[np.uint64]

MOST_DIGITS = 16  # of a number: two words; 10**16 is far from the end of 64 bits
DAY_BYTES = len("YYYY-MM-DD")
_WIDTH = 8
_MINUS, _POINT, _ZERO = b"-.0"
_ZEROS = np.uint64(0x3030303030303030)
_OVER_NINE = np.uint64(0x7676767676767676)  # carries into a byte's highest bit where the byte is over nine
_HIGH_BITS = np.uint64(0x8080808080808080)
_LAST = np.array([(1 << 64) - (1 << 8 * (_WIDTH - size)) for size in range(_WIDTH + 1)], dtype=np.uint64)  # bytes
# (mask, multiplier, shift): two digits of one, four of two, eight of four; the first digit is in the lowest byte
_FOLDS = tuple(
    (np.uint64(mask), np.uint64(multiplier), np.uint64(shift))
    for mask, multiplier, shift in (
        (0x0F0F0F0F0F0F0F0F, 10 * 2**8 + 1, 8),
        (0x00FF00FF00FF00FF, 100 * 2**16 + 1, 16),
        (0x0000FFFF0000FFFF, 10_000 * 2**32 + 1, 32),
    )
)
_YEAR, _MONTH, _DAY = np.uint64(0xFFFFFFFF), np.uint64(0xFFFF << 32), np.uint64(0xFFFF << 48)  # without dashes
_BETWEEN, _DASHES = np.uint64(0xFF0000FF << 32), np.uint64(0x2D00002D << 32)
_FIRST_YEAR, _LAST_YEAR = 1, 9999


class Content:
    """Bytes, each alone (``bytes``) and as the eight from each place on (``words``).

    ``BEFORE`` others stand before the first that is asked for, and ``BEHIND`` behind the last.
    """

    BEFORE, BEHIND = 24, 16

    def __init__(self, data: bytes) -> None:
        self.bytes: npt.NDArray[np.uint8] = np.frombuffer(data, dtype=np.uint8)
        self.words: Words = np.ndarray((len(data) - _WIDTH + 1,), dtype="<u8", buffer=data, strides=(1,))


def whole_numbers(content: Content, start: Ints, stop: Ints, *, scale: int = 0) -> Ints | None:
    """The number that each span spells, as JSON has it, in units of its last digit: of ``-1.50`` (scale 2) -150.

    A span holds ``scale`` digits behind a point, or no point at a scale of 0. None where one is of another form: no
    digit before the point, a zero that leads others, anything else than digits, or more than ``MOST_DIGITS``.
    """
    first = content.bytes[start]
    negative = first == _MINUS
    signed = bool(negative.any())
    if signed:
        start = start + negative
        first = content.bytes[start]
    size = stop - start - (scale > 0)
    longest = int(size.max())
    if int(size.min()) <= scale or longest > MOST_DIGITS:
        return None
    if scale and (content.bytes[stop - scale - 1] != _POINT).any():
        return None
    if ((first == _ZERO) & (size > scale + 1)).any():
        return None
    numbers = _up_to_eight(_digits(content.words, stop, scale, 0), np.minimum(size, _WIDTH))
    if longest > _WIDTH and numbers is not None:
        high = _up_to_eight(_digits(content.words, stop, scale, _WIDTH), np.maximum(size - _WIDTH, 0))
        numbers = None if high is None else numbers + high * 10**_WIDTH
    return np.where(negative, -numbers, numbers) if signed and numbers is not None else numbers


def _digits(words: Words, stop: Ints, scale: int, passed: int) -> Words:
    """The eight digits before the last ``passed`` ones, without the point before the last ``scale``."""
    behind = min(max(scale - passed, 0), _WIDTH)  # of the eight, those behind the point
    end = stop - passed - _WIDTH
    if behind == _WIDTH:
        return words[end]
    before = words[end - (scale > 0)]
    return before & ~_LAST[behind] | words[end] & _LAST[behind] if behind else before


def _up_to_eight(texts: Words, size: Ints) -> Ints | None:
    """The numbers of the last ``size`` bytes of each word; None where one of these is no digit."""
    mask = _LAST[size]
    return None if (digits := _values(texts & mask, _ZEROS & mask)) is None else _folded(digits, 3).view(np.int64)


def _values(texts: Words, zeros: Words | np.uint64) -> Words | None:
    """The value of each byte; None where one is no digit."""
    digits = texts - zeros
    # a byte below "0" borrows from its neighbour and is itself over nine, so that it is seen all the same
    beyond = (digits | (digits + _OVER_NINE)) & _HIGH_BITS
    return None if np.bitwise_or.reduce(beyond, axis=None) else digits


def _folded(digits: Words, times: int) -> Words:
    for mask, multiplier, places in _FOLDS[:times]:
        digits = ((digits & mask) * multiplier) >> places
    return digits


def days(content: Content, start: Ints) -> Ints | None:
    """The day that the ``DAY_BYTES`` from each place on spell, ``YYYY-MM-DD``, counted from 1970-01-01.

    None where one is no day of the years 1 to 9999.
    """
    head, tail = content.words[start], content.words[start + DAY_BYTES - _WIDTH]
    digits = _values(head & _YEAR | head >> np.uint64(8) & _MONTH | tail & _DAY, _ZEROS)
    if digits is None or (head & _BETWEEN != _DASHES).any():
        return None
    pairs = _folded(digits, 1).view(np.int64)
    year = (pairs & 0xFF) * 100 + (pairs >> 16 & 0xFF)
    month, day = pairs >> 32 & 0xFF, pairs >> 48 & 0xFF
    if int(year.min()) < _FIRST_YEAR or int(month.min()) < 1 or int(month.max()) > 12 or int(day.min()) < 1:
        return None
    months = _months()
    place = (year - _FIRST_YEAR) * 12 + month - 1
    number = months[place] + day - 1
    return None if (number >= months[place + 1]).any() else number


@functools.cache
def _months() -> Ints:
    """The first day of each month, and of the first one after the last."""
    months = np.arange(f"{_FIRST_YEAR:04d}-01", f"{_LAST_YEAR + 1}-02", dtype="datetime64[M]")
    return months.astype("datetime64[D]").astype(np.int64)
