"""The zone of the wall-clock times that an expression of SQL writes: a column's default, or what a trigger assigns."""

from __future__ import annotations

import re
from functools import lru_cache

from core.sources.catalog import SESSION
from core.time import zone_names

_DIGITS = r"(\s*\(\s*\d\s*\))?"
_NOW = re.compile(
    rf"(pg_catalog\.)?(now|transaction_timestamp|statement_timestamp|clock_timestamp)\s*\(\s*\)|current_timestamp{_DIGITS}"
)
_LOCAL = re.compile(rf"localtimestamp{_DIGITS}")
_TO_WALL = re.compile(rf"(.+)::\s*timestamp{_DIGITS}(\s+without\s+time\s+zone)?", re.DOTALL)
_TO_INSTANT = re.compile(rf"(.+)::\s*timestamp(tz{_DIGITS}|{_DIGITS}\s+with\s+time\s+zone)", re.DOTALL)
_ROUNDED = re.compile(r"date_trunc\s*\(\s*'(?:second|minute|milli\w*|micro\w*)'(?:\s*::\s*text)?\s*,(.+)\)", re.DOTALL)
_ZONE = r"'([^']+)'(?:\s*::\s*(?:text|character varying|varchar))?"
_AT_ZONE = re.compile(rf"(.+?)\s*\bat\s+time\s+zone\s+\(?\s*{_ZONE}\s*\)?", re.DOTALL)
_TIMEZONE = re.compile(rf"(?:pg_catalog\.)?timezone\s*\(\s*{_ZONE}\s*,(.+)\)", re.DOTALL)
# Other names without a slash may be PostgreSQL's abbreviations, which know no summer time where IANA's names do: CET.
_UTC = frozenset(("utc", "gmt", "uct", "zulu", "z"))


def zone_written(expression: str) -> str:
    """A zone's IANA name, ``SESSION`` for that of the session, or nothing where the expression is no time of now.

    As ``pg_get_expr`` spells it, or a person. What is not understood whole says nothing: an hour that is added, say.
    """
    text = _bare(expression.lower())
    while match := _TO_WALL.fullmatch(text) or _ROUNDED.fullmatch(text):
        text = _bare(match[1])
    if _NOW.fullmatch(text) or _LOCAL.fullmatch(text):
        return SESSION
    if match := _TIMEZONE.fullmatch(text):
        zone, instant = match[1], match[2]
    elif match := _AT_ZONE.fullmatch(text):
        instant, zone = match[1], match[2]
    else:
        return ""
    return _canonical(zone) if _is_now(instant) else ""


def _is_now(text: str) -> bool:
    text = _bare(text)
    while match := _TO_INSTANT.fullmatch(text) or _ROUNDED.fullmatch(text):
        text = _bare(match[1])
    return bool(_NOW.fullmatch(text))


def _bare(text: str) -> str:
    """The text without parentheses round all of it."""
    text = text.strip()
    while text.startswith("(") and _closes(text) == len(text) - 1:
        text = text[1:-1].strip()
    return text


def _closes(text: str) -> int:
    """Where the parenthesis at the beginning is closed; -1: nowhere."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if not depth:
            return place
    return -1


def _canonical(zone: str) -> str:
    if zone in _UTC or zone.removeprefix("etc/") in _UTC:
        return "UTC"
    return _slashed().get(zone, "")


@lru_cache(maxsize=1)
def _slashed() -> dict[str, str]:
    """IANA's names by their small letters."""
    return {name.lower(): name for name in zone_names() if "/" in name}
