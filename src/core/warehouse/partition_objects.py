"""Immutable objects of partitions: the footer is read at once, rows are decoded and verified on demand.

All readers that follow a pointer use this: commits that merge on top, and the auditor, which verifies that the object
is what a commit wrote.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from core.errors import PipelineBug
from core.warehouse.arrow_types import stored_name
from core.warehouse.footer import NAME, Footer, is_intact

HASH_BESIDE = 400_000  # bytes; from here on a thread of its own hashes while Parquet is decoded
THREADS_FROM = 1_000_000  # bytes; below it one thread decodes sooner than several
_REMEDY = "Restate it: starmend rebuild"


class Opened:
    """An object whose footer was read. Its rows are decoded, and its digest checked, on demand."""

    def __init__(self, key: str, body: bytes, footer: Footer, file: pq.ParquetFile) -> None:
        self.key = key
        self.footer = footer
        self._body = body
        self._file = file
        self._present = frozenset(file.schema_arrow.names)
        self._is_sound: bool | None = None
        self._check: threading.Thread | None = None

    @property
    def size(self) -> int:
        """The object's bytes."""
        return len(self._body)

    @property
    def is_sound(self) -> bool:
        """Whether the rows' bytes are those that the commit wrote."""
        if self._check:
            self._check.join()
        elif self._is_sound is None:
            self._compare_digest()
        return bool(self._is_sound)

    def _compare_digest(self) -> None:
        view = memoryview(self._body)[: self.footer.digest_bytes]
        self._is_sound = hashlib.sha256(view).hexdigest() == self.footer.digest

    def prove(self) -> None:
        """Raises ``PipelineBug`` where the object was altered."""
        if not self.is_sound:
            raise self._broken("was altered: its digest is another")

    def read(
        self, schema: pa.Schema, names: Sequence[str] | None = None, *, proven: bool = True, back: bool = False
    ) -> pa.Table:
        """The columns of ``schema``, or the named ones: one that the object lacks is null, a narrower type is widened.

        With ``back`` a wider one is cast back too, as long as every value fits.
        Raises ``PipelineBug`` where the object was altered or a column is of another type than ``widens`` allows. With
        ``proven`` false the rows come before their digest is checked, which takes a while; then call ``prove`` before
        anything is written that depends on them.
        """
        return self._conformed(schema, names, None, proven, back)

    @property
    def schema(self) -> pa.Schema:
        """The columns as they are stored, whatever the contract says now."""
        return self._file.schema_arrow

    @property
    def dictionaries(self) -> list[str]:
        """The columns that are stored with a dictionary; none where nothing seals what Parquet says of them."""
        metadata = self._file.metadata
        if not metadata.num_row_groups or not self.footer.seal:
            return []
        columns = (metadata.row_group(0).column(number) for number in range(metadata.num_columns))
        return [column.path_in_schema for column in columns if column.has_dictionary_page]

    @property
    def group_rows(self) -> list[int]:
        """The number of rows of each row group, in stored order."""
        metadata = self._file.metadata
        return [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]

    def read_group(self, number: int, schema: pa.Schema, names: Sequence[str], *, proven: bool = True) -> pa.Table:
        """The rows of one row group, as ``read`` gives them."""
        return self._conformed(schema, names, number, proven, False)

    def _conformed(
        self, schema: pa.Schema, names: Sequence[str] | None, group: int | None, proven: bool, back: bool
    ) -> pa.Table:
        target = schema if names is None else pa.schema([schema.field(name) for name in names])
        present = self._present
        names = [stored_name(field, present) for field in target]
        rows = self._decode([name for name in names if name in present], group)
        if proven:
            self.prove()
        if rows.schema.equals(target):
            return rows
        count = self.footer.rows if group is None else self._file.metadata.row_group(group).num_rows
        columns = [
            self._as_type(rows[name], field, back) if name in present else pa.nulls(count, field.type)
            for name, field in zip(names, target, strict=True)
        ]
        return pa.Table.from_arrays(columns, schema=target)

    def _as_type(self, column: pa.ChunkedArray, field: pa.Field, back: bool) -> pa.ChunkedArray:
        if column.type.equals(field.type):
            return column
        is_wider = back and widens(field.type, column.type)
        if not widens(column.type, field.type) and not is_wider:
            raise self._broken(f"has {field.name} as {column.type}, which is no {field.type} without loss")
        try:
            return column.cast(field.type)  # what does not fit is refused
        except pa.ArrowInvalid as error:
            raise self._broken(f"has values of {field.name} that no {field.type} holds") from error

    def _decode(self, names: list[str], group: int | None) -> pa.Table:
        if self._is_sound is None and self._check is None and len(self._body) > HASH_BESIDE:
            self._check = threading.Thread(target=self._compare_digest)
            self._check.start()
        threads = len(self._body) > THREADS_FROM
        try:
            if group is None:
                rows = self._file.read(names, use_threads=threads)
            else:
                rows = self._file.read_row_group(group, names, use_threads=threads)
        except (pa.ArrowException, OSError) as error:
            raise self._broken(f"cannot be decoded: {error}") from error
        return rows

    def _broken(self, problem: str) -> PipelineBug:
        return PipelineBug("read object", self.key, problem, _REMEDY)


def widens(stored: pa.DataType, wanted: pa.DataType) -> bool:
    """Whether every value of one type is the same value of the other, as where the contract made a column longer.

    Arrow casts much more: an integer to a date, a timestamp to the day that it lies in, 1.005 to 1.00.
    """
    if pa.types.is_decimal(stored) and pa.types.is_decimal(wanted):
        more = wanted.scale - stored.scale
        return bool(more >= 0 and wanted.precision - stored.precision >= more)
    return bool(pa.types.is_int32(stored) and pa.types.is_int64(wanted))


def open_object(key: str, body: bytes) -> Opened:
    """Read an object's footer; raises ``PipelineBug`` where there is none, and where it was altered."""
    if not is_intact(body):
        raise PipelineBug("read object", key, "was altered: its footer is not as it was sealed", _REMEDY)
    try:
        file = pq.ParquetFile(pa.BufferReader(body))
        text = (file.metadata.metadata or {}).get(NAME)
        if text is None:
            raise PipelineBug("read object", key, "has no footer of a commit", _REMEDY)
        return Opened(key, body, Footer.from_json(text, place=key), file)
    except (pa.ArrowException, OSError, ValueError) as error:  # names that are no UTF-8 as well
        raise PipelineBug("read object", key, f"is no Parquet: {error}", _REMEDY) from error
