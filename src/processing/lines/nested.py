"""Nested values of JSON lines, kept as the text that they came as.

Parsing a nested value and writing it again would change numbers (``1.10``, 30-digit integers) and the order of what a
source sent, so its characters are cut out of the line instead. Only source tables with a ``json`` field pay for this.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from json.decoder import scanstring  # type: ignore[attr-defined]

from core.landing.source_lines import JSON_NULL

MOST_NESTED = 500  # levels; what Python's decoder bears depends on who calls it
REFUSED = b"!"  # before a line that must not be read: no JSON begins so


# Numbers are not made: their text is all that is wanted, and of an integer with 5,000 digits Python makes none.
DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
_SPACE = " \t\r\n"
_TEXTS = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_CONSTANTS = re.compile("NaN|Infinity")  # of JavaScript, not of JSON; Python reads them
_BRACKETS = re.compile(r"[\[{\]}]")


def nested_as_text(data: bytes, names: Collection[str], *, documents: bool = False) -> bytes:
    """The lines with the value of each named field replaced by a JSON string that holds its text; null stays null.

    Where the fields are a database's ``documents``, null as it is in ``JSON_NULL`` is such a text too. What is no JSON
    object, or ``too_deep``, is marked for the parser to refuse: Arrow reads more than JSON.
    """
    return b"\n".join(_line(line, names, documents) for line in data.split(b"\n"))


def _line(line: bytes, names: Collection[str], documents: bool) -> bytes:
    try:
        text = line.decode()
        if too_deep(text):
            return REFUSED + line
        spans = [(start, end) for name, start, end in members(text) if name in names]
    except (ValueError, IndexError):
        return REFUSED + line if line.strip() else line
    for start, end in reversed(spans):
        value = text[start:end]
        if _CONSTANTS.search(_TEXTS.sub("", value)):
            return REFUSED + line
        is_document = documents and text.startswith(JSON_NULL, end - len(JSON_NULL))
        if value != "null" or is_document:
            start -= is_document  # its tab goes
            text = text[:start] + json.dumps(value, ensure_ascii=False) + text[end:]
    return text.encode()


def too_deep(text: str) -> bool:
    """Whether the values in a text are nested deeper than ``MOST_NESTED`` levels."""
    if text.count("[") + text.count("{") <= MOST_NESTED:
        return False
    depth = 0
    for bracket in _BRACKETS.finditer(_TEXTS.sub("", text)):
        depth += 1 if bracket[0] in "[{" else -1
        if depth > MOST_NESTED:
            return True
    return False


def members(text: str) -> Iterator[tuple[str, int, int]]:
    """Name, and start and end of the value, of each member of a JSON object.

    Raises ``ValueError`` or ``IndexError`` where the text is none. It must not be ``too_deep``.
    """
    at = skip_blanks(text, 0)
    if text[at] != "{":
        raise ValueError("no object")
    at = skip_blanks(text, at + 1)
    while text[at] != "}":
        if text[at] != '"':
            raise ValueError("no name")
        name, at = scanstring(text, at + 1, True)
        at = skip_blanks(text, at)
        if text[at] != ":":
            raise ValueError("no colon")
        start = skip_blanks(text, at + 1)
        _, end = DECODER.raw_decode(text, start)
        yield name, start, end
        at = skip_blanks(text, end)
        if text[at] == ",":
            at = skip_blanks(text, at + 1)
        elif text[at] != "}":
            raise ValueError("no comma")


def skip_blanks(text: str, at: int) -> int:
    """The place of the next character from ``at`` on that is no blank."""
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at
