"""JSON without floats: a number with a fraction becomes a ``Decimal`` with the provider's own digits.

What no decimal can hold (an exponent of twenty digits, an integer of thousands) stays the text that it was, and NaN and
infinities are decimals of that kind: each is the fault of its own field, never of the document. A document that is
nested deeper than anybody writes is none: whatever walks through it later would run out of stack.
"""

from __future__ import annotations

import json
from decimal import Decimal, InvalidOperation

LONGEST_INTEGER = 100  # digits; far beyond every column
LONGEST_NAME = 60  # characters of one that is told
DEEPEST = 200  # levels; a line holds a value of half as many (``core.feeds.lines``)


class TwoValues(ValueError):
    """An object that has two values of one name: nobody knows which of them is meant (RFC 8259, 4)."""


def read_exact(body: bytes) -> object:
    """Parse a document.

    Raises ``ValueError`` for what is no JSON, ``TwoValues`` for what says two things; NaN and infinities are read, as
    many write them.
    """
    try:
        document = json.loads(
            body, parse_float=_decimal, parse_int=_integer, parse_constant=Decimal, object_pairs_hook=_object
        )
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if body.count(b"[") + body.count(b"{") > DEEPEST and _is_deeper(document, DEEPEST):
        raise ValueError("nested too deeply")
    return document


def is_number(value: object) -> bool:
    """A finite JSON number (a boolean is none)."""
    if isinstance(value, Decimal):
        return value.is_finite()
    return isinstance(value, int) and not isinstance(value, bool)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The object; a name may stand twice with the same value. Raises ``TwoValues``."""
    document = dict(pairs)
    if len(document) < len(pairs):
        for name, value in pairs:
            if _is_other(document[name], value):
                raise TwoValues(f"an object has two values of {name[:LONGEST_NAME]!r}")
    return document


def _is_other(value: object, other: object) -> bool:
    return repr(value) != repr(other)  # 1 and true are equal, and NaN to nothing


def _is_deeper(document: object, levels: int) -> bool:
    """Whether there are containers on more levels, looked at level by level."""
    level = [document] if isinstance(document, dict | list) else []
    for _ in range(levels):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _decimal(text: str) -> object:
    try:
        return Decimal(text)
    except InvalidOperation:
        return text


def _integer(text: str) -> object:
    return int(text) if len(text) <= LONGEST_INTEGER else text
