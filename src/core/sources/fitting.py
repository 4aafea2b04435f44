"""Types of a database's columns against a contract's: which is proposed, and which can hold all values."""

from __future__ import annotations

from typing import Literal

from core.contract.types import MAX_DECIMAL_PRECISION, ColumnType
from core.sources.catalog import SourceType

Fit = Literal["whole", "partly", "never"]
UNBOUNDED = ColumnType("decimal", MAX_DECIMAL_PRECISION, 9)  # proposed for a decimal without precision
_PLAIN = {
    "float": "double",
    "boolean": "boolean",
    "text": "string",
    "date": "date",
    "wall": "timestamp",
    "instant": "timestamp",
    "time": "string",
    "json": "json",
    "nested": "json",
}
_INT_BITS = {"int": 32, "bigint": 64}
_BITS_DIGITS = {16: 5, 32: 10, 64: 19}
_EXACT_DOUBLE_BITS, _EXACT_DOUBLE_DIGITS = 53, 15


def proposed(source: SourceType) -> ColumnType:
    """The contract's type that holds all values of a column, or as many as one can."""
    if source.kind == "integer":
        return ColumnType("int" if source.size <= _INT_BITS["int"] else "bigint")
    if source.kind == "decimal":
        if not source.size:
            return UNBOUNDED
        digits, scale = _digits(source)
        most = min(MAX_DECIMAL_PRECISION, digits + scale)
        return ColumnType("decimal", most, min(scale, most))
    return ColumnType(_PLAIN[source.kind])


def fit(source: SourceType, contract: ColumnType) -> Fit:
    """Whether rows of a column can be read as a contract's type: all of them, some (the others are refused), or none.

    Leaves out what no type of the contract holds: NaN and infinity in decimals, times beyond the calendar's years.
    """
    if contract.name in ("string", "json"):
        return "whole"
    if contract.name in ("boolean", "date", "timestamp"):
        return _as_plain(source, contract.name)
    if source.kind not in ("integer", "decimal", "float"):
        return "partly" if (source.kind, contract.name) == ("text", "decimal") else "never"  # digits in quotes are read
    if contract.name == "double":
        return "whole" if _is_exact_double(source) else "partly"
    if source.kind == "float" or (source.kind == "decimal" and not source.size):
        return "partly"
    digits, scale = _digits(source)
    if contract.name == "decimal":
        room = digits <= contract.precision - contract.scale and scale <= contract.scale
        return "whole" if room else "partly"
    bits = _INT_BITS[contract.name]
    if source.kind == "integer":
        return "whole" if source.size <= bits else "partly"
    return "whole" if not scale and digits < _BITS_DIGITS[bits] else "partly"


def _as_plain(source: SourceType, name: str) -> Fit:
    if source.kind == "text" and name in ("date", "timestamp"):
        return "partly"  # a text may be a time
    whole = {"boolean": ("boolean",), "date": ("date",), "timestamp": ("wall", "instant", "date")}[name]
    return "whole" if source.kind in whole else "never"


def _is_exact_double(source: SourceType) -> bool:
    if source.kind == "decimal":
        return 0 < source.size <= _EXACT_DOUBLE_DIGITS
    return source.kind == "float" or source.size < _EXACT_DOUBLE_BITS


def _digits(source: SourceType) -> tuple[int, int]:
    """The most digits before the point, and behind it."""
    if source.kind == "integer":
        return _BITS_DIGITS[source.size], 0
    return max(0, source.size - source.scale), max(0, source.scale)
