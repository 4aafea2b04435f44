"""Literals of a contract (a check's bound, a listed value, a cell of a lookup) as values of a column's type.

The spelling is narrow, so that nothing is rounded, cut or guessed, and so that Arrow reads each literal alike.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import operator
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from core.contract.types import ColumnType

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {  # of a check, by its operator
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
}
Literal = str | int | bool | float | Decimal | dt.date | dt.datetime
_INTEGER = re.compile(r"-?\d{1,19}")
_NUMBER = re.compile(r"-?\d{1,60}(\.\d{1,60})?")
_DOUBLE = re.compile(r"-?\d{1,60}(\.\d{1,60})?([eE][+-]?\d{1,3})?")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d:\d\d(\.\d{1,6})?)?")
_BITS = {"int": 31, "bigint": 63}


def read_literal(text: str, kind: ColumnType) -> Literal:
    """The value that a text stands for. Raises ``ValueError`` saying why it is none of the type's, and what is one."""
    if kind.name in _BITS:
        return _integer(text, kind)
    if kind.name == "decimal":
        return _decimal(text, kind)
    if kind.name == "double":
        if not _DOUBLE.fullmatch(text) or not math.isfinite(float(text)):
            raise ValueError(f"{text!r} is no number; write it like -0.5")
        return float(text)
    if kind.name == "boolean":
        if text not in ("true", "false"):
            raise ValueError(f"{text!r} is no boolean; write true or false")
        return text == "true"
    if kind.name in ("date", "timestamp"):
        return _time(text, kind)
    if kind.name == "json":
        try:
            json.loads(text)
        except ValueError:
            raise ValueError(f"{text!r} is no JSON text; a string stands in quotes of its own: '\"a\"'") from None
    return text


def _integer(text: str, kind: ColumnType) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"{text!r} is no {kind}; write a whole number")
    number, most = int(text), 2 ** _BITS[kind.name]
    if not -most <= number < most:
        raise ValueError(f"{text} is beyond every {kind}; stay within {-most} and {most - 1}")
    return number


def _decimal(text: str, kind: ColumnType) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is no {kind}; write it like 0.5")
    whole, _, fraction = text.lstrip("-").partition(".")
    if len(fraction) > kind.scale:
        raise ValueError(f"{text} has {len(fraction)} decimal places, a {kind} {kind.scale}; write no more of them")
    if len(whole.lstrip("0")) > kind.precision - kind.scale:
        raise ValueError(f"{text} is beyond every {kind}; it has {kind.precision - kind.scale} digits before the point")
    return Decimal(text)


def _time(text: str, kind: ColumnType) -> dt.date | dt.datetime:
    shown = "2026-11-20" if kind.name == "date" else "2026-11-20T14:30:00 (UTC, without a zone)"
    pattern = _DATE if kind.name == "date" else _TIMESTAMP
    try:
        if pattern.fullmatch(text):
            return dt.date.fromisoformat(text) if kind.name == "date" else dt.datetime.fromisoformat(text)
    except ValueError:
        pass  # a day or an hour that is none
    raise ValueError(f"{text!r} is no {kind}; write it like {shown}")
