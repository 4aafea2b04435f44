"""Decimals that Arrow reads from text, guarded against overflows that make other numbers of them.

Arrow (25.0) checks the size of a decimal too late or not at all. Digits beyond its width wrap, in parsing and again
when they are brought to the type's scale (https://github.com/apache/arrow/issues/49817), and an exponent far below zero
reads past its table of powers of ten: ``1e-41`` became 0, and ``1e-10000000`` ended the process.

So both parsers read texts of at most ``MOST_WRITTEN`` digits in a type twice as wide, where nothing can wrap, and casts
from there to the contract's type, which checks the value; ``too_small`` finds such exponents beforehand. What is
accepted is thereby decided by the value, which the type must hold exactly: zeros at a number's end do not matter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator

import numpy as np
import pyarrow as pa

MOST_WRITTEN = 38  # digits, and places of a negative exponent: with as many of the scale, the 76 of decimal256

_TOO_SMALL = re.compile(r"[eE]-0*(?:39|[4-9][0-9]|[1-9][0-9]{2})")
_ESCAPED = re.compile(rb"\\u00(?:3[0-9]|[46]5|2[bdeBDE])")  # a character of a number that is not written as itself
_ESCAPE = int.from_bytes(rb"\u", "little")
_MEMBERS = json.JSONDecoder(parse_float=str, parse_int=str, strict=False, object_pairs_hook=list)  # numbers as written
_NUMBERS = b"0123456789.+-"
_OF_NUMBERS = np.isin(np.arange(256), list(b"0123456789."))
_BEFORE_NUMBERS = b':" \t\r'


def wide(kind: pa.Decimal128Type) -> pa.Decimal256Type:
    """The type in which texts of a decimal are read; a cast to ``kind`` refuses what does not fit."""
    return pa.decimal256(MOST_WRITTEN, kind.scale)


def too_small(data: bytes, names: Collection[str]) -> bool:
    """Whether one of these fields has an exponent below ``-MOST_WRITTEN`` in a line.

    A line that may have one and is no JSON counts as well: Arrow converts what it has read before others see that.
    """
    start = end = 0
    for place in _suspects(data):
        if start <= place < end:
            continue
        start, end = data.rfind(b"\n", 0, place) + 1, data.find(b"\n", place)
        end = end if end >= 0 else len(data)
        if _has_too_small(data[start:end], names):
            return True
    return False


def _suspects(data: bytes) -> Iterator[int]:
    """Where a number may have such an exponent; mostly nowhere, and that takes a twentieth of the parser's time."""
    content = np.frombuffer(data, dtype=np.uint8)
    at = np.flatnonzero(((content[:-4] | 0x20) == ord("e")) & (content[1:-3] == ord("-")))
    if len(at):
        first, second, third = (content[at + place] - ord("0") for place in (2, 3, 4))  # over 9: no digit
        at = at[(first <= 9) & (second <= 9) & ((first > 0) | (third <= 9)) & _OF_NUMBERS[content[at - 1]]]
    for place in at.tolist():  # of a hundred UUIDs a few come so far, and no further
        if data[data.rfind(b"\n", 0, place) + 1 : place].rstrip(_NUMBERS)[-1:] in _BEFORE_NUMBERS:
            yield place
    if any((content[place : len(data) - (len(data) - place) % 2].view("<u2") == _ESCAPE).any() for place in (0, 1)):
        yield from (escape.start() for escape in _ESCAPED.finditer(data))


def _has_too_small(line: bytes, names: Collection[str]) -> bool:
    try:
        members = _MEMBERS.decode(line.decode())
        return any(name in names and isinstance(value, str) and _TOO_SMALL.search(value) for name, value in members)
    except (ValueError, TypeError, RecursionError):
        return True
