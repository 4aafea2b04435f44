"""Decimal digits in memory as whole numbers, many texts at once.

Eight digits lie in one 64-bit word, and three multiplications make their number of them, so a column of numbers takes a
few operations on whole arrays instead of a call for each text.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from core.warehouse.order import Bools, Ints

Words: TypeAlias = npt.NDArray[np.uint64]

MOST_DIGITS = 16  # of a number: two words; 10**16 is far from the end of 64 bits
_WIDTH = 8
_ZEROS = np.uint64(0x3030303030303030)
_OVER_NINE = np.uint64(0x7676767676767676)  # carries into a byte's highest bit where the byte is over nine
_HIGH_BITS = np.uint64(0x8080808080808080)
# (mask, multiplier, shift): two digits of one, four of two, eight of four; the first digit is in the lowest byte
_FOLDS = tuple(
    (np.uint64(mask), np.uint64(multiplier), np.uint64(shift))
    for mask, multiplier, shift in (
        (0x0F0F0F0F0F0F0F0F, 10 * 2**8 + 1, 8),
        (0x00FF00FF00FF00FF, 100 * 2**16 + 1, 16),
        (0x0000FFFF0000FFFF, 10_000 * 2**32 + 1, 32),
    )
)


def whole_numbers(words: Words, start: Ints, stop: Ints) -> tuple[Ints, Bools] | None:
    """The number of the digits in each span, and whether a zero leads others there; an empty span is 0.

    ``words[i]`` are the eight bytes from place ``i`` on. None where a span holds anything but digits, or more than
    ``MOST_DIGITS``.
    """
    size = stop - start
    longest = int(size.max(initial=0))
    if longest > MOST_DIGITS:
        return None
    first = words[start]
    if longest <= _WIDTH:
        numbers, good = _up_to_eight(first, size)
    else:
        high, high_good = _up_to_eight(first, np.maximum(size - _WIDTH, 0))
        low, good = _up_to_eight(words[np.maximum(stop - _WIDTH, start)], np.minimum(size, _WIDTH))
        numbers, good = low + high * 10**_WIDTH, good and high_good
    if not good:
        return None
    return numbers, ((first & np.uint64(0xFF)) == np.uint64(ord("0"))) & (size > 1)


def _up_to_eight(texts: Words, size: Ints) -> tuple[Ints, bool]:
    """The numbers of the first ``size`` bytes of each word, and whether all of these are digits."""
    shift = (8 * (_WIDTH - size)).astype(np.uint64)  # a shift by 64 gives 0
    digits = (texts << shift) - (_ZEROS << shift)
    # a byte below "0" borrows from its neighbour and is itself over nine, so that it is seen all the same
    good = not bool(((digits | (digits + _OVER_NINE)) & _HIGH_BITS).any())
    for mask, multiplier, places in _FOLDS:
        digits = ((digits & mask) * multiplier) >> places
    return digits.view(np.int64), good
