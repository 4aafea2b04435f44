"""Certificates that others have overtaken: those of a table that is audited in windows of another length now. Pure.

A window is replaced by the next certificate of its name. Where a table is partitioned by other units of time, its
windows have other bounds and names. What the old ones said is said by the new ones, once these cover the same time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from core.audit.certificate import Certificate, LedgerEntry
from core.time import epoch

Span = tuple[int, int]
_UNBOUNDED = epoch("9999-01-01")  # a window that ends after it is of all time


@dataclass(frozen=True, slots=True)
class _Claim:
    """The newest certificate of a window: its number, its time, and the folders of the tables that it names."""

    window: str
    number: int
    span: Span
    folders: frozenset[str]

    @property
    def subject(self) -> str:
        return self.window.rpartition("/")[0]


def speaking(newest: Mapping[str, Certificate | LedgerEntry], *, since: Mapping[str, int]) -> list[str]:
    """The windows (by name) whose newest certificate is not overtaken, in order of the mapping.

    ``since`` is the first instant that a subject has rows of, where it is known (epoch seconds): certificates of time
    before that are not waited for.
    """
    claims = [
        _Claim(window, each.number, (epoch(each.start), epoch(each.end)), folders_in(each.partitions))
        for window, each in newest.items()
    ]
    by_subject: dict[str, list[_Claim]] = {}
    for claim in claims:
        by_subject.setdefault(claim.subject, []).append(claim)
    several = {
        subject for subject, group in by_subject.items() if len({claim.folders for claim in group if claim.folders}) > 1
    }
    return [
        claim.window
        for claim in claims
        if claim.subject not in several
        or not _is_overtaken(claim, by_subject[claim.subject], since.get(claim.subject, 0))
    ]


def folders_in(partitions: Iterable[str]) -> frozenset[str]:
    """The folders of the tables that partitions are of; of current states, which lie two folders deep, both."""
    return frozenset("/".join(name.split("/")[: 2 if name.startswith("_") else 1]) for name in partitions)


def _is_overtaken(claim: _Claim, others: Sequence[_Claim], since: int) -> bool:
    later = sorted(
        other.span
        for other in others
        if other.number > claim.number and other.window != claim.window and not other.folders & claim.folders
    )
    if not later or not claim.folders:
        return False
    at = max(claim.span[0], since)
    end = min(claim.span[1], later[-1][1])  # of a window without bounds as far as anything is certified
    for first, last in later:
        if first <= at < last:
            at = last
    return at >= end and (end == claim.span[1] or claim.span[1] >= _UNBOUNDED)
