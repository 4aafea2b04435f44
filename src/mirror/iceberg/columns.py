"""Columns of a table as Iceberg fields, whose ids never change.

A name has one id for ever, whatever the contract says of it in between: the table's name mapping keeps them, names that
the contract dropped included. So objects, which have no ids, are read by any snapshot, and a column that comes back is
the one that it was. A type that the contract made narrower, which takes a new generation of the table, keeps the id
too: each snapshot has the schema and the objects of one generation.

All fields are optional, for an object may be older than a column. A bucket is a column of its own, as in the catalog.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pyiceberg.schema import Schema
from pyiceberg.table.name_mapping import MappedField, NameMapping
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    IntegerType,
    LongType,
    NestedField,
    PrimitiveType,
    StringType,
    TimestampType,
)

from core.contract.model import Column, Table
from core.contract.types import ColumnType
from core.rendering.catalog import column_comment
from core.warehouse.arrow_types import arrow_type

_DECIMAL = re.compile(r"decimal\w*\((\d+), (\d+)\)")
_PLAIN: dict[str, PrimitiveType] = {
    "string": StringType(),
    "json": StringType(),
    "int": IntegerType(),
    "bigint": LongType(),
    "boolean": BooleanType(),
    "date": DateType(),
    "timestamp": TimestampType(),
    "double": DoubleType(),
}


@dataclass(frozen=True, slots=True)
class FieldIds:
    """The id of each name that the table ever had, and the last that was given."""

    by_name: Mapping[str, int]
    last: int = 0

    def with_names(self, names: Iterable[str]) -> FieldIds:
        """The same with ids for those of the names that have none yet."""
        ids, last = dict(self.by_name), self.last
        for name in names:
            if name not in ids:
                last += 1
                ids[name] = last
        return FieldIds(ids, last)

    @property
    def mapping(self) -> NameMapping:
        """The ids as Iceberg's name mapping."""
        return NameMapping([MappedField(field_id=number, names=[name]) for name, number in self.by_name.items()])

    @classmethod
    def of(cls, mapping: NameMapping | None, last: int) -> FieldIds:
        """The ids that a table's name mapping keeps."""
        fields = list(mapping) if mapping else []
        return cls({name: int(field.field_id or 0) for field in fields for name in field.names}, last)


def iceberg_type(kind: ColumnType) -> PrimitiveType:
    """The Iceberg type that holds every value of a contract type exactly."""
    return DecimalType(kind.precision, kind.scale) if kind.name == "decimal" else _PLAIN[kind.name]


def column_names(table: Table) -> list[str]:
    """The names of the mirror's columns: the contract's, then those of buckets."""
    return [*(column.name for column in table.columns), *_bucket_names(table)]


def _bucket_names(table: Table) -> list[str]:
    return [part.name for part in table.partition_by if part.transform == "bucket"]


def schema_of(table: Table, ids: FieldIds, schema_id: int, kept: Iterable[NestedField] = ()) -> Schema:
    """The table's columns, whose names ``ids`` has, and behind them those of the ``kept`` that are not among them."""
    fields = [_field(column, ids.by_name[column.name]) for column in table.columns]
    for part in table.partition_by:
        if part.transform == "bucket":
            doc = f"crc32 of {part.column} modulo {part.buckets}"
            fields.append(NestedField(ids.by_name[part.name], part.name, IntegerType(), required=False, doc=doc))
    known = {field.field_id for field in fields}
    return Schema(*fields, *(field for field in kept if field.field_id not in known), schema_id=schema_id)


def _field(column: Column, number: int) -> NestedField:
    doc = column_comment(column.comment, column.unit, column.references)
    return NestedField(number, column.name, iceberg_type(column.type), required=False, doc=doc or None)


def unreadable_columns(table: Table, types: Mapping[str, str]) -> list[str]:
    """The columns that an object has in types which no engine reads as those of the contract.

    Iceberg widens ``int`` to ``long`` and the precision of a decimal, never its scale.
    """
    return [
        f"{column.name} is {types[column.name]}"
        for column in table.stored_columns
        if column.name in types and not _is_read_as(types[column.name], column.type)
    ]


def _is_read_as(stored: str, wanted: ColumnType) -> bool:
    target = arrow_type(wanted)
    if stored == str(target) or (stored == "int32" and wanted.name == "bigint"):
        return True
    match = _DECIMAL.fullmatch(stored)
    return bool(
        match and wanted.name == "decimal" and int(match[2]) == wanted.scale and int(match[1]) <= wanted.precision
    )
