"""Rows without a place in time, compared by key and content alone. Pure.

Their time of change is null, infinite, before Christ or in the future, so that no extraction holds them and no
fingerprint counts them, on either side. What the warehouse has of them, repairs by key have brought.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.databases.rows.content import are_refused
from auditor.databases.rows.differences import named_whole
from auditor.databases.rows.holdings import Holding
from auditor.databases.rows.refused import Refused
from auditor.databases.rows.sums import hashes_of, lists_of
from auditor.databases.rows.targets import Slice, Target
from core.audit.key_values import Key, key_values
from core.audit.source_check import MOST_UNPLACED, PLACE, ListInUse, content_column
from core.contract.model import HASH, RESERVED
from core.warehouse.order import Bools, Ints, as_array, locate, sort_rows

NAMED = 20  # keys that the admins are told


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A source table's rows without a place: ``rows`` in the form of ``unplaced_schema``, hashed by ``lists``.

    ``count`` are those that were counted, rows without a key too. ``beyond`` (microseconds) is where the future begins.
    """

    beyond: int
    count: int = 0
    rows: pa.Table | None = None
    lists: tuple[ListInUse, ...] = ()

    @property
    def cut(self) -> bool:
        """Whether there may be more than are listed."""
        return self.count >= MOST_UNPLACED

    def keys(self, target: Target) -> tuple[Key, ...]:
        """The keys of those that are listed, some at most."""
        return _keys(self.rows.slice(0, NAMED), target.source.key) if self.rows is not None else ()

    def all_keys(self, target: Target) -> tuple[Key, ...]:
        """The keys of those that are listed."""
        return _keys(self.rows, target.source.key) if self.rows is not None else ()

    def of(self, part: Slice) -> pa.Table | None:
        """Those that lie in a slice by the time that slices bound; in a slice that is everything, all."""
        if self.rows is None or part.whole:
            return self.rows
        places = self._places(self.rows)
        known = np.asarray(places.is_valid())
        at = np.asarray(places.fill_null(0).view(pa.int64()))
        return self.rows.filter(pa.array(known & (at >= part.start * 1_000_000) & (at < part.end * 1_000_000)))

    def nowhere(self, target: Target, refused: Refused) -> tuple[Key, ...]:
        """The keys of those whose time that slices bound is none, so that no slice has them.

        Left out are those that were fetched and refused already: nothing else can come of them.
        """
        if self.rows is None or not target.column:
            return ()
        lost = self.rows.filter(pc.is_null(self._places(self.rows)))
        return _keys_where(lost, target.source.key, ~are_refused(lost, self.lists, refused))

    @staticmethod
    def _places(rows: pa.Table) -> pa.Array:
        own = f"{RESERVED}{PLACE}"  # where the key has a column of that name
        return as_array(rows.column(own if own in rows.column_names else PLACE))

    def may_be_anywhere(self, target: Target) -> bool:
        """Whether the time that bounds slices is the very one that is wrong, so that any slice may be a row's own."""
        time = "" if target.source.by_keys else target.source.changed_at or target.source.created_at
        return self.count > 0 and time != "" and target.column == time


@dataclass(frozen=True, slots=True)
class UnplacedDifference:
    """Rows without a place on which a slice and the source do not agree; ``gone`` are places among the live rows."""

    rows: int = 0
    missing: tuple[Key, ...] = ()
    stale: tuple[Key, ...] = ()
    changed: tuple[Key, ...] = ()
    refused: tuple[Key, ...] = ()
    gone: Ints | None = None

    @property
    def differs(self) -> bool:
        """Whether there are any."""
        fetched = self.missing or self.stale or self.changed or self.refused
        return bool(fetched or (self.gone is not None and len(self.gone)))


def compare_unplaced(holding: Holding, unplaced: Unplaced, refused: Refused | None = None) -> UnplacedDifference:
    """The rows without a place of one slice that are not in the warehouse as the source has them.

    What the source has now of some may be among the ``refused`` already.
    """
    theirs = unplaced.of(holding.slice)
    if theirs is None or not theirs.num_rows:
        if unplaced.cut or holding.newest < unplaced.beyond:
            return UnplacedDifference()
        return UnplacedDifference(gone=np.flatnonzero(holding.versions >= unplaced.beyond))
    ours = holding.versions >= unplaced.beyond  # none where no time of change tells anything
    names = holding.target.source.key
    live = [as_array(holding.live.column(name)) for name in holding.target.keys]
    keys = [as_array(theirs.column(name)).cast(our.type) for name, our in zip(names, live, strict=True)]
    order, _ = sort_rows(keys)
    theirs, keys = theirs.take(pa.array(order)), [key.take(pa.array(order)) for key in keys]
    places, known = locate(keys, live)
    rows, met = np.flatnonzero(known), places[known]  # a row of ours, and the source's of its key
    has, same = np.zeros(len(order), bool), np.zeros(len(order), bool)
    has[met] = True
    same[met[ours[rows] & _same_content(holding, rows, theirs, met, unplaced.lists)]] = True
    newer = np.zeros(len(order), bool)
    newer[met[ours[rows]]] = True
    hopeless = are_refused(theirs, unplaced.lists, refused) & ~same
    return UnplacedDifference(
        rows=theirs.num_rows,
        missing=_keys_where(theirs, names, ~has & ~hopeless),
        stale=_keys_where(theirs, names, has & ~newer & ~hopeless),
        changed=_keys_where(theirs, names, newer & ~same & ~hopeless),
        refused=_keys_where(theirs, names, hopeless),
        gone=np.flatnonzero(ours & ~known) if not unplaced.cut else None,
    )


def _same_content(holding: Holding, rows: Ints, theirs: pa.Table, met: Ints, lists: Sequence[ListInUse]) -> Bools:
    """Whether each of our rows has the hash that the source computes under its list; where none is kept, all have."""
    if HASH not in holding.live.column_names:
        return np.ones(len(rows), bool)
    taken = holding.live.take(pa.array(rows))
    own, hashes = lists_of(taken), hashes_of(taken)
    same = np.zeros(len(rows), bool)
    for known in lists:
        column = as_array(theirs.column(content_column(known.number))).take(pa.array(met))
        equal = np.asarray(column.fill_null(0)).view(np.uint64) == hashes
        same |= (own == known.number) & equal & np.asarray(column.is_valid())
    return same


def _keys_where(rows: pa.Table, names: Sequence[str], which: Bools) -> tuple[Key, ...]:
    return _keys(rows.filter(pa.array(which)), names)


def _keys(rows: pa.Table, names: Sequence[str]) -> tuple[Key, ...]:
    keys: list[Key] = list(zip(*[key_values(as_array(rows.column(name))) for name in names], strict=True))
    return named_whole(keys, rows)
