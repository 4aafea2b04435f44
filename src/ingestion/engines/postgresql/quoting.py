"""Quoting of names and values, the only place where they become part of a statement: COPY takes no parameters."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from core.errors import InvalidData

NAME_BYTES = 63  # NAMEDATALEN - 1: PostgreSQL cuts longer names silently
Value = str | int | bool | Decimal | date | datetime


def identifier(name: str) -> str:
    """A quoted name. Raises ``InvalidData`` for a name that no object of a database can have."""
    if not name or "\0" in name or len(_encoded(name)) > NAME_BYTES:
        raise InvalidData("quote name", repr(name[:80]), f"a name has 1 to {NAME_BYTES} bytes and no NUL")
    return '"' + name.replace('"', '""') + '"'


def qualified(*names: str) -> str:
    """``"schema"."table"``."""
    return ".".join(identifier(name) for name in names)


def literal(value: Value, type_name: str) -> str:
    """A constant of exactly this type, whatever the server's settings for strings are.

    ``type_name`` is as the catalog's ``format_type`` spells it (or one of our own constants): it is not quoted here.
    A float has no exact text and is refused by its absence from ``Value``. Raises ``InvalidData`` for text that
    PostgreSQL cannot hold (NUL, half a surrogate pair).
    """
    text = _text(value)
    if "\0" in text:
        raise InvalidData("quote value", repr(text[:80]), "PostgreSQL's text holds no NUL")
    _encoded(text)
    # E'' reads a backslash the same way whatever standard_conforming_strings says.
    quoted = text.replace("\\", "\\\\").replace("'", "''")
    return f"CAST(E'{quoted}' AS {type_name})"


def _text(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        naive = value if value.tzinfo is None else value.astimezone(UTC).replace(tzinfo=None)
        return naive.isoformat(sep=" ", timespec="microseconds") + ("" if value.tzinfo is None else "+00")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int | Decimal | str):
        return str(value)
    raise InvalidData("quote value", repr(value)[:80], f"a {type(value).__name__} has no exact text")


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise InvalidData("quote value", ascii(text[:80]), "is no Unicode text") from error
