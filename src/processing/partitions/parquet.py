"""Encoding of a partition's object: Arrow rows to Parquet bytes with Starmend's footer.

Zstandard for many rows, Snappy for few (docs/decisions/cold-starts-and-codecs.md); what was written with another codec
is merged on as it is.
Dictionaries only for columns that repeat, decimals as integers where they fit (half the time of the fixed-length form),
no statistics of texts outside the key (they cost as much as the text). The bytes depend on the rows, the footer and the
release of pyarrow alone.
"""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from core.warehouse.footer import NAME, Footer, seal
from core.warehouse.partition_objects import Opened

ROW_GROUP = 131_072
CODEC, CODEC_OF_FEW = "zstd", "snappy"  # zstd at Arrow's level, 1
FEW_ROWS = 65_536  # most of them are rewritten every minute: a tenth fewer bytes of little are not worth the time
HASH_BESIDE = 4_000_000  # bytes in memory; from here on a thread of its own hashes what the writer writes
GATHERED_BYTES = 256 << 10  # bytes that are written at once; the writer would call for each page and each page's head
HASH_AT_ONCE = 2_000_000  # bytes; the writer writes pages of some kilobytes, for which no thread is worth waking
_MOST_VALUES = 65_536  # of a dictionary: beyond it the writer would give up half way
_SAMPLE = (256, 4_096)


class Pieces(Protocol):
    """Rows that are computed while they are written: as tables of ``ROW_GROUP`` rows, the last one of fewer."""

    @property
    def num_rows(self) -> int: ...

    @property
    def schema(self) -> pa.Schema: ...

    def pieces(self) -> Iterator[pa.Table]: ...


def encode(
    rows: pa.Table | Pieces, footer: Footer, *, key: Collection[str] = (), parent: Opened | None = None
) -> bytes:
    """The object's bytes. The footer gets its digest here: that of all bytes that the rows became.

    ``key`` are the columns that the rows are sorted by: readers skip by their statistics, texts included. Which columns
    have dictionaries is taken over from the ``parent`` until its rows have doubled. The same rows on the same parent
    become the same bytes, in pieces or not.
    """
    pieces = iter([rows.combine_chunks()]) if isinstance(rows, pa.Table) else rows.pieces()
    head = next(pieces)
    with _Sink(beside=head.nbytes > HASH_BESIDE) as sink:
        with pq.ParquetWriter(
            sink.stream,
            rows.schema,
            compression=CODEC_OF_FEW if rows.num_rows <= FEW_ROWS else CODEC,
            use_dictionary=_dictionaries(rows.num_rows, head, parent),
            write_statistics=[field.name for field in rows.schema if field.name in key or not _is_text(field)],
            store_decimal_as_integer=True,
            store_schema=False,
        ) as writer:
            writer.write_table(head, row_group_size=ROW_GROUP)
            del head
            for piece in pieces:
                writer.write_table(piece, row_group_size=ROW_GROUP)
            writer.add_key_value_metadata({NAME: footer.digested(*sink.digest()).to_json()})
        return sink.content()


def _is_text(field: pa.Field) -> bool:
    return bool(pa.types.is_string(field.type))


def _dictionaries(count: int, head: pa.Table, parent: Opened | None) -> list[str]:
    if parent is None or not parent.footer.seal or parent.footer.rows.bit_length() != count.bit_length():
        return repeating(head.slice(0, ROW_GROUP))
    present = set(head.column_names)
    return [name for name in parent.dictionaries if name in present]


class _Sink:
    """The sink of the Parquet writer: keeps the bytes and hashes them, at once or in a thread (``beside``).

    The writer writes to ``stream``, which gathers the many small pieces of few rows.
    """

    closed = False

    def __init__(self, *, beside: bool) -> None:
        self.stream = pa.BufferedOutputStream(pa.PythonFile(self, mode="w"), GATHERED_BYTES)
        self._content = io.BytesIO()
        self._hash = hashlib.sha256()
        self._size = 0
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        self._beside = ThreadPoolExecutor(1) if beside else None

    def __enter__(self) -> _Sink:
        return self

    def __exit__(self, *_: object) -> None:
        del self.stream  # it holds the sink, which would hold all bytes until they are searched for such circles
        if self._beside:
            self._beside.shutdown()

    def write(self, data: bytes) -> int:
        self._waiting.append(data)
        self._waiting_size += len(data)
        self._size += len(data)
        if self._beside and self._waiting_size >= HASH_AT_ONCE:
            self._beside.submit(self._take, self._handed_on())  # one worker: parts are taken in order
        return len(data)

    def _handed_on(self) -> list[bytes]:
        parts, self._waiting, self._waiting_size = self._waiting, [], 0
        return parts

    def _take(self, parts: list[bytes]) -> None:
        for part in parts:
            self._hash.update(part)
            self._content.write(part)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is held open."""

    def digest(self) -> tuple[str, int]:
        """The SHA-256 of the bytes written so far, and how many they are."""
        self.stream.flush()
        if self._beside:
            self._beside.submit(self._take, self._handed_on()).result()
        else:
            self._take(self._handed_on())
        return self._hash.hexdigest(), self._size

    def content(self) -> bytes:
        """All bytes of the whole file, sealed; what came after the digest is not hashed."""
        self.stream.flush()
        for part in self._handed_on():
            self._content.write(part)
        with self._content.getbuffer() as file:
            seal(file)
        return self._content.getvalue()


def repeating(rows: pa.Table) -> list[str]:
    """The columns worth a dictionary: those whose evenly taken sample looks like few distinct values.

    The sample is of the first row group alone, which is there before the others are.
    """
    count = rows.num_rows
    size = min(max(count // 32, _SAMPLE[0]), _SAMPLE[1])
    step = max(count // size, 1)
    at = pa.array(np.arange(0, count, step)) if step > 1 else None
    sample = rows.take(at) if at is not None else rows
    most = min(count / 4, _MOST_VALUES)
    limit = most * -math.expm1(-sample.num_rows / most) if count else 0  # distinct ones to expect of `most` even ones
    return [
        name
        for name, column in zip(sample.column_names, sample.columns, strict=True)
        if not pa.types.is_boolean(column.type) and len(column.unique()) <= limit
    ]
