"""Arithmetic of half-open ranges. Pure."""

from __future__ import annotations

from core.audit.history import Ranges


def without(ranges: Ranges, taken: Ranges) -> Ranges:
    """The ranges without what others cover, in order."""
    kept: list[tuple[int, int]] = []
    cuts = sorted(taken)
    for start, end in sorted(ranges):
        for first, last in cuts:
            if last <= start or first >= end:
                continue
            if first > start:
                kept.append((start, first))
            start = max(start, last)
        if start < end:
            kept.append((start, end))
    return tuple(kept)


def overlap(ranges: Ranges, others: Ranges) -> bool:
    """Whether some of the ranges have something in common with some of the others."""
    return any(start < last and first < end for start, end in ranges for first, last in others)
