"""Fingerprints of rows: sums over buckets that differ where, and only where, a row differs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from core.audit.fingerprint import MOST, bucket_numbers, buckets_for, fingerprints, key_hashes


def test_a_fingerprint_is_count_newest_and_sum_and_does_not_depend_on_the_order_of_rows() -> None:
    keys = key_hashes([pa.array(range(100), pa.int32())])
    versions = np.arange(100, dtype=np.int64) * 1_000_000
    whole = fingerprints(keys, versions, 16)
    order = np.random.default_rng(1).permutation(100)
    assert fingerprints(keys[order], versions[order], 16) == whole
    assert sum(fingerprint.rows for fingerprint in whole.values()) == 100
    for bucket, fingerprint in whole.items():
        assert fingerprint.newest == versions[bucket_numbers(keys, 16) == bucket].max()


def test_one_changed_version_changes_one_bucket() -> None:
    keys, versions = key_hashes([pa.array(range(50), pa.int64())]), np.zeros(50, np.int64)
    before = fingerprints(keys, versions, 16)
    versions[7] = 1
    after = fingerprints(keys, versions, 16)
    assert [bucket for bucket in before if before[bucket] != after[bucket]] == [bucket_numbers(keys, 16)[7]]


def test_an_integer_key_has_one_hash_whatever_its_width() -> None:
    wide, narrow = (key_hashes([pa.array([1, -5], kind)]) for kind in (pa.int64(), pa.int32()))
    assert wide.tolist() == narrow.tolist()


def test_the_columns_of_a_key_are_chained() -> None:
    left, right = pa.array([1]), pa.array([2])
    assert key_hashes([left, right]).tolist() != key_hashes([right, left]).tolist()
    with pytest.raises(ValueError, match="at least one column"):
        key_hashes([])


@pytest.mark.parametrize(("rows", "buckets"), [(0, 16), (50_000, 128), (10**9, MOST)])
def test_buckets_are_a_power_of_two_within_bounds(rows: int, buckets: int) -> None:
    assert buckets_for(rows) == buckets
