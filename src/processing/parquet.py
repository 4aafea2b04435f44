"""A partition's object: Arrow rows to Parquet bytes with a footer of ours, and back.

Snappy, as AWS's managed layer has it; dictionaries only where a column repeats itself. The bytes depend on the rows,
the footer and the release of pyarrow alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from core.errors import PipelineBug
from processing.footer import NAME, Footer

ROW_GROUP = 131_072
_SAMPLE = 4_096
_REPEATS = 8  # a column is worth a dictionary when its sample holds each value so often


class _Sink:
    """Where the Parquet writer writes to: keeps what comes and hashes it on the way."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> int:
        self._parts.append(data)
        self._hash.update(data)
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing is held open."""

    def digest(self) -> tuple[str, int]:
        return self._hash.hexdigest(), self._size

    def content(self) -> bytes:
        return b"".join(self._parts)


def encode(rows: pa.Table, footer: Footer) -> bytes:
    """The object's bytes. The footer gets its digest here: that of all bytes that the rows became."""
    rows = rows.combine_chunks()
    sink = _Sink()
    with pq.ParquetWriter(
        sink, rows.schema, compression="snappy", use_dictionary=repeating(rows), store_schema=False
    ) as writer:
        writer.write_table(rows, row_group_size=ROW_GROUP)
        writer.add_key_value_metadata({NAME: footer.sealed(*sink.digest()).to_json()})
    return sink.content()


def repeating(rows: pa.Table) -> list[str]:
    """The columns whose evenly taken sample repeats its values."""
    step = max(rows.num_rows // _SAMPLE, 1)
    sample = rows.take(pa.array(range(0, rows.num_rows, step), pa.int64())) if step > 1 else rows
    return [
        name
        for name, field in zip(rows.column_names, rows.schema, strict=True)
        if not pa.types.is_boolean(field.type)
        and pc.count_distinct(sample[name], mode="all").as_py() * _REPEATS <= sample.num_rows
    ]


@dataclass(frozen=True, slots=True)
class Opened:
    """An object whose footer was read; its rows are decoded when they are asked for."""

    key: str
    footer: Footer
    file: pq.ParquetFile

    def read(self, schema: pa.Schema, names: Sequence[str] | None = None) -> pa.Table:
        """The columns of ``schema``, or the named ones: one that the object lacks is null, another type is cast.

        Raises ``PipelineBug`` where a value does not fit the type.
        """
        wanted = [schema.field(name) for name in (names if names is not None else schema.names)]
        present = set(self.file.schema_arrow.names)
        rows = self.file.read([one.name for one in wanted if one.name in present])
        try:
            columns = [
                rows[one.name].cast(one.type) if one.name in present else pa.nulls(rows.num_rows, one.type)
                for one in wanted
            ]
        except pa.ArrowInvalid as error:
            raise PipelineBug(
                "read object", self.key, f"its rows do not fit the contract's types: {error}", "starmend rebuild"
            ) from error
        return pa.Table.from_arrays(columns, schema=pa.schema(wanted))


def open_object(key: str, body: bytes, *, check: bool = True) -> Opened:
    """Open an object's bytes; raises ``PipelineBug`` where they are not the bytes that a commit wrote."""
    try:
        file = pq.ParquetFile(pa.BufferReader(body))
        text = (file.metadata.metadata or {}).get(NAME)
    except (pa.ArrowException, OSError) as error:
        raise PipelineBug("read object", key, f"is no Parquet: {error}", "starmend rebuild") from error
    if text is None:
        raise PipelineBug("read object", key, "has no footer of a commit", "starmend rebuild")
    footer = Footer.from_json(text)
    if check and hashlib.sha256(memoryview(body)[: footer.digest_bytes]).hexdigest() != footer.digest:
        raise PipelineBug("read object", key, "was altered: its digest is another", "starmend rebuild")
    return Opened(key, footer, file)
