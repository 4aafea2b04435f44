"""Rows that were read without columns that their table has by now: told by the list of columns that each was hashed by.

They are fetched from the source again, the newest first, for no ingest object has what they lack.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from auditor.databases.rows.differences import keys_of
from auditor.databases.rows.holdings import Holding
from auditor.databases.rows.sums import lists_of
from auditor.databases.rows.targets import Target
from core.audit.findings import UnfilledRows
from core.audit.source_check import ListInUse
from core.time import epoch
from core.warehouse.order import Ints


@dataclass(frozen=True, slots=True)
class Unfilled:
    """Places of a slice's live rows that lack ``columns`` of the source."""

    places: Ints
    columns: tuple[str, ...] = ()


def unfilled(holding: Holding, lists: Sequence[ListInUse], *, until: int) -> Unfilled:
    """The rows older than ``until`` (microseconds) that lack a column.

    One that the source has only ``since`` a time is lacking in rows of that time and later alone.
    """
    if not any(known.lacking for known in lists):
        return Unfilled(np.zeros(0, np.int64))
    wanted = _wanted(holding.target)
    lacking = {known.number: [name for name in known.lacking if name in wanted] for known in lists}
    if not any(lacking[number] for number in holding.lists & lacking.keys()):
        return Unfilled(np.zeros(0, np.int64))
    own, old = lists_of(holding.live), holding.versions < until
    chosen, columns = np.zeros(len(old), bool), set[str]()
    for number, names in lacking.items():
        for name in names:
            rows = old & (own == number) & (holding.versions >= wanted[name])
            chosen |= rows
            columns |= {name} if rows.any() else set()
    return Unfilled(np.flatnonzero(chosen), tuple(sorted(columns)))


def _wanted(target: Target) -> dict[str, int]:
    """The source's columns that the table is made from, and the version (microseconds) from which on rows have each."""
    taken = target.fields
    return {
        field.name: epoch(field.since) * 1_000_000 if field.since else np.iinfo(np.int64).min
        for field in target.source.fields
        if field.name in taken and not field.added
    }


class Fills:
    """The findings of a scan, with the keys of at most ``most`` rows: those of the newest slices."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._named: list[tuple[int, UnfilledRows]] = []

    def add(self, dataset: str, holding: Holding, rows: Unfilled) -> None:
        """Add a slice's rows, if it has any."""
        if not len(rows.places):
            return
        keys = keys_of(holding, rows.places[: self._most])
        finding = UnfilledRows(dataset, holding.target.source.name, keys, len(rows.places), rows.columns)
        self._named.append((holding.slice.start, finding))
        self._named.sort(key=lambda entry: -entry[0])
        left = self._most
        for place, (start, each) in enumerate(self._named):
            self._named[place] = (start, replace(each, keys=each.keys[:left]))
            left -= len(self._named[place][1].keys)

    @property
    def findings(self) -> list[UnfilledRows]:
        """The findings, the newest slices first."""
        return [finding for _, finding in self._named]
