"""Ranges of time as the commands' options name them. Pure."""

from __future__ import annotations

from core.errors import Misuse
from core.time import epoch

Range = tuple[int | None, int | None]  # epoch seconds, the end exclusive; without ends: what is due


def refuse_range_and_full(start: str, end: str, *, operation: str) -> None:
    """Raise ``Misuse`` where both a range and all there is are asked for."""
    if start or end:
        raise Misuse(operation, start or end, "is a range, and --full is all there is", "Give one of them")


def range_of(start: str, end: str, *, operation: str, open_ended: bool = False) -> Range:
    """Both ends in epoch seconds, or neither; ``open_ended`` lets one of them be left out.

    Raises ``Misuse`` for half a range, for what is no time, and for a range that holds nothing.
    """
    if bool(start) != bool(end) and not open_ended:
        raise Misuse(operation, start or end, "is half a range", "Give --from and --to, or neither")
    first = _seconds(start, operation) if start else None
    last = _seconds(end, operation) if end else None
    if first is not None and last is not None and last <= first:
        remedy = "Swap --from and --to" if last < first else "The end is exclusive: give a later --to"
        raise Misuse(operation, f"{start} to {end}", "ends before it begins" if last < first else "is empty", remedy)
    return first, last


def _seconds(text: str, operation: str) -> int:
    try:
        return epoch(text)
    except ValueError as error:
        problem = "is no day and no instant of ISO 8601"
        raise Misuse(operation, text, problem, "Write it like 2026-11-20 or 2026-11-20T14:30") from error
