"""The column types that a contract may name, and their names in the catalog.

A timestamp is an instant in UTC with microseconds. The catalog has no TIME: a time of day is a string
``HH:MM:SS.ffffff``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

PLAIN_TYPES = ("string", "int", "bigint", "boolean", "date", "timestamp", "double", "json")
_DECIMAL = re.compile(r"decimal\((\d+),\s*(\d+)\)")
MAX_DECIMAL_PRECISION = 38  # Athena's and Parquet's limit


@dataclass(frozen=True, slots=True)
class ColumnType:
    """One of ``PLAIN_TYPES``, or ``decimal`` with precision and scale."""

    name: str
    precision: int = 0
    scale: int = 0

    @property
    def catalog(self) -> str:
        """The type as Glue and Athena spell it; ``json`` is kept as its text."""
        if self.name == "decimal":
            return f"decimal({self.precision},{self.scale})"
        return "string" if self.name == "json" else self.name

    def __str__(self) -> str:
        return f"decimal({self.precision},{self.scale})" if self.name == "decimal" else self.name


def parse_type(text: str) -> ColumnType:
    """Read ``bigint`` or ``decimal(18,6)``; raises ``ValueError`` naming the types there are."""
    if text in PLAIN_TYPES:
        return ColumnType(text)
    if match := _DECIMAL.fullmatch(text):
        precision, scale = int(match[1]), int(match[2])
        if not 0 < precision <= MAX_DECIMAL_PRECISION or scale > precision:
            raise ValueError(f"{text}: precision is 1 to {MAX_DECIMAL_PRECISION} and scale at most precision")
        return ColumnType("decimal", precision, scale)
    if text.startswith("decimal("):
        raise ValueError(f'{text!r} is cut at a comma or misspelt; inside braces write "decimal(10,2)" in quotes')
    raise ValueError(f"unknown type {text!r}; use one of {', '.join(PLAIN_TYPES)} or decimal(p,s)")
