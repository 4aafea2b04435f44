"""Numbers and lengths of time as the page and the commands write them. Pure."""

from __future__ import annotations

import datetime as dt


def number(value: int) -> str:
    """``12,345``."""
    return f"{value:,}"


def count(value: int, singular: str, plural: str = "") -> str:
    """``1 point``, ``2,000 points``."""
    return f"{number(value)} {singular if value == 1 else plural or singular + 's'}"


def length(span: dt.timedelta) -> str:
    """``45 s``, ``12 min``, ``3 h 5 min``, ``2 d 4 h``: the two largest units."""
    seconds = int(span.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if hours == 0:
        return f"{minutes} min"
    first, rest = (f"{hours} h", f"{minutes % 60} min") if days == 0 else (f"{days} d", f"{hours % 24} h")
    return first if rest.startswith("0 ") else f"{first} {rest}"
