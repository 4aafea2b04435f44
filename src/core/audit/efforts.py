"""Effort of repairs: what a job took to carry out, and the idea of repair that it belongs to.

A function measures what it does for a job and leaves it with the outcome (``core.audit.repair_jobs``), so that each
idea's cost can be told anywhere, without a bill: seconds times memory, and what was asked of provider and stores.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from functools import reduce
from typing import Any

IDEAS = {"acquire": "history", "extract": "re-extract", "restate": "restate", "process": "replay"}  # by executor


@dataclass(frozen=True, slots=True)
class Effort:
    """The effort of one job or of several.

    ``seconds`` of a function, ``gb_seconds`` the same times its memory in gigabytes, ``calls`` of a provider, ``rows``
    fetched or in the partitions that were made again, ``reads`` and ``writes`` of ingest objects and partitions (a
    version is two writes, the object and its pointer).
    """

    seconds: float = 0.0
    gb_seconds: float = 0.0
    calls: int = 0
    rows: int = 0
    reads: int = 0
    writes: int = 0

    def __add__(self, other: Effort) -> Effort:
        return Effort(*(getattr(self, part.name) + getattr(other, part.name) for part in fields(self)))

    def to_data(self) -> dict[str, Any]:
        """JSON-ready data; what is nothing is left out."""
        return {part.name: value for part in fields(self) if (value := getattr(self, part.name))}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Effort:
        """Read what ``to_data`` gave, by this release or a later one."""
        return cls(**{part.name: data[part.name] for part in fields(cls) if part.name in data})


def measured(seconds: float, memory_mb: int, **counts: int) -> Effort | None:
    """The effort of a function of so much memory, to the millisecond; None outside of one, where there is no memory."""
    return Effort(round(seconds, 3), round(seconds * memory_mb / 1024, 4), **counts) if memory_mb else None


def total(efforts: Iterable[Effort]) -> Effort:
    """All of them together."""
    return reduce(Effort.__add__, efforts, Effort())
