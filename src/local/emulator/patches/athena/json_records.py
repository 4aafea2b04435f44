"""JSON lines as Hive's own JSON SerDe takes them: every line an object, every value of a form that its type takes.

From Trino's reader of that SerDe (``io.trino.hive.formats.line.json.JsonDeserializer``): members of no column are
skipped and absent ones are null; a scalar is no object and no array, a number no text; anything else ends the query,
an empty line too.
"""

from __future__ import annotations

import json
from typing import Any

from local.emulator.patches.athena.hive_types import parts_of

_INTEGERS = {"TINYINT": 7, "SMALLINT": 15, "INTEGER": 31, "BIGINT": 63}
_NUMBERS = {"FLOAT", "DOUBLE"}


def check_records(data: bytes, columns: list[tuple[str, str]], *, place: str) -> None:
    """Raise ValueError, with Athena's name of the error, at the first line that the SerDe would not take."""
    for number, line in enumerate(data.decode("utf-8").removesuffix("\n").split("\n") if data else [], 1):
        try:
            value = json.loads(line)
            if not isinstance(value, dict):
                raise ValueError("start of object expected")
            members = {name.lower(): member for name, member in value.items()}
            for name, kind in columns:
                _check(members.get(name.lower()), kind, name)
        except ValueError as error:
            raise ValueError(f"HIVE_CURSOR_ERROR: Failed to read file at {place}: line {number}: {error}") from error


def _check(value: Any, kind: str, name: str) -> None:
    if value is None:
        return
    outer, inner = parts_of(kind)
    if outer == "array":
        _require(isinstance(value, list), name, "array expected")
        for each in value:
            _check(each, inner[0][1], name)
    elif outer in ("struct", "map"):
        _require(isinstance(value, dict), name, "start of object expected")
        members = {key.lower(): member for key, member in value.items()}
        for key, member in inner if outer == "struct" else [(key.lower(), inner[0][1]) for key in value]:
            _check(members.get(key.lower()), member, f"{name}.{key}")
    else:
        _require(not isinstance(value, list | dict), name, f"{kind} value must be a scalar json value")
        _require(outer not in _NUMBERS or _is_number(value), name, f"{value!r} is no number")
        if outer in _INTEGERS:
            _require(_is_number(value) and abs(value) < 2 ** _INTEGERS[outer], name, f"{value!r} is no {kind}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _require(is_fit: bool, name: str, otherwise: str) -> None:
    if not is_fit:
        raise ValueError(f"Invalid JSON: {name}: {otherwise}")
