"""Stored objects as somebody else may leave them: cut, altered, of another form, each in one place."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

HUGE = 10**30
ODD: tuple[Any, ...] = (None, True, 7, -1, HUGE, "?", [], {}, [None], {"?": None})  # a value of each type, and odd ones
_GZIP = b"\x1f\x8b"


def damages(body: bytes) -> Iterator[tuple[str, bytes]]:
    """The ways in which an object can be damaged, each with its bytes: as a whole, then place by place of its JSON."""
    yield "empty", b""
    yield "cut", body[: len(body) // 2]
    yield "no text", b"\xff\xfe" + body
    if body.startswith(_GZIP):
        for name, inner in damages(gzip.decompress(body)):
            yield f"within gzip: {name}", gzip.compress(inner, mtime=0)
        return
    yield "is <html>", b"<html>\n"
    yield "is nested deeply", b"[" * 100_000
    for value in ODD:
        yield f"is {json.dumps(value)[:12]}", json.dumps(value).encode()
    yield from _altered_lines(body)


def _altered_lines(body: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        lines = [json.loads(line) for line in body.splitlines()]
    except ValueError:
        return
    if not lines or not isinstance(lines[0], dict | list):
        return
    for name, first in alterations(lines[0]):
        yield name, b"".join(json.dumps(line).encode() + b"\n" for line in [first, *lines[1:]])


def alterations(document: Any) -> Iterator[tuple[str, Any]]:
    """The document with one place altered: gone, or another value; of places that are alike the first alone."""
    for path in _places(document, ()):
        value = _at(document, path)
        name = "/".join(map(str, path))
        if isinstance(_at(document, path[:-1]), dict):
            yield f"{name} is gone", _without(document, path)
        for other in ODD:
            if other != value:
                yield f"{name} is {json.dumps(other)[:12]}", _with(document, path, other)


def _places(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[str | int, ...]]:
    if path:
        yield path
    if isinstance(value, dict):
        shapes = set()
        for name, inner in value.items():
            shape = _shape(inner) if len(value) > 20 else name
            if shape not in shapes:
                shapes.add(shape)
                yield from _places(inner, (*path, name))
    elif isinstance(value, list) and value:
        kinds: dict[str, int] = {}
        for number, inner in enumerate(value):
            kinds.setdefault(_shape(inner), number)
        for number in kinds.values():
            yield from _places(value[number], (*path, number))


def _shape(value: Any) -> str:
    if isinstance(value, dict):
        return f"{sorted(value)} {value.get('kind', '')}"
    return type(value).__name__


def _at(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step]
    return value


def _with(value: Any, path: tuple[str | int, ...], other: Any) -> Any:
    if not path:
        return other
    copy = value.copy()
    copy[path[0]] = _with(value[path[0]], path[1:], other)
    return copy


def _without(value: Any, path: tuple[str | int, ...]) -> Any:
    copy = value.copy()
    if len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = _without(value[path[0]], path[1:])
    return copy
