"""Regular expressions of service models, which are Java's, as Python's."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache

_SURROGATES = re.compile(r"\\uD800\\uDC00-\\uDBFF\\uDFFF", re.IGNORECASE)  # all that is beyond 16 bits, as UTF-16
_CATEGORY = re.compile(r"\\p\{([A-Za-z]+)\}")
_HYPHEN_AFTER_CLASS = re.compile(r"(?<!\\)(\\[wdsWDS])-(?!\])")


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern, its classes (``\\w`` and such) of ASCII as in Java; raises ``re.error`` where Python cannot say it.

    A value keeps to it when the whole of it matches.
    """
    text = _SURROGATES.sub(r"\\U00010000-\\U0010FFFF", pattern)
    text = _HYPHEN_AFTER_CLASS.sub(r"\1\-", text)
    text = text.replace(r"\p{ASCII}", r"[\x00-\x7F]")
    return re.compile(_CATEGORY.sub(lambda name: _class(name[1]), text), re.ASCII)


def _class(name: str) -> str:
    """What stands in brackets for a category such as ``L``; a name that is no category is left as it is."""
    ranges = _ranges()
    parts = [ranges[category] for category in sorted(ranges) if category.startswith(name)]
    return "".join(parts) if parts else f"\\p{{{name}}}"


@cache
def _ranges() -> dict[str, str]:
    """Every code point by its category, as ranges of a character class."""
    spans: dict[str, list[str]] = {}
    for category, first, last in _spans():
        spans.setdefault(category, []).append(rf"\U{first:08X}-\U{last:08X}")
    return {category: "".join(parts) for category, parts in spans.items()}


def _spans() -> Iterator[tuple[str, int, int]]:
    first, current = 0, unicodedata.category(chr(0))
    for point in range(1, sys.maxunicode + 1):
        category = unicodedata.category(chr(point))
        if category != current:
            yield current, first, point - 1
            first, current = point, category
    yield current, first, sys.maxunicode
