"""Sums of live rows by bucket of keys and list of columns, and what else a comparison asks of rows that are in order.

They say all that an audit needs to know of rows that did not change, and can be remembered (``proofs``). Sums by
many buckets fold into those by fewer, and those of partitions add up to those of their slice. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from core.audit.fingerprint import Fingerprint, Hashes, bucket_numbers, hash_versions
from core.audit.source_check import Buckets
from core.contract.model import HASH, HASH_LIST
from core.json import canonical_json
from core.warehouse.order import Ints, as_array

NEVER = 0  # the list of a row that was never hashed
NO_ROW = int(np.iinfo(np.int64).min)  # the newest version where there are no rows
_COLUMNS = ("bucket", "number", "rows", "newest", "keys", "content")
_U64 = np.uint64


def lists_of(rows: pa.Table) -> Ints:
    """The list of each row; ``NEVER`` where it has none."""
    return np.asarray(as_array(rows.column(HASH_LIST)).fill_null(NEVER)).astype(np.int64)


def hashes_of(rows: pa.Table) -> Hashes:
    """The hash of each row; 0 where it has none."""
    return np.asarray(as_array(rows.column(HASH)).fill_null(0)).view(np.uint64)


@dataclass(frozen=True, slots=True)
class BucketSums:
    """An entry for each bucket and list (its ``number``) that rows have, sorted by both; ``buckets`` is a power of two.

    ``rows`` counts them, ``newest`` is their greatest version (microseconds), ``keys`` the sum of the hashes of key and
    version, ``content`` that of the content, modulo 2**64.
    """

    buckets: int
    bucket: Ints
    number: Ints
    rows: Ints
    newest: Ints
    keys: Hashes
    content: Hashes

    @property
    def lists(self) -> frozenset[int]:
        """The lists that any row was hashed by; ``NEVER`` is one too."""
        return frozenset(np.unique(self.number).tolist())

    @property
    def fingerprints(self) -> Buckets:
        """The fingerprints of the buckets that have rows, whatever lists they were hashed by."""
        whole = _grouped(self.buckets, self.bucket, self.bucket * 0, self.rows, self.newest, self.keys, self.content)
        entries = zip(
            *(column.tolist() for column in (whole.bucket, whole.rows, whole.newest, whole.keys)), strict=True
        )
        return {bucket: Fingerprint(rows, newest, total) for bucket, rows, newest, total in entries}

    @property
    def content_by_bucket(self) -> Mapping[int, Mapping[int, int]]:
        """The sum of the content's hashes by bucket and list."""
        by_bucket: dict[int, dict[int, int]] = {}
        for bucket, number, total in zip(
            self.bucket.tolist(), self.number.tolist(), self.content.tolist(), strict=True
        ):
            by_bucket.setdefault(bucket, {})[number] = total
        return by_bucket

    def folded(self, buckets: int) -> BucketSums:
        """The same rows by fewer buckets."""
        if buckets == self.buckets:
            return self
        return _grouped(buckets, self.bucket, self.number, self.rows, self.newest, self.keys, self.content)

    def same_as(self, other: BucketSums) -> bool:
        """Whether both say the same, number for number."""
        return self.buckets == other.buckets and self._data() == other._data()

    def _data(self) -> dict[str, list[int]]:
        return {name: getattr(self, name).tolist() for name in _COLUMNS}


def sums_of_rows(keys: Hashes, versions: Ints, content: tuple[Ints, Hashes] | None, buckets: int) -> BucketSums:
    """The sums of rows: the hash of each key, its version, its content's list and hash (None: not kept)."""
    nothing = np.zeros(len(keys), np.int64)
    lists, hashes = content if content is not None else (nothing, nothing.view(_U64))
    ones = np.ones(len(keys), np.int64)
    numbers = bucket_numbers(keys, buckets)
    return _grouped(buckets, numbers, lists, ones, versions, hash_versions(versions, keys), hashes)


def added(parts: Iterable[BucketSums], buckets: int) -> BucketSums:
    """The sums of several partitions' rows together, each by as many buckets or more."""
    every = list(parts)
    if len(every) == 1:
        return every[0].folded(buckets)
    return _grouped(
        buckets,
        *(_joined([part.bucket for part in every]), _joined([part.number for part in every])),
        *(_joined([part.rows for part in every]), _joined([part.newest for part in every])),
        keys=np.concatenate([np.zeros(0, _U64), *(part.keys for part in every)]),
        content=np.concatenate([np.zeros(0, _U64), *(part.content for part in every)]),
    )


