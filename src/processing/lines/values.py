"""Texts of values, and whether they look like values of a type.

The line parser decides what a value is. This is its grammar once more, in Python, to find quickly the values among many
that it will refuse: a value that does not look like its type is worth a try of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation

from core.contract.types import ColumnType
from processing.lines.decimals import MOST_WRITTEN
from processing.lines.nested import members, too_deep

_INTEGER = re.compile(r"-?(0|[1-9][0-9]*)")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]00(:00(:00(\.0+)?)?)?(Z|[+-]00(:?00)?)?)?")
_TIMESTAMP = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}(:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
)
_BITS = {"int": 32, "bigint": 64}
NOT_FINITE = ("NaN", "Infinity", "-Infinity")  # doubles as PostgreSQL writes them in JSON, as texts
_QUOTED = {f'"{text}"': text for text in NOT_FINITE}
_MAY_HOLD = re.compile(rb'"(?:NaN|-?Infinity)"')


def looks_like(text: str, kind: ColumnType) -> bool:
    """Whether a text (of a number as it is written, of a string what is between its quotation marks) is of the type."""
    look = _LOOKS.get(kind.name)
    return look is None or look(text, kind)


def bare_doubles(data: bytes, names: Collection[str]) -> bytes:
    """The lines with each of ``NOT_FINITE`` that is a named field's value as Arrow reads it: without quotation marks.

    Lines without any cost a search.
    """
    if not _MAY_HOLD.search(data):
        return data
    return b"\n".join(_bare(line, names) if _MAY_HOLD.search(line) else line for line in data.split(b"\n"))


def says_not_finite(line: bytes, name: str) -> bool:
    """Whether a line gives a field as one of ``NOT_FINITE``; ``1e999`` is none of them, nor is a bare ``NaN``."""
    text = line.decode()
    return any(text[start:end] in _QUOTED for start, end in _not_finite(text, (name,)))


def _bare(line: bytes, names: Collection[str]) -> bytes:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        return line
    for start, end in reversed(_not_finite(text, names)):
        text = text[:start] + _QUOTED[text[start:end]] + text[end:]
    return text.encode()


def _not_finite(text: str, names: Collection[str]) -> list[tuple[int, int]]:
    try:
        spans = [] if too_deep(text) else [(start, end) for name, start, end in members(text) if name in names]
    except (ValueError, IndexError):  # no JSON: whoever reads it says so
        return []
    return [(start, end) for start, end in spans if text[start:end] in _QUOTED]


def _integer(text: str, kind: ColumnType) -> bool:
    end = 1 << (_BITS[kind.name] - 1)
    return bool(len(text) < MOST_WRITTEN and _INTEGER.fullmatch(text)) and -end <= int(text) < end


def _decimal(text: str, kind: ColumnType) -> bool:
    try:
        value = Decimal(text)
    except InvalidOperation:
        return False
    if not value.is_finite():
        return False
    _, digits, exponent = value.as_tuple()
    beyond = -kind.scale - int(exponent)  # digits after the last one that the type holds
    return (
        max(len(digits), int(exponent), -int(exponent)) <= MOST_WRITTEN
        and not any(digits[max(len(digits) - beyond, 0) :] if beyond > 0 else ())
        and (value.is_zero() or value.adjusted() < kind.precision - kind.scale)
    )


def _date(text: str, _kind: ColumnType) -> bool:
    return bool(_DATE.fullmatch(text)) and _instant(text[: len("YYYY-MM-DD")]) is not None


def _timestamp(text: str, _kind: ColumnType) -> bool:
    return bool(_TIMESTAMP.fullmatch(text)) and _instant(text) is not None


def _instant(text: str) -> datetime | None:
    """The instant; None where there is none, or it is outside of the years 1 to 9999."""
    try:
        instant = datetime.fromisoformat(text)
        return instant.astimezone(UTC) if instant.tzinfo else instant
    except (ValueError, OverflowError):
        return None


_LOOKS: dict[str, Callable[[str, ColumnType], bool]] = {
    "int": _integer,
    "bigint": _integer,
    "decimal": _decimal,
    "date": _date,
    "timestamp": _timestamp,
}
