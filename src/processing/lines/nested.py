"""Nested values of JSON lines, kept as the text that they came as.

Parsing a nested value and writing it again would change numbers (``1.10``, 30-digit integers) and the order of what a
source sent, so its characters are cut out of the line instead. Only source tables with a ``json`` field pay for this.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]

_DECODER = json.JSONDecoder()
_SPACE = " \t\r\n"


def nested_as_text(data: bytes, names: Collection[str]) -> bytes:
    """The lines with the value of each named field replaced by a JSON string that holds its text; null stays null.

    A line that is no JSON object stays as it is, for the parser to refuse.
    """
    return b"\n".join(_line(line, names) for line in data.split(b"\n"))


def _line(line: bytes, names: Collection[str]) -> bytes:
    try:
        text = line.decode()
        spans = [(start, end) for name, start, end in members(text) if name in names]
    except (ValueError, IndexError, RecursionError):
        return line
    for start, end in reversed(spans):
        value = text[start:end]
        if value != "null":
            text = text[:start] + json.dumps(value, ensure_ascii=False) + text[end:]
    return text.encode()


def members(text: str) -> Iterator[tuple[str, int, int]]:
    """Name, and start and end of the value, of each member of a JSON object.

    Raises ``ValueError`` or ``IndexError`` where the text is none.
    """
    at = _skip(text, 0)
    if text[at] != "{":
        raise ValueError("no object")
    at = _skip(text, at + 1)
    while text[at] != "}":
        if text[at] != '"':
            raise ValueError("no name")
        name, at = scanstring(text, at + 1, True)
        at = _skip(text, at)
        if text[at] != ":":
            raise ValueError("no colon")
        start = _skip(text, at + 1)
        _, end = _DECODER.raw_decode(text, start)
        yield name, start, end
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)
        elif text[at] != "}":
            raise ValueError("no comma")


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at
