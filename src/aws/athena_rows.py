"""Rows of Athena's result files as Arrow batches, exact: decimals are decimals, NULL is no text.

The file is CSV (Athena User Guide, "Work with query results and recent queries"): a header, every value in quotes, NULL
as nothing between two commas. A value may hold line breaks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

BLOCK_BYTES = 16 << 20  # a row must fit into one; Athena's own limit of a row is 32 MB
UTC = pa.timestamp("ms", "UTC")
_TYPES: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("ms"),
    "timestamp with time zone": UTC,
}


@dataclass(frozen=True, slots=True)
class AnswerColumn:
    """A column of an answer; ``type`` is Athena's: ``bigint``, ``varchar``, ``decimal`` with precision and scale."""

    name: str
    type: str
    precision: int = 0
    scale: int = 0


def described_column(info: Mapping[str, Any]) -> AnswerColumn:
    """A column as ``GetQueryResults`` describes it (Athena API Reference, ColumnInfo)."""
    return AnswerColumn(
        str(info["Name"]), str(info["Type"]).lower(), int(info.get("Precision") or 0), int(info.get("Scale") or 0)
    )


def type_of(column: AnswerColumn) -> pa.DataType:
    """The Arrow type of a column; what has none of its own (arrays, maps, bytes) stays the text that Athena wrote."""
    if column.type == "decimal":
        return pa.decimal128(column.precision or 38, column.scale)
    return _TYPES.get(column.type, pa.string())


def schema_of(columns: Sequence[AnswerColumn]) -> pa.Schema:
    """The schema of an answer; a name that comes again gets a number, so that no column is lost."""
    names: list[str] = []
    for column in columns:
        name, number = column.name or "column", 2
        while name in names:
            name, number = f"{column.name or 'column'}_{number}", number + 1
        names.append(name)
    return pa.schema([pa.field(name, type_of(column)) for name, column in zip(names, columns, strict=True)])


def typed_batches(columns: Sequence[AnswerColumn], body: Any) -> Iterator[pa.RecordBatch]:
    """Read the file as it comes. Raises ``pyarrow.ArrowInvalid`` where it is not what Athena writes."""
    schema = schema_of(columns)
    places = [str(index) for index in range(len(columns))]  # names may come twice
    try:
        reader = csv.open_csv(
            body,
            read_options=csv.ReadOptions(column_names=places, skip_rows=1, block_size=BLOCK_BYTES, use_threads=False),
            # An empty line is a row: the NULL of a single column.
            parse_options=csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(places, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        if "Empty CSV" in str(error):  # the header alone
            return
        raise
    for texts in reader:
        arrays = [_typed(text, field.type) for text, field in zip(texts.columns, schema, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _instant(text: str | None) -> datetime | None:
    """``2026-11-20 10:00:00.000 UTC``, with whatever zone or offset at its end."""
    if text is None:
        return None
    wall, _, zone = text.rpartition(" ")
    if zone.startswith(("+", "-")):
        return datetime.fromisoformat(wall + zone)
    return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone))


def _typed(texts: pa.Array, kind: pa.DataType) -> pa.Array:
    if kind == UTC:
        return pa.array([_instant(text) for text in texts.to_pylist()], kind)
    if pa.types.is_floating(kind):
        texts = pc.replace_substring(texts, "Infinity", "inf")
    return texts.cast(kind)


@dataclass(frozen=True)
class AthenaAnswer:
    """Rows of a query, as the CSV that Athena wrote: every value in quotes, NULL as nothing at all."""

    columns: tuple[AnswerColumn, ...]
    body: Any

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows, a few thousand at a time, in the types of their columns. Can be read once."""
        return typed_batches(self.columns, self.body)
