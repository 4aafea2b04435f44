"""Source and warehouse compared by key: which buckets differ, and in them which rows. Pure.

The warehouse is read before the source's pairs, so whatever it holds was in the source before: a key that the source
does not have any more is deleted there. Fingerprints may be older: where they differ for that reason alone, the pairs
do not. Rows that the source changed at or after the watermark are on their way, and no finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.databases.rows.holdings import Holding
from core.audit.fingerprint import Hashes, bucket_numbers, fingerprints, microseconds
from core.audit.source_check import VERSION, Buckets
from core.landing.ingest_objects import KeyValue
from core.warehouse.order import Bools, Ints, as_array, locate, sort_rows

Key = tuple[KeyValue, ...]


@dataclass(frozen=True, slots=True)
class Difference:
    """Keys of rows on which source and warehouse do not agree; ``versions`` and ``checked`` belong to ``deleted``."""

    missing: tuple[Key, ...] = ()
    stale: tuple[Key, ...] = ()
    deleted: tuple[Key, ...] = ()
    versions: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        return len(self.missing) + len(self.stale) + len(self.deleted)


def our_buckets(hashes: Hashes, versions: Ints, *, until: int, buckets: int) -> Buckets:
    """The warehouse's fingerprints of the rows older than ``until`` (microseconds)."""
    old = versions < until
    return fingerprints(hashes, versions, buckets) if old.all() else fingerprints(hashes[old], versions[old], buckets)


def unequal(ours: Buckets, theirs: Buckets) -> tuple[int, ...]:
    """The buckets that do not hold the same."""
    return tuple(sorted(place for place in {*ours, *theirs} if ours.get(place) != theirs.get(place)))


def compare_pairs(holding: Holding, pairs: pa.Table, *, wanted: Sequence[int], buckets: int, until: int) -> Difference:
    """The rows of the wanted buckets that differ.

    ``pairs`` are the source's (``core.audit.source_check.pairs_schema``). Rows whose version is ``until``
    (microseconds) or newer may be on their way, and are neither missing nor stale.
    """
    target = holding.target
    doubtful = np.zeros(buckets, bool)
    doubtful[list(wanted)] = True
    inside = doubtful[bucket_numbers(holding.hashes, buckets)]
    live = holding.live.filter(pa.array(inside))
    ours = [as_array(live.column(name)) for name in target.keys]
    versions = holding.versions[inside]
    theirs = [as_array(pairs.column(name)).cast(our.type) for name, our in zip(target.source.key, ours, strict=True)]
    order, _ = sort_rows(theirs)
    theirs = [their.take(pa.array(order)) for their in theirs]
    source_versions = microseconds(pairs.column(VERSION))[order]
    places, known = locate(theirs, ours)
    met = places[known]
    old = source_versions < until
    differs = np.zeros(len(order), bool)
    differs[met] = source_versions[met] != versions[known]
    unknown = np.ones(len(order), bool)
    unknown[met] = False
    gone = live.filter(pa.array(~known)) if target.deleted else live.slice(0, 0)
    return Difference(
        missing=_keys(theirs, unknown & old),
        stale=_keys(theirs, differs & old),
        deleted=_keys([as_array(gone.column(name)) for name in target.keys], None),
        versions=_instants(gone, target.version),
        checked=_instants(gone, target.checked),
    )


def _keys(columns: Sequence[pa.Array], which: Bools | None) -> tuple[Key, ...]:
    chosen = [column if which is None else column.filter(pa.array(which)) for column in columns]
    keys: list[Key] = list(zip(*[_plain(values) for values in chosen], strict=True))
    return tuple(keys)


def _plain(values: pa.Array) -> list[KeyValue]:
    """The values as JSON has them."""
    kind = values.type
    whole = pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_string(kind)
    plain: list[KeyValue] = (values if whole else values.cast(pa.string())).to_pylist()
    return plain


def _instants(rows: pa.Table, column: str) -> tuple[str, ...]:
    """Instants as ISO 8601 in UTC; empty where there is none."""
    if not column:
        return ("",) * int(rows.num_rows)
    texts = pc.strftime(rows.column(column), format="%Y-%m-%dT%H:%M:%SZ").to_pylist()
    return tuple(str(text or "") for text in texts)