def _joined(parts: list[Ints]) -> Ints:
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _grouped(
    buckets: int, bucket: Ints, lists: Ints, rows: Ints, newest: Ints, keys: Hashes, content: Hashes
) -> BucketSums:
    """The entries of each bucket (of fewer than before, it may be) and list, made one."""
    is_one = not len(lists) or bool((lists == lists[0]).all())
    kinds, which = (lists[:1], 0) if is_one else np.unique(lists, return_inverse=True)
    width = max(1, len(kinds))
    place = (bucket & (buckets - 1)) * width + which
    counts, latest = np.zeros(buckets * width, np.int64), np.full(buckets * width, NO_ROW)
    totals, contents = np.zeros(buckets * width, _U64), np.zeros(buckets * width, _U64)
    np.add.at(counts, place, rows)
    np.maximum.at(latest, place, newest)
    np.add.at(totals, place, keys)
    np.add.at(contents, place, content)
    filled = np.flatnonzero(counts)
    of = kinds[filled % width] if len(kinds) else filled
    return BucketSums(buckets, filled // width, of, counts[filled], latest[filled], totals[filled], contents[filled])


# ---------------------------------------------------------------- what is remembered of a partition


@dataclass(frozen=True, slots=True)
class Summary:
    """All that a comparison asks of a partition's rows while nothing of them differs.

    ``rows`` are all of them, ``gone`` the keys that are known to be deleted and that no live row of it has,
    ``repaired`` the live rows that were fetched again, ``accepted`` those of which a parent is missing and may be.
    ``in_order``: no rule of the contract is broken, and no parent missing that may not be. ``parents`` is the digest of
    the parents that ``accepted`` and ``in_order`` are true for.
    """

    rows: int
    gone: int
    repaired: int
    accepted: int
    in_order: bool
    parents: str
    sums: BucketSums

    @classmethod
    def of_nothing(cls, buckets: int, parents: str) -> Summary:
        """The summary of a partition without rows."""
        nothing, no_hash = np.zeros(0, np.int64), np.zeros(0, _U64)
        sums = BucketSums(buckets, nothing, nothing, nothing, nothing, no_hash, no_hash)
        return cls(0, 0, 0, 0, in_order=True, parents=parents, sums=sums)

    @property
    def live(self) -> int:
        """The number of live rows."""
        return int(self.sums.rows.sum())

    @property
    def newest(self) -> int:
        """The greatest version of a live row (microseconds)."""
        return int(self.sums.newest.max(initial=NO_ROW))

    def same_as(self, other: Summary) -> bool:
        """Whether both say the same of the same rows, by as many buckets as both can tell."""
        buckets = min(self.sums.buckets, other.sums.buckets)
        is_same = self.sums.folded(buckets).same_as(other.sums.folded(buckets))
        return is_same and replace(self, sums=other.sums) == other

    def to_data(self) -> dict[str, Any]:
        """JSON-ready data, with a seal over all of it."""
        data = {**self._numbers(), **self.sums._data()}
        return {**data, "seal": self._seal()}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Summary:
        """Read what ``to_data`` gave. Raises ``ValueError``, ``KeyError`` or ``TypeError`` where it is none."""
        bucket, number, rows, newest = (np.array(data[name], np.int64) for name in _COLUMNS[:4])
        keys, hashes = (np.array(data[name], _U64) for name in _COLUMNS[4:])
        sums = BucketSums(data["buckets"], bucket, number, rows, newest, keys, hashes)
        summary = cls(data["all"], data["gone"], data["repaired"], data["accepted"], True, data["parents"], sums)
        if data["seal"] != summary._seal() or len({len(data[name]) for name in _COLUMNS}) != 1:
            raise ValueError("the seal is another")
        return summary

    def _numbers(self) -> dict[str, Any]:
        names = ("gone", "repaired", "accepted", "parents")
        return {"all": self.rows, "buckets": self.sums.buckets, **{name: getattr(self, name) for name in names}}

    def _seal(self) -> str:
        seal = hashlib.sha256(canonical_json(self._numbers()))
        for name in _COLUMNS:
            seal.update(getattr(self.sums, name).tobytes())
        return seal.hexdigest()
