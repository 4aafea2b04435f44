"""JSON as the pipeline stores and hashes it: one text for one value, so that equal values are equal bytes."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

# What it raises to read a stored document whose bytes are somebody else's: of another form, of another type in one
# place, with a number that is too large, nested deeper than Python's stack.
UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, OverflowError, RecursionError)


def json_object(body: bytes | str) -> dict[str, Any]:
    """The object of a stored document. Raises one of ``UNREADABLE`` where it is none."""
    document = json.loads(body)
    if not isinstance(document, dict):
        raise TypeError(f"is no object but {type(document).__name__}")
    return document


def object_if_any(body: bytes | str | None) -> dict[str, Any]:
    """The object of a stored document; empty where there is none, or where it is something else."""
    try:
        return json_object(body) if body is not None else {}
    except UNREADABLE:
        return {}


def canonical_text(data: Any) -> str:
    """Sorted keys, no spaces, ASCII only, on one line without a line break."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def canonical_json(data: Any) -> bytes:
    """``canonical_text`` as bytes, with one line break at the end."""
    return canonical_text(data).encode() + b"\n"


def readable_json(data: Any) -> str:
    """Sorted keys, one value a line, ASCII only, with a line break at the end: for files that people compare."""
    return json.dumps(data, indent=1, sort_keys=True) + "\n"


def as_plain(value: Any) -> Any:
    """What ``dataclasses.asdict`` makes of a dataclass, as JSON has it: tuples are lists, and no leaf is copied."""
    if value is None or isinstance(value, (str, int)):  # most are
        return value
    if dataclasses.is_dataclass(value):
        return {name: as_plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, Mapping):
        return {name: as_plain(each) for name, each in value.items()}
    return [as_plain(each) for each in value] if isinstance(value, (tuple, list)) else value
