"""A partition's object: Arrow rows to Parquet bytes with a footer of ours, and back.

Snappy, as AWS's managed layer has it. Dictionaries only for columns that repeat themselves, decimals as integers where
they fit (half the time of the fixed-length form), no statistics of texts outside the key (they cost as much as the
text). The bytes depend on the rows, the footer and the release of pyarrow alone.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.errors import PipelineBug
from processing.footer import NAME, Footer

ROW_GROUP = 131_072
HASH_BESIDE = 4_000_000  # bytes; from here on a thread of its own hashes while Parquet is decoded or encoded
_MOST_VALUES = 65_536  # of a dictionary: beyond it the writer would give up half way
_SAMPLE = (256, 4_096)


def encode(rows: pa.Table, footer: Footer, *, key: Collection[str] = ()) -> bytes:
    """The object's bytes. The footer gets its digest here: that of all bytes that the rows became.

    ``key`` are the columns that the rows are sorted by: readers skip by their statistics, texts included.
    """
    rows = rows.combine_chunks()
    with _Sink(beside=rows.nbytes > HASH_BESIDE) as sink:
        with pq.ParquetWriter(
            sink,
            rows.schema,
            compression="snappy",
            use_dictionary=repeating(rows),
            write_statistics=[one.name for one in rows.schema if one.name in key or not pa.types.is_string(one.type)],
            store_decimal_as_integer=True,
            store_schema=False,
        ) as writer:
            writer.write_table(rows, row_group_size=ROW_GROUP)
            writer.add_key_value_metadata({NAME: footer.sealed(*sink.digest()).to_json()})
        return sink.content()


class _Sink:
    """Where the Parquet writer writes to: keeps what comes, and hashes it on the way or beside."""

    closed = False

    def __init__(self, *, beside: bool) -> None:
        self._parts: list[bytes] = []
        self._hash = hashlib.sha256()
        self._size = 0
        self._beside = ThreadPoolExecutor(1) if beside else None

    def __enter__(self) -> _Sink:
        return self

    def __exit__(self, *_: object) -> None:
        if self._beside:
            self._beside.shutdown()

    def write(self, data: bytes) -> int:
        self._parts.append(data)
        self._size += len(data)
        if self._beside:
            self._beside.submit(self._hash.update, data)  # one worker: pieces are hashed in order
        else:
            self._hash.update(data)
        return len(data)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is held open."""

    def digest(self) -> tuple[str, int]:
        """Of everything written so far, and how much that is."""
        if self._beside:
            return self._beside.submit(self._hash.hexdigest).result(), self._size
        return self._hash.hexdigest(), self._size

    def content(self) -> bytes:
        return b"".join(self._parts)


def repeating(rows: pa.Table) -> list[str]:
    """The columns worth a dictionary: those whose evenly taken sample looks like few distinct values."""
    count = rows.num_rows
    size = min(max(count // 16, _SAMPLE[0]), _SAMPLE[1])
    step = max(count // size, 1)
    at = pa.array(np.arange(0, count, step)) if step > 1 else None
    sample = rows.take(at) if at is not None else rows
    most = min(count / 4, _MOST_VALUES)
    limit = most * -math.expm1(-sample.num_rows / most) if count else 0  # distinct ones to expect of `most` even ones
    return [
        name
        for name, column in zip(sample.column_names, sample.columns, strict=True)
        if not pa.types.is_boolean(column.type) and pc.count_distinct(column, mode="all").as_py() <= limit
    ]


class Opened:
    """An object whose footer was read. Its rows are decoded, and its digest checked, when they are asked for."""

    def __init__(self, key: str, body: bytes, footer: Footer, file: pq.ParquetFile) -> None:
        self.key = key
        self.footer = footer
        self._body = body
        self._file = file
        self._is_sound: bool | None = None

    @property
    def is_sound(self) -> bool:
        """Whether the rows' bytes are those that the commit wrote."""
        if self._is_sound is None:
            view = memoryview(self._body)[: self.footer.digest_bytes]
            self._is_sound = hashlib.sha256(view).hexdigest() == self.footer.digest
        return self._is_sound

    def read(self, schema: pa.Schema, names: Sequence[str] | None = None) -> pa.Table:
        """The columns of ``schema``, or the named ones: one that the object lacks is null, another type is cast.

        Raises ``PipelineBug`` where the object was altered or a value does not fit the type.
        """
        wanted = [schema.field(name) for name in (names if names is not None else schema.names)]
        present = set(self._file.schema_arrow.names)
        rows = self._decode([one.name for one in wanted if one.name in present])
        try:
            columns = [
                rows[one.name].cast(one.type) if one.name in present else pa.nulls(self.footer.rows, one.type)
                for one in wanted
            ]
        except pa.ArrowInvalid as error:
            raise self._broken(f"has rows that do not fit the contract's types: {error}") from error
        return pa.Table.from_arrays(columns, schema=pa.schema(wanted))

    def _decode(self, names: list[str]) -> pa.Table:
        check = None
        if self._is_sound is None and len(self._body) > HASH_BESIDE:
            check = threading.Thread(target=lambda: self.is_sound)
            check.start()
        try:
            rows = self._file.read(names, use_threads=len(self._body) > HASH_BESIDE // 4)
        except (pa.ArrowException, OSError) as error:
            raise self._broken(f"cannot be decoded: {error}") from error
        finally:
            if check:
                check.join()
        if not self.is_sound:
            raise self._broken("was altered: its digest is another")
        return rows

    def _broken(self, problem: str) -> PipelineBug:
        return PipelineBug("read object", self.key, problem, "Restate it: starmend rebuild")


def open_object(key: str, body: bytes) -> Opened:
    """Read an object's footer; raises ``PipelineBug`` where there is none."""
    try:
        file = pq.ParquetFile(pa.BufferReader(body))
    except (pa.ArrowException, OSError) as error:
        raise PipelineBug("read object", key, f"is no Parquet: {error}", "Restate it: starmend rebuild") from error
    text = (file.metadata.metadata or {}).get(NAME)
    if text is None:
        raise PipelineBug("read object", key, "has no footer of a commit", "Restate it: starmend rebuild")
    return Opened(key, body, Footer.from_json(text), file)
