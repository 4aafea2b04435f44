"""Fingerprints of keyed rows: the same from PostgreSQL and from Arrow columns, one row for each bucket to compare.

The hash is PostgreSQL's own, Bob Jenkins' lookup3 as ``hashint8extended``, ``hashtextextended`` and
``timestamp_hash_extended`` compute it on little-endian machines (PostgreSQL 11 on: hash partitions rely on it, so it
does not change). A key's columns are chained, each hash being the next one's seed; the version is hashed with the key's
hash as its seed. A bucket's fingerprint is how many rows it has, their greatest version, and the sum of their hashes
modulo 2**64. Two rows that differ have one hash with a probability of about 1 in 4 billion.

Keys of integers, booleans and dates count as bigint, so do the bits of doubles; timestamps as such, everything else by
its text (``core.audit.key_values``). Versions are
microseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.audit.key_values import key_texts
from core.warehouse.order import Ints, as_array

HASH = "PostgreSQL hashint8extended (lookup3)"
POSTGRES_EPOCH = 946_684_800_000_000  # microseconds from 1970 to 2000, where PostgreSQL's timestamps begin
MODULUS = 2**64
Words: TypeAlias = npt.NDArray[np.uint32]
Hashes: TypeAlias = npt.NDArray[np.uint64]
Seed: TypeAlias = Hashes | None  # None is 0
_GOLDEN, _SALT = 0x9E3779B9, 3_923_095
BLOCK = 16_384  # values at once: what is computed of them stays in the processor's own memory
_U32, _U64 = np.uint32, np.uint64
_LOW, _HALF = _U64(0xFFFFFFFF), _U64(32)


# ---------------------------------------------------------------- the hash


def _rotated(word: Words, bits: int) -> Words:
    return np.asarray((word << _U32(bits)) | (word >> _U32(32 - bits)))


def _mix(a: Words, b: Words, c: Words) -> None:
    """Mix the state, in place."""
    for first, second, third, bits in (
        (a, b, c, 4),
        (b, c, a, 6),
        (c, a, b, 8),
        (a, b, c, 16),
        (b, c, a, 19),
        (c, a, b, 4),
    ):
        first -= third
        first ^= _rotated(third, bits)
        third += second


def _final(a: Words, b: Words, c: Words) -> Hashes:
    """The hash of a finished state."""
    for target, by, bits in ((c, b, 14), (a, c, 11), (b, a, 25), (c, b, 16), (a, c, 4), (b, a, 14), (c, b, 24)):
        target ^= by
        target -= _rotated(by, bits)
    return np.asarray((b.astype(_U64) << _HALF) | c)


def _start(lengths: Words, seed: Seed) -> tuple[Words, Words, Words]:
    a = lengths + _U32(_GOLDEN + _SALT & 0xFFFFFFFF)
    b, c = a.copy(), a.copy()
    if seed is not None:
        plain = (a.copy(), b.copy(), c.copy()) if not seed.all() else None
        a += (seed >> _HALF).astype(_U32)
        b += (seed & _LOW).astype(_U32)
        _mix(a, b, c)
        if plain is not None:  # PostgreSQL leaves the state alone where the seed is 0
            zero = seed == 0
            for mixed, before in zip((a, b, c), plain, strict=True):
                mixed[zero] = before[zero]
    return a, b, c


def hash_ints(values: Ints, seed: Seed = None) -> Hashes:
    """``hashint8extended(value, seed)``."""
    hashes = np.empty(len(values), _U64)
    for first in range(0, len(values), BLOCK):
        block = slice(first, first + BLOCK)
        hashes[block] = _hash_block(values[block], None if seed is None else seed[block])
    return hashes


def _hash_block(values: Ints, seed: Seed) -> Hashes:
    words = values.view(_U64)
    low, high = (words & _LOW).astype(_U32), (words >> _HALF).astype(_U32)
    low ^= np.where(values < 0, ~high, high)
    a, b, c = _start(np.full(len(values), 4, _U32), seed)
    a += low
    return _final(a, b, c)


def hash_texts(values: pa.Array, seed: Seed = None) -> Hashes:
    """``hashtextextended(value, seed)`` of texts without nulls; the work grows with the longest text."""
    texts = values.cast(pa.string())
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    content = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
    begin, length = ends[:-1], np.diff(ends)
    a, b, c = _start(length.astype(_U32), seed)
    for first in range(0, int(length.max(initial=0)) + 1, 12):
        whole = length - first >= 12
        if whole.any():
            x, y, z = (part[whole] for part in (a, b, c))
            x += _word(content, begin[whole] + first, 4)
            y += _word(content, begin[whole] + first + 4, 4)
            z += _word(content, begin[whole] + first + 8, 4)
            _mix(x, y, z)
            a[whole], b[whole], c[whole] = x, y, z
        for rest in range(1, 12):
            tail = length - first == rest
            if tail.any():
                at = begin[tail] + first
                a[tail] += _word(content, at, min(rest, 4))
                if rest > 4:
                    b[tail] += _word(content, at + 4, min(rest - 4, 4))
                if rest > 8:  # the lowest byte is the length's
                    c[tail] += _word(content, at + 8, rest - 8) << _U32(8)
    return _final(a, b, c)


def _word(content: npt.NDArray[np.uint8], at: Ints, size: int) -> Words:
    """``size`` bytes from each place on, the first one lowest."""
    word = np.zeros(len(at), _U32)
    for place in range(size):
        word |= content[at + place].astype(_U32) << _U32(8 * place)
    return word


# ---------------------------------------------------------------- keyed rows


def key_hashes(columns: Sequence[pa.Array | pa.ChunkedArray]) -> Hashes:
    """The hash of each key; its columns hold no null."""
    state: Seed = None
    for column in columns:
        values = as_array(column)
        kind = values.type
        if pa.types.is_timestamp(kind):
            state = hash_ints(microseconds(values) - POSTGRES_EPOCH, state)
        elif pa.types.is_integer(kind) or pa.types.is_boolean(kind):
            state = hash_ints(np.asarray(values.cast(pa.int64())), state)
        elif pa.types.is_date32(kind):
            state = hash_ints(np.asarray(values.view(pa.int32())).astype(np.int64), state)
        elif pa.types.is_floating(kind):
            state = hash_ints(_double_bits(values), state)
        else:
            state = hash_texts(key_texts(values), state)
    if state is None:
        raise ValueError("a key has at least one column")
    return state


def _double_bits(values: pa.Array) -> Ints:
    """The bits of doubles; minus zero is zero, and what is no number is one, whatever its sign and payload."""
    numbers = np.asarray(values, np.float64) + 0.0
    return np.where(np.isnan(numbers), np.nan, numbers).view(np.int64)


def microseconds(column: pa.Array | pa.ChunkedArray) -> Ints:
    """Timestamps without nulls as microseconds since 1970."""
    return np.asarray(as_array(column).cast(pa.timestamp("us")).view(pa.int64()))


def bucket_numbers(keys: Hashes, buckets: int) -> Ints:
    """The bucket of each key; ``buckets`` is a power of two."""
    return (keys & _U64(buckets - 1)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A bucket: how many rows, their greatest version (microseconds since 1970), the sum of their hashes.

    ``content`` are the sums of the hashes of their content, one for each list that was asked for: they are compared
    apart, for rows need not be hashed by the same list.
    """

    rows: int
    newest: int
    sum: int
    content: tuple[int, ...] = field(default=(), compare=False)


