"""Rows as canonical bytes, and their digest: the same rows have the same digest on every machine and in every release.

Neither Parquet's bytes nor Arrow's buffers will do, for both change with the library. Column by column, in the schema's
order: the name, the type, one byte per row for "is not null", and the values: whole numbers, instants (microseconds)
and dates (days) as 8 bytes, decimals as 16 (unscaled), doubles as their bits, booleans as one, all little-endian and
zero where null; texts as all lengths (8 bytes each), then all UTF-8 bytes.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from core.warehouse.keys import as_texts, microseconds_of
from core.warehouse.order import as_array

FORMAT = b"starmend rows 1\n"


def digest_rows(rows: pa.Table) -> str:
    """SHA-256, in hex, of the rows in their order."""
    digest = hashlib.sha256(FORMAT)
    digest.update(f"{rows.num_rows} {rows.num_columns}\n".encode())
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        values = as_array(column)
        digest.update(f"{name} {_type_name(values.type)}\n".encode())
        digest.update(_validity(values))
        for part in _bytes(values):
            digest.update(part)
    return digest.hexdigest()


def rows_between(rows: pa.Table, time_column: str, start: int, end: int) -> pa.Table:
    """The rows whose instants lie in ``[start, end)`` (epoch seconds), in their order."""
    low, high = start * 1_000_000, end * 1_000_000
    times = microseconds_of(as_array(rows.column(time_column)), null=high)
    inside = (times >= low) & (times < high)
    return rows if inside.all() else rows.filter(pa.array(inside))


def proof_of(rows: pa.Table) -> list[object]:
    """A certificate's proof of rows: how many, and their digest."""
    return [rows.num_rows, digest_rows(rows)]


def _type_name(kind: pa.DataType) -> str:
    """The name of a type in the digest, which no library changes."""
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamp"
    if pa.types.is_date(kind):
        return "date"
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind):
        return "string"
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_floating(kind):
        return "double"
    return "integer"


def _validity(values: pa.Array) -> bytes:
    if not values.null_count:
        return b"\x01" * len(values)
    return np.asarray(values.is_valid()).astype(np.uint8).tobytes()


def _bytes(values: pa.Array) -> list[bytes]:
    """The values' bytes. What need not be cast or filled is not: of few rows that takes longer than their digest."""
    kind = values.type
    if pa.types.is_dictionary(kind):
        values, kind = values.cast(pa.string()), pa.string()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _text(_filled(values, ""))
    if pa.types.is_decimal(kind):
        return [_decimals(values)]
    if pa.types.is_boolean(kind):
        return [np.asarray(_filled(values, False)).astype(np.uint8).tobytes()]
    if pa.types.is_floating(kind):
        return [np.asarray(_filled(values.cast(pa.float64()), 0.0)).view("<i8").tobytes()]
    if pa.types.is_timestamp(kind):
        return [microseconds_of(values, null=0).astype("<i8").tobytes()]
    if pa.types.is_date(kind):
        values = values.cast(pa.date32()).view(pa.int32())
    return [np.asarray(_filled(values, 0)).astype("<i8").tobytes()]


def _filled(values: pa.Array, null: object) -> pa.Array:
    return values.fill_null(null) if values.null_count else values


def _text(values: pa.Array) -> list[bytes]:
    """All lengths, then all bytes; ``values`` holds no null."""
    texts = as_texts(values)
    _, offsets, data = texts.buffers()
    if not len(texts):
        return [b""]
    ends = np.frombuffer(offsets, dtype=np.int32)[texts.offset : texts.offset + len(texts) + 1]
    lengths = np.diff(ends).astype("<i8").tobytes()
    return [lengths, bytes(memoryview(data)[int(ends[0]) : int(ends[-1])]) if data is not None else b""]


def _decimals(values: pa.Array) -> bytes:
    """The unscaled 128-bit integers; the bytes under a null, which may be anything, become zero."""
    narrow = pa.decimal128(values.type.precision, values.type.scale)
    wide = values if values.type.equals(narrow) else values.cast(narrow)
    buffer = wide.buffers()[1]
    if buffer is None:
        return b""
    raw: npt.NDArray[np.uint8] = np.frombuffer(buffer, dtype=np.uint8)
    rows = raw[wide.offset * 16 : (wide.offset + len(wide)) * 16].reshape(-1, 16)
    if wide.null_count:
        rows = np.where(np.asarray(wide.is_valid())[:, None], rows, np.uint8(0))
    return rows.tobytes()
