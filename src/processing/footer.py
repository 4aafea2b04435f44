"""The footer of a partition's object; it lives in ``core``, for the auditor reads it too."""

from __future__ import annotations

from core.warehouse.footer import (
    ANCESTORS,
    DAILY,
    FORMAT,
    NAME,
    RECENT,
    Daily,
    Footer,
    Kind,
    SourceRef,
    later_ancestors,
    later_dailies,
    later_marks,
    mark_of,
)

__all__ = [
    "ANCESTORS",
    "DAILY",
    "FORMAT",
    "NAME",
    "RECENT",
    "Daily",
    "Footer",
    "Kind",
    "SourceRef",
    "later_ancestors",
    "later_dailies",
    "later_marks",
    "mark_of",
]
