"""Footers of Parquet objects, read from their ends, as the statistics that Iceberg's manifests hold.

Texts outside a key have no bounds (``processing.partitions.parquet``). Bounds are written here and not by
``pyiceberg``, which refuses a decimal that is stored as an integer once the contract has made it longer.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.conversions import to_bytes
from pyiceberg.schema import Schema
from pyiceberg.types import DecimalType, DoubleType, IcebergType, StringType

from core.errors import PipelineBug
from core.ports import StoredObject, TailReader
from core.warehouse.footer import ending_size, is_intact

USUAL_END = 65_536  # bytes that hold the footer of nearly every object
_REMEDY = "Restate it: starmend rebuild"
_SURROGATES, _AFTER_SURROGATES = 0xD800, 0xE000  # code points that are no characters lie between
_BOUND = 16  # characters of a text, Iceberg's own default


@dataclass(frozen=True, slots=True)
class ObjectFooter:
    """What an object says of itself: its size, rows, columns' types, and statistics by column name."""

    size: int
    metadata: pq.FileMetaData

    @property
    def types(self) -> dict[str, str]:
        """The Arrow types of the stored columns, by name."""
        schema = self.metadata.schema.to_arrow_schema()
        return {field.name: str(field.type) for field in schema}

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where each row group begins: engines split there."""
        groups = [self.metadata.row_group(number) for number in range(self.metadata.num_row_groups)]
        firsts = [group.column(0) for group in groups if group.num_columns]
        return tuple(
            min(first.data_page_offset, first.dictionary_page_offset or first.data_page_offset) for first in firsts
        )

    @property
    def rows(self) -> int:
        """How many rows the object has."""
        return int(self.metadata.num_rows)


def read_footer(objects: TailReader, key: str) -> ObjectFooter | None:
    """The footer of an object, by one request, or two where it is very long; None where there is no such object.

    Raises ``PipelineBug`` where the object is no Parquet, or ``TransientFailure``.
    """
    stored = objects.read_end(key, USUAL_END)
    if stored is None:
        return None
    wanted = ending_size(stored.body)
    if len(stored.body) < wanted <= stored.stat.size:
        stored = objects.read_end(key, wanted)
        if stored is None:
            return None
    return _parsed(key, stored)


def _parsed(key: str, stored: StoredObject) -> ObjectFooter:
    if not is_intact(stored.body):
        raise PipelineBug("mirror object", key, "was altered: its footer is not as it was sealed", _REMEDY)
    try:
        return ObjectFooter(stored.stat.size, pq.read_metadata(pa.BufferReader(stored.body)))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise PipelineBug("mirror object", key, f"is no Parquet: {error}", _REMEDY) from error


def statistics_of(footer: ObjectFooter, schema: Schema) -> tuple[tuple[Any, ...], ...]:
    """For each column of the schema that the object has: field id, bytes, values, nulls, and its bounds in hex.

    Nulls and bounds are null where a row group does not tell. Bounds are those of the schema's type, which may be wider
    than the object's.
    """
    fields = {field.name: field for field in schema.fields}
    places = {footer.metadata.schema.column(place).name: place for place in range(footer.metadata.num_columns)}
    return tuple(
        _column_statistics(list(_chunks(footer.metadata, place)), fields[name].field_id, fields[name].field_type)
        for name, place in places.items()
        if name in fields
    )


def _chunks(metadata: pq.FileMetaData, place: int) -> Iterator[Any]:
    for group in range(metadata.num_row_groups):
        yield metadata.row_group(group).column(place)


def _column_statistics(chunks: list[Any], number: int, kind: IcebergType) -> tuple[Any, ...]:
    size, values = sum(chunk.total_compressed_size for chunk in chunks), sum(chunk.num_values for chunk in chunks)
    statistics = [chunk.statistics for chunk in chunks]
    is_counted = all(each is not None and each.has_null_count for each in statistics)
    nulls = sum(each.null_count for each in statistics) if is_counted else None
    filled = [each for each in statistics if each is None or not (each.has_null_count and each.num_values == 0)]
    if not filled or not all(each is not None and each.has_min_max for each in filled):
        return number, size, values, nulls, None, None
    lower = min(_bound(each, kind, greatest=False) for each in filled)
    upper = max(_bound(each, kind, greatest=True) for each in filled)
    # NaN is in no bound of Parquet's, and greater than all numbers to some engines, which would pass over its file.
    highest = None if isinstance(kind, DoubleType) else _upper_bytes(upper, kind)
    return number, size, values, nulls, _lower_bytes(lower, kind), highest


def _bound(statistics: Any, kind: IcebergType, *, greatest: bool) -> Any:
    """A bound as a value that compares as the column does: integers for decimals, dates and instants."""
    raw = statistics.max_raw if greatest else statistics.min_raw
    if isinstance(kind, DecimalType):
        return int.from_bytes(raw, "big", signed=True) if isinstance(raw, bytes) else raw
    if isinstance(kind, StringType):
        return statistics.max if greatest else statistics.min
    return raw


def _lower_bytes(value: Any, kind: IcebergType) -> str:
    return _serialised(value[:_BOUND] if isinstance(value, str) else value, kind).hex()


def _upper_bytes(value: Any, kind: IcebergType) -> str | None:
    if isinstance(value, str) and len(value) > _BOUND:
        value = _after(value[:_BOUND])
    return None if value is None else _serialised(value, kind).hex()


def _after(beginning: str) -> str | None:
    """The least text that comes after all texts which begin so; None: there is none.

    Not ``pyiceberg``'s, which steps from U+D7FF to a surrogate that no UTF-8 has.
    """
    kept = beginning.rstrip(chr(sys.maxunicode))
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(_AFTER_SURROGATES if following == _SURROGATES else following)


def _serialised(value: Any, kind: Any) -> bytes:
    """Iceberg's single-value form (spec, appendix D); of a decimal the unscaled number in as few bytes as it takes."""
    if isinstance(kind, DecimalType):
        return int(value).to_bytes((value if value >= 0 else ~value).bit_length() // 8 + 1, "big", signed=True)
    return to_bytes(kind, value)
