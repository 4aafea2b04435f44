"""Lines read by Python's own json, Decimal and datetime: slow, plain, and with no code of the pipeline's.

It says what a line's values are, that the line must be refused, or that it does not decide (``UNDECIDED``): what JSON,
ISO 8601 and the contract leave open may be read or refused, but on every road alike.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext
from typing import Any, Literal

Fate = tuple[Any, ...] | Literal["refused", "undecided"]
REFUSED: Literal["refused"] = "refused"
UNDECIDED: Literal["undecided"] = "undecided"
WILD = "wild double"  # of a database, which may be infinite or no number
_DATE = r"(\d{4})-(\d\d)-(\d\d)"
_TIME = r"(?:[T ](\d\d)(?::(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?)?)?"
_ZONE = r"(Z|z|[+-]\d\d(?::?\d\d)?)?"
_MOST_DIGITS = 38  # written; more of them may be refused
_DEEP = 450  # levels; more of them may be refused


class Refused(ValueError):
    """The value is not of its type."""


class Undecided(ValueError):
    """The value may be of its type or not."""


@dataclass(frozen=True)
class Number:
    """A number as it is written."""

    text: str


@dataclass(frozen=True)
class Members:
    """An object's members in their order, repeated ones too."""

    pairs: tuple[tuple[str, Any], ...]


def plain_json(text: str) -> Any:
    """Any JSON text; raises ``ValueError`` for what is none."""

    def constant(name: str) -> Any:
        raise ValueError(name)

    decoder = json.JSONDecoder(
        object_pairs_hook=lambda pairs: Members(tuple(pairs)),
        parse_float=Number,
        parse_int=Number,
        parse_constant=constant,
    )
    return decoder.decode(text)


def plain_fate(line: bytes, types: Mapping[str, str]) -> Fate:
    """The values of one line by its fields' types; values of type json are ``Members``, ``Number`` and so on."""
    if line.count(b"[") + line.count(b"{") > _DEEP:
        return UNDECIDED
    try:
        text = line.decode()
        members = plain_json(text)
    except ValueError:
        return UNDECIDED if re.search(b"NaN|Inf", line) else REFUSED  # of an unknown field they may pass
    if not isinstance(members, Members):
        return REFUSED
    names = [name for name, _ in members.pairs if name in types]
    half, huge = re.search(r"\\u[dD][89a-fA-F]", text), re.search(r"[eE]\+?0*[1-9]\d\d", text)
    escaped = WILD in types.values() and "\\u" in text  # a NaN that is spelt out
    if half or huge or escaped or len(names) != len(set(names)):
        return UNDECIDED
    values = dict(members.pairs)
    try:
        return tuple(_value(kind, values.get(name)) for name, kind in types.items())
    except Refused:
        return REFUSED
    except Undecided:
        return UNDECIDED


def _value(kind: str, value: Any) -> Any:
    if value is None or kind == "json":
        return value
    if kind == "boolean" and isinstance(value, bool):
        return value
    if kind == "string" and isinstance(value, str):
        return value
    if kind.endswith("double") and isinstance(value, Number):
        return float(value.text)
    if kind == WILD and value in ("NaN", "Infinity", "-Infinity"):
        return float(value)
    if kind in ("int", "bigint") and isinstance(value, Number):
        return _integer(value.text, bits=31 if kind == "int" else 63)
    if kind.startswith("decimal") and isinstance(value, Number | str):
        return _decimal(value, *map(int, re.findall(r"\d+", kind)))
    if kind == "date" and isinstance(value, str):
        return _date(value)
    if kind == "timestamp" and isinstance(value, str):
        return _instant(value)
    raise Refused(kind)


def _integer(text: str, *, bits: int) -> int:
    if re.fullmatch(r"-?\d+", text) and -(1 << bits) <= int(text) < 1 << bits:
        return int(text)
    raise Refused(text)


def _decimal(value: Number | str, precision: int, scale: int) -> Decimal:
    text = value.text if isinstance(value, Number) else value
    if not re.fullmatch(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?", text, re.ASCII):
        raise Undecided(text)  # between quotation marks, forms that are no JSON numbers
    number = Decimal(text)
    _, digits, exponent = number.as_tuple()
    if max(len(digits), abs(int(exponent))) > _MOST_DIGITS:
        raise Undecided(text)
    with localcontext(Context(prec=200)):
        unscaled = number.scaleb(scale)
        if unscaled != unscaled.to_integral_value() or abs(unscaled) >= 10**precision:
            raise Refused(text)
    return number


def _date(text: str) -> dt.date:
    match = re.fullmatch(_DATE + r"(?:[T ]00(?::00(?::00(?:\.0+)?)?)?(?:Z|[+-]00(?::?00)?)?)?", text, re.ASCII)
    if match is None:
        raise Refused(text)
    try:
        return dt.date(*map(int, match.groups()))
    except ValueError as error:
        raise Refused(text) from error


def _instant(text: str) -> dt.datetime:
    match = re.fullmatch(_DATE + _TIME + _ZONE, text, re.ASCII)
    if match is None:
        raise Refused(text)
    *parts, fraction, zone = match.groups()
    if zone == "z" or (zone and parts[3] is None) or len(fraction or "") > 6:
        raise Undecided(text)
    try:
        instant = dt.datetime(*(int(part or 0) for part in parts), int((fraction or "").ljust(6, "0")))  # type: ignore[arg-type]  # noqa: DTZ001
        return instant if zone in (None, "Z") else instant - _offset(zone)
    except (ValueError, OverflowError) as error:
        raise Refused(text) from error


def _offset(zone: str) -> dt.timedelta:
    hours, minutes = int(zone[1:3]), int(zone[3:].lstrip(":") or 0)
    if hours > 23 or minutes > 59:
        raise Refused(zone)
    offset = dt.timedelta(hours=hours, minutes=minutes)
    return -offset if zone[0] == "-" else offset


def differs(fate: Fate, rows: list[tuple[Any, ...]], types: Mapping[str, str]) -> bool:
    """Whether the rows that a line became (none: it was refused) are others than its plain fate says.

    Several objects on one line are no JSON, and may be as many rows.
    """
    if fate == UNDECIDED:
        return False
    if fate == REFUSED:
        return len(rows) == 1
    return len(rows) != 1 or not all(map(_is_same, fate, rows[0], types.values()))


def _is_same(plain: Any, value: Any, kind: str) -> bool:
    if plain is None or value is None:
        return plain is value
    if kind == "json":
        return bool(plain_json(value) == plain)
    if kind.endswith("double"):
        return repr(plain) == repr(value)
    return bool(plain == value) and (kind.startswith("decimal") or repr(plain) == repr(value))
