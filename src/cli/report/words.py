"""Numbers, times and shares as the page writes them. Pure."""

from __future__ import annotations

import datetime as dt

from cli.report.coverage import Column, Counts
from core.time import at_epoch

SYMBOLS = {"certified": "✓", "unaudited": "–", "changed": "↻", "open": "…", "alarmed": "!"}
SAYS = {
    "certified": "certified",
    "unaudited": "not audited yet",
    "changed": "changed since it was certified",
    "open": "being healed",
    "alarmed": "alarmed: somebody was called",
}


def number(value: int) -> str:
    return f"{value:,}"


def count(value: int, singular: str, plural: str = "") -> str:
    """``1 point``, ``2,000 points``."""
    return f"{number(value)} {singular if value == 1 else plural or singular + 's'}"


def percent(part: int, whole: int) -> str:
    """Never rounds a gap away: only all of it is 100 %, only nothing is 0 %."""
    if not whole or part == whole:
        return "100 %" if whole else "-"
    if not part:
        return "0 %"
    share = 100 * part / whole
    return "<0.1 %" if share < 0.1 else ">99.9 %" if share > 99.9 else f"{share:.1f} %"


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


def moment(at: dt.datetime) -> str:
    """``Fri 20 Nov 15:59``; all times on the page are UTC."""
    return f"{at:%a} {at.day} {at:%b %H:%M}"


def instant(seconds: int) -> str:
    return moment(at_epoch(seconds))


def clock(seconds: int) -> str:
    """``15:59``."""
    return f"{at_epoch(seconds):%H:%M}"


def column(column: Column, unit: str) -> str:
    """``Fri 20 Nov 15:00`` or ``Fri 20 Nov``."""
    return column.day if unit == "day" else f"{column.day} {column.hour}"


def standing(column: Column) -> str:
    """A column's status after the last audit, in words."""
    if column.status == "certified":
        numbers = [f"{first}" for first in column.certificates]
        which = numbers[0] if len(numbers) == 1 else f"{numbers[0]} to {numbers[-1]}"
        return f"certified: certificate {which}"
    of = f" ({column.certified} of {column.windows} windows certified)" if column.windows > 1 else ""
    return SAYS[column.status] + of


def cell(counts: Counts, *, wide: bool) -> str:
    """A cell's number: what is there; ``57/60`` or ``−3`` where three are missing, ``57+3`` or ``+3`` proven absent."""
    if not counts.expected:
        return ""
    if counts.missing:
        known = f"{_short(counts.present + counts.absent)}/{_short(counts.expected)}"
        return known if wide else f"−{_short(counts.missing)}"
    if counts.absent:
        return f"{_short(counts.present) if wide else ''}+{_short(counts.absent)}"
    return _short(counts.present) if wide or counts.present < 1000 else f"{counts.present / 1000:.0f}k"


def _short(value: int) -> str:
    """Up to four digits as they are; more only roughly, for a cell's text says them all."""
    return f"{value}" if value < 10_000 else f"{value / 1000:.0f}k" if value < 1_000_000 else f"{value / 1e6:.1f}M"


def breakdown(counts: Counts) -> str:
    """``55 of 60 present (53 observed, 2 repaired), 1 proven absent, 4 missing``."""
    if not counts.expected:
        return "nothing is expected"
    parts = [
        f"{number(points)} {name}"
        for name, points in (("observed", counts.observed), ("late", counts.late), ("repaired", counts.repaired))
        if points
    ]
    text = f"{number(counts.present)} of {number(counts.expected)} present"
    text += f" ({', '.join(parts)})" if parts else ""
    text += f", {number(counts.absent)} proven absent" if counts.absent else ""
    return text + (f", {number(counts.missing)} missing" if counts.missing else ", none missing")
