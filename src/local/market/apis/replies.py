"""HTTP replies of the market, and exact JSON for them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any


class BadRequest(ValueError):
    """The caller's parameters are wrong; the reply is a 422."""


@dataclass(frozen=True)
class Reply:
    """Status, body and headers of one HTTP reply."""

    status: int
    body: bytes
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: Any, status: int = 200) -> Reply:
        return cls(status, encode(value).encode())


PAGE = Reply(200, b"<!DOCTYPE html><html><body><h1>We'll be right back</h1></body></html>", "text/html; charset=utf-8")


def encode(value: Any) -> str:
    """JSON in which a Decimal is a number with exactly its digits (trailing zeros left out), never through a float."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(name)}:{encode(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(encode, value)) + "]"
    return json.dumps(value)
