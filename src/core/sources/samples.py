"""Samples of a table: what some of its rows hold, as an engine counts it and a proposal is guessed from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ColumnSample:
    """What the sampled rows hold in a column.

    ``values`` are not null; of those ``days`` are texts such as 2026-11-20. Of days and times, ``earliest`` and
    ``latest`` (aware) are of those in the years 1 to 9998; ``future`` lie more than a day after the server's clock.
    """

    values: int = 0
    days: int = 0
    earliest: datetime | None = None
    latest: datetime | None = None
    future: int = 0


@dataclass(frozen=True, slots=True)
class TableSample:
    """Counts over some rows of a table.

    ``rows`` were looked at, of about ``total``. ``before[a, b]`` of them have a time in ``a`` that is before that in
    ``b``.
    """

    rows: int = 0
    total: int = 0
    columns: Mapping[str, ColumnSample] = field(default_factory=dict)
    before: Mapping[tuple[str, str], int] = field(default_factory=dict)

    def of(self, column: str) -> ColumnSample:
        """A column's counts; of one that was not looked at, none."""
        return self.columns.get(column, ColumnSample())
