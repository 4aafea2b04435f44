"""Constraints of a service's model on the members of a request, and the words in which AWS says that one is broken.

Checked are members that the model does not know, required members, types, lengths, ranges, enumerations and patterns,
as far down as the parameters go. botocore itself checks the first three and the least lengths before it sends; the rest
it leaves to the service.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

from local.emulator.requests.patterns import compiled

# Shapes whose model is stricter than the service: what AWS itself takes, or documents otherwise.
LENIENT: frozenset[str] = frozenset()
REFUSED = "refused by its service's model"  # begins the emulator's line about a request
_SHOWN = 200  # characters of a value in a message

Problem = str


def problems(shape: StructureShape | None, parameters: Any) -> list[Problem]:
    """What the service would refuse, a sentence each; empty: nothing that the model knows of."""
    return list(_structure(shape, parameters, "")) if shape else []


def message(refusals: list[Problem]) -> str:
    """The sentence that AWS's services begin their refusal with, and the refusals."""
    count = len(refusals)
    return f"{count} validation error{'s' if count > 1 else ''} detected: {'; '.join(refusals)}"


def _member(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    if shape.name in LENIENT or getattr(shape, "is_document_type", False):
        return
    if check := _CHECKS.get(shape.type_name):
        yield from check(shape, value, path)


def _structure(shape: StructureShape, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield _type(value, path, "a structure")
        return
    names, by_wire = _names(shape)
    given = {key: entry for key, entry in value.items() if entry is not None}
    for required in shape.required_members:
        if names[required] not in given and required not in given:
            yield f"Value null at '{_at(path, required)}' failed to satisfy constraint: Member must not be null"
    for key, entry in given.items():
        name = by_wire.get(key, key)
        if name not in shape.members:
            yield f"Value at '{_at(path, str(key))}' failed to satisfy constraint: {shape.name} has no such member"
            continue
        yield from _member(shape.members[name], entry, _at(path, name))


@cache
def _names(shape: StructureShape) -> tuple[dict[str, str], dict[str, str]]:
    """Names on the wire of a structure's members, and members by those names."""
    names = {name: member.serialization.get("name", name) for name, member in shape.members.items()}
    return names, {wire: name for name, wire in names.items()}


def _list(shape: ListShape, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield _type(value, path, "a list")
        return
    yield from _length(shape, len(value), value, path)
    for number, entry in enumerate(value, start=1):
        yield from _member(shape.member, entry, f"{path}.{number}.member")


def _map(shape: MapShape, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield _type(value, path, "a map")
        return
    yield from _length(shape, len(value), value, path)
    for key, entry in value.items():
        yield from _member(shape.key, key, f"{path}.key")
        yield from _member(shape.value, entry, f"{path}.{key}.member")


def _string(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, str):
        yield _type(value, path, "a string")
        return
    yield from _length(shape, len(value), value, path)
    if isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
        yield _broken(value, path, f"Member must satisfy enum value set: [{', '.join(sorted(shape.enum))}]")
    pattern = shape.metadata.get("pattern")
    if pattern and not _matches(pattern, value):
        yield _broken(value, path, f"Member must satisfy regular expression pattern: {pattern}")


def _blob(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    if isinstance(value, str):
        try:
            value = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            yield _type(value, path, "base64")
            return
    if not isinstance(value, bytes):
        yield _type(value, path, "base64")
        return
    yield from _length(shape, len(value), "java.nio.HeapByteBuffer", path)


def _number(shape: Shape, value: Any, path: str) -> Iterator[Problem]:
    whole = shape.type_name in ("integer", "long")
    if isinstance(value, bool) or not isinstance(value, int | float) or (whole and value != int(value)):
        yield _type(value, path, "a whole number" if whole else "a number")
        return
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and value < least:
        yield _broken(value, path, f"Member must have value greater than or equal to {least}")
    if most is not None and value > most:
        yield _broken(value, path, f"Member must have value less than or equal to {most}")


def _boolean(_: Shape, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, bool):
        yield _type(value, path, "true or false")


def _timestamp(_: Shape, value: Any, path: str) -> Iterator[Problem]:
    if isinstance(value, bool) or not isinstance(value, int | float | str | dt.datetime):
        yield _type(value, path, "a time")


_CHECKS: dict[str, Callable[[Any, Any, str], Iterator[Problem]]] = {
    "structure": _structure,
    "list": _list,
    "map": _map,
    "string": _string,
    "blob": _blob,
    "integer": _number,
    "long": _number,
    "float": _number,
    "double": _number,
    "boolean": _boolean,
    "timestamp": _timestamp,
}


def _length(shape: Shape, length: int, value: Any, path: str) -> Iterator[Problem]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and length < least:
        yield _broken(value, path, f"Member must have length greater than or equal to {least}")
    if most is not None and length > most:
        yield _broken(value, path, f"Member must have length less than or equal to {most}")


def _matches(pattern: str, value: str) -> bool:
    try:
        return compiled(pattern).fullmatch(value) is not None
    except re.error:
        return True  # a test holds the list of patterns that cannot be said in Python


def _at(path: str, name: str) -> str:
    name = name[:1].lower() + name[1:]
    return f"{path}.{name}" if path else name


def _broken(value: Any, path: str, constraint: str) -> Problem:
    shown = str(value)
    shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
    return f"Value '{shown}' at '{path}' failed to satisfy constraint: {constraint}"


def _type(value: Any, path: str, expected: str) -> Problem:
    return _broken(value, path or "body", f"Member must be {expected}")
