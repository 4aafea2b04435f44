"""Cells of tables: one line of plain text each, whatever the value says. Pure."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

# What a terminal obeys instead of showing: C0 and C1 controls, line separators, marks that turn the reading direction.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
_NAMED = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
NULL = "NULL"  # of data
NOTHING = "-"  # of what a command has to say


def printable(text: str) -> str:
    """The text with what a terminal would obey written as an escape; a text that reads like NULL is in quotes."""
    if not text.isprintable():
        text = _CONTROL.sub(_escaped, text)
    return text


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    return _NAMED.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}")


def data_cell(value: Any) -> str:
    """A value of a queried row. NULL is told from every text, numbers are as exact as they came."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f'"{value}"' if value == NULL else printable(value)
    return plain(value)


def said_cell(value: Any) -> str:
    """A value that a command says: ``-`` where there is nothing, ``yes`` and ``no``."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain(value)


def plain(value: Any) -> str:
    """Numbers without separators (an id is no amount), times in ISO 8601, anything else as printable text."""
    if isinstance(value, dt.datetime):
        precision = "microseconds" if value.microsecond % 1000 else "milliseconds"
        text = value.isoformat(sep=" ", timespec=precision)
        return f"{text.removesuffix('+00:00')} UTC" if value.tzinfo else text
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping | list | tuple):
        return printable(str(value))
    return printable(str(value))


def is_number(value: Any) -> bool:
    """Whether a column of such values is read from its right end."""
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool)
