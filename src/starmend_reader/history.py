"""Partitions as they were: which of their objects was current at an instant, as far as that is known. Pure.

A commit counts from the time of its object, which is written just before the pointer names it. What is known is the
listing, which objects are left and when they were written, and footers: each names its last ancestors in order, and
the last object of each day of the week before (``core.warehouse.footer``). Objects that were never current are in no
footer. Nor is a first one whose pointer was lost before a second came: it looks like a commit that was cut off, so what
was there before the first that is known is told only where there is no object of then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from core.time import format_second
from core.warehouse.footer import Footer
from core.warehouse.pointer import version_of
from starmend_reader.errors import NotKept

ReadFooter = Callable[[str], Footer]


def object_at(
    partition: str, current: str, written: Mapping[str, datetime], at: datetime, read_footer: ReadFooter
) -> str:
    """The key of the object that was current at an instant; empty where the partition had none yet.

    ``written`` are the partition's objects and their times, the current one among them. Raises ``NotKept`` where what
    was current is removed, or cannot be told any more.
    """
    if written[current] <= at:
        return current
    after = current  # a commit that came after the instant
    while True:
        footer = read_footer(after)
        if not footer.parent:
            first = next((key for key in sorted(written) if written[key] <= at), None)
            if footer.version == 1 and first is None:
                return ""
            maybe = f": {first} may have been current" if first else ""
            raise _not_kept(partition, at, f"what was there before {after} is not known{maybe}")
        line = (after, *footer.ancestors)
        before = next((place for place, key in enumerate(line) if key in written and written[key] <= at), None)
        if before is not None and line[before - 1] in written and _follow(line[before], line[before - 1]):
            return line[before]
        if (last := _last_of_day(footer, written, at)) is not None:
            return last
        earliest = _earliest_after(footer, written, at)
        if earliest is None or version_of(earliest) >= version_of(after):
            gone = next((key for key in line[1:] if key not in written), footer.parent)
            raise _not_kept(partition, at, f"{gone}, or one before it, was current then and is removed")
        after = earliest


def _follow(key: str, after: str) -> bool:
    """Whether nothing was current between two ancestors: what is on top of a lost object does not know all of them."""
    return version_of(after) == version_of(key) + 1


def _last_of_day(footer: Footer, written: Mapping[str, datetime], at: datetime) -> str | None:
    """The last object of the instant's day, or of the last day with commits before it, where it was written by then.

    A footer names those of the week before its parent's day without a gap, and its parent; one of an earlier release
    that is on top of a lost object does neither.
    """
    if all(daily.key != footer.parent for daily in footer.dailies):
        return None
    day = at.astimezone(UTC).date().isoformat()
    until = [daily for daily in footer.dailies if daily.day <= day]
    if not until:
        return None
    last = max(until, key=lambda daily: daily.day)
    return last.key if last.key in written and written[last.key] <= at else None


def _earliest_after(footer: Footer, written: Mapping[str, datetime], at: datetime) -> str | None:
    """The earliest object that is left of those before a commit, and was written after the instant."""
    known = {*footer.ancestors, *(daily.key for daily in footer.dailies)}
    left = [key for key in known if key in written and written[key] > at]
    return min(left, key=version_of, default=None)


def _not_kept(partition: str, at: datetime, problem: str) -> NotKept:
    remedy = "Ask for a later time: each state is kept for six hours, the last of a day with commits for a week"
    return NotKept("read as of", f"{partition} at {format_second(at)}", problem, remedy)