def hash_versions(versions: Ints, keys: Hashes) -> Hashes:
    """The hash of each row: its version's, seeded with its key's."""
    hashes = np.empty(len(keys), _U64)
    for first in range(0, len(keys), BLOCK):
        block = slice(first, first + BLOCK)
        hashes[block] = _hash_block(versions[block] - POSTGRES_EPOCH, keys[block])
    return hashes


def fingerprints(keys: Hashes, versions: Ints, buckets: int) -> Mapping[int, Fingerprint]:
    """The fingerprint of every bucket that has rows."""
    if not len(keys):
        return {}
    numbers = bucket_numbers(keys, buckets)
    counts = np.bincount(numbers, minlength=buckets)
    newest = np.full(buckets, np.iinfo(np.int64).min)
    np.maximum.at(newest, numbers, versions)
    sums = np.zeros(buckets, _U64)
    for first in range(0, len(keys), BLOCK):  # no copy of all hashes, no order of all rows
        block = slice(first, first + BLOCK)
        np.add.at(sums, numbers[block], _hash_block(versions[block] - POSTGRES_EPOCH, keys[block]))
    filled = np.flatnonzero(counts)
    rows = zip(filled.tolist(), counts[filled].tolist(), newest[filled].tolist(), sums[filled].tolist(), strict=True)
    return {bucket: Fingerprint(count, last, total) for bucket, count, last, total in rows}


ROWS_PER_BUCKET, FEWEST, MOST = 512, 16, 4_096


def buckets_for(rows: int) -> int:
    """The number of buckets to compare so many rows with: a power of two."""
    wanted = max(FEWEST, min(MOST, rows // ROWS_PER_BUCKET))
    return 1 << (wanted - 1).bit_length()
