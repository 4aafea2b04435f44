"""JSON without floats: a number with a fraction becomes a ``Decimal`` with the provider's own digits."""

from __future__ import annotations

import json
from decimal import Decimal


def read_exact(body: bytes) -> object:
    """Parse a document. Raises ``ValueError`` for what is no JSON, NaN and infinities among them."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_refuse)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def is_number(value: object) -> bool:
    """A JSON number (a boolean is none)."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _refuse(name: str) -> object:
    raise ValueError(f"{name} is no JSON number")
