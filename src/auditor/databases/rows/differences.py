"""Source and warehouse compared by key: which buckets differ, and in them which rows. Pure.

The warehouse is read before the source's pairs, so whatever it holds was in the source before: a key that the source
does not have any more is deleted there. Fingerprints may be older: where they differ for that reason alone, the pairs
do not. Rows that the source changed at or after the watermark are on their way, and no finding.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pyarrow as pa

from auditor.databases.rows.content import are_refused, compare_content
from auditor.databases.rows.holdings import Holding
from auditor.databases.rows.moves import HeldRows, Moves, instants, superseded
from auditor.databases.rows.refused import Refused
from core.audit.fingerprint import bucket_numbers, microseconds
from core.audit.key_values import Key, key_values
from core.audit.source_check import UNFIT, VERSION, Buckets, ListInUse, beside_key
from core.time import NO_PLACE
from core.warehouse.order import Bools, Ints, as_array, locate, seen_at, sort_rows

# Versions of rows without a place in time, which the source's pairs do not have (``unplaced`` compares them).
_NO_PLACE = np.datetime64(NO_PLACE - timedelta(days=1), "us").astype(np.int64)


@dataclass(frozen=True, slots=True)
class Difference:
    """Rows on which source and warehouse do not agree.

    ``changed`` have the same key and version and another content, ``foreign`` another hash that another server made.
    ``refused`` would be missing, stale or changed, but what the source has now was fetched already, and refused.
    ``deleted`` are those that the slice of the source does not have, ``moved`` those that are current in several
    partitions of the slice, in all but the right one.
    """

    missing: tuple[Key, ...] = ()
    stale: tuple[Key, ...] = ()
    deleted: HeldRows = field(default_factory=HeldRows)
    moved: Moves = field(default_factory=Moves)
    changed: tuple[Key, ...] = ()
    foreign: tuple[Key, ...] = ()
    refused: tuple[Key, ...] = ()


def unequal(ours: Buckets, theirs: Buckets) -> tuple[int, ...]:
    """The buckets that do not hold the same."""
    return tuple(sorted(place for place in {*ours, *theirs} if ours.get(place) != theirs.get(place)))


def compare_pairs(
    holding: Holding,
    pairs: pa.Table,
    *,
    wanted: Sequence[int],
    buckets: int,
    until: int,
    lists: Sequence[ListInUse] = (),
    refused: Refused | None = None,
) -> Difference:
    """The rows of the wanted buckets that differ.

    ``pairs`` are the source's (``core.audit.source_check.pairs_schema``), with the content's hash under each list.
    Rows whose version is ``until`` (microseconds) or newer may be on their way, and are neither missing nor stale.
    """
    target = holding.target
    doubtful = np.zeros(buckets, bool)
    doubtful[list(wanted)] = True
    inside = doubtful[bucket_numbers(holding.hashes, buckets)] & (holding.versions < _NO_PLACE)
    live = holding.live.filter(pa.array(inside))
    ours = [as_array(live.column(name)) for name in target.keys]
    versions = holding.versions[inside]
    theirs = [as_array(pairs.column(name)).cast(our.type) for name, our in zip(target.source.key, ours, strict=True)]
    order, _ = sort_rows(theirs)
    theirs = [their.take(pa.array(order)) for their in theirs]
    source_versions = microseconds(pairs.column(beside_key(target.source, VERSION)))[order]
    places, known = locate(theirs, ours)
    met = places[known]
    old = source_versions < until
    right = source_versions[met] == versions[known]
    agrees = np.zeros(len(order), bool)
    agrees[met[right]] = True
    unknown = np.ones(len(order), bool)
    unknown[met] = False
    pairs = pairs.take(pa.array(order))
    both = live.filter(pa.array(known))
    content = compare_content(both, pairs, met, right & old[met], lists)
    changed = np.zeros(len(order), bool)
    changed[met[content.changed]] = True
    hopeless = are_refused(pairs, lists, refused) & old & (unknown | ~agrees | changed)
    return Difference(
        changed=_source_keys(pairs, theirs, changed & ~hopeless),
        foreign=_keys_at([as_array(both.column(name)) for name in target.keys], content.foreign),
        refused=_source_keys(pairs, theirs, hopeless),
        missing=_source_keys(pairs, theirs, unknown & old & ~hopeless),
        stale=_source_keys(pairs, theirs, ~unknown & ~agrees & old & ~hopeless),
        deleted=_held(holding, live, inside, np.flatnonzero(~known)),
        moved=_moved(holding, live, inside, np.flatnonzero(known), met, right),
    )


def _moved(holding: Holding, live: pa.Table, inside: Bools, known: Ints, met: Ints, right: Bools) -> Moves:
    """The rows that are current elsewhere in the slice too; ``met`` are the places of their keys at the source."""
    if len(np.unique(met)) == len(met):
        return Moves()
    versions = holding.versions[inside][known]
    seen = versions
    if holding.target.checked:
        rows = live.take(pa.array(known))
        written, checked = (as_array(rows.column(name)) for name in (holding.target.version, holding.target.checked))
        seen = microseconds(seen_at(written, checked))
    lost, best = superseded(met, right, seen, versions)
    now = _held(holding, live, inside, known[best])
    return Moves(_held(holding, live, inside, known[lost]), now.partitions)


def held_rows(holding: Holding, at: Ints) -> HeldRows:
    """The live rows at these places; none where the table cannot mark them."""
    return _held(holding, holding.live, np.ones(holding.live.num_rows, bool), at)


def _held(holding: Holding, live: pa.Table, inside: Bools, at: Ints) -> HeldRows:
    """The rows at these places of those inside the doubtful buckets; none where the table cannot mark them."""
    target = holding.target
    if not target.deleted or not len(at):
        return HeldRows()
    rows = live.take(pa.array(at))
    return HeldRows(
        keys=_keys([as_array(rows.column(name)) for name in target.keys], None),
        versions=instants(rows, target.version),
        checked=instants(rows, target.checked),
        partitions=tuple(holding.paths[place] for place in holding.places[inside][at].tolist()),
    )


def _keys_at(columns: Sequence[pa.Array], at: Ints) -> tuple[Key, ...]:
    return _keys([column.take(pa.array(at)) for column in columns], None)


def keys_of(holding: Holding, at: Ints) -> tuple[Key, ...]:
    """The keys of live rows, by their places."""
    return _keys_at([as_array(holding.live.column(name)) for name in holding.target.keys], at)


def _source_keys(pairs: pa.Table, columns: Sequence[pa.Array], which: Bools) -> tuple[Key, ...]:
    return named_whole(_keys(columns, which), pairs.filter(pa.array(which)))


def named_whole(keys: Sequence[Key], rows: pa.Table) -> tuple[Key, ...]:
    """The keys of the source's rows, those that are no values of the contract's types as the source shows them."""
    texts = rows.column(UNFIT).to_pylist() if UNFIT in rows.column_names else [None] * len(keys)
    return tuple(key if text is None else tuple(json.loads(text)) for key, text in zip(keys, texts, strict=True))


def _keys(columns: Sequence[pa.Array], which: Bools | None) -> tuple[Key, ...]:
    chosen = [column if which is None else column.filter(pa.array(which)) for column in columns]
    keys: list[Key] = list(zip(*[key_values(values) for values in chosen], strict=True))
    return tuple(keys)
