"""The contract's types as Arrow types.

A timestamp is ``timestamp('us')`` without zone and UTC by construction, for Athena's TIMESTAMP has no zone.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Container

import pyarrow as pa

from core.contract.model import HASH, HASH_LIST, SourceTable, Table
from core.contract.types import ColumnType

_PLAIN: dict[str, pa.DataType] = {
    "string": pa.string(),
    "json": pa.string(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "double": pa.float64(),
}

# Beside the contract's columns: no catalog names them, and no certificate's digest counts them.
CONTENT_FIELDS = (pa.field(HASH_LIST, pa.int32()), pa.field(HASH, pa.int64()))

FORMER = "starmend_was"  # of a field: the names under which older objects have it, a JSON list


def arrow_type(kind: ColumnType) -> pa.DataType:
    """The Arrow type that holds every value of a contract type exactly."""
    return pa.decimal128(kind.precision, kind.scale) if kind.name == "decimal" else _PLAIN[kind.name]


def stored_name(field: pa.Field, present: Container[str]) -> str:
    """The name under which an object with these columns has a field: its own, else the last of its former ones."""
    if field.name in present or not field.metadata or FORMER.encode() not in field.metadata:
        return str(field.name)
    former = json.loads(field.metadata[FORMER.encode()])
    return next((name for name in former if name in present), str(field.name))


def stored_schema(table: Table) -> pa.Schema:
    """The columns of the table's Parquet objects, in the contract's order; a key is never null.

    Rows that keep the hash of their content have it behind the others (``CONTENT_FIELDS``).
    """
    key = set(table.key)
    columns = [
        pa.field(
            column.name,
            arrow_type(column.type),
            nullable=column.name not in key,
            metadata={FORMER: json.dumps(column.was)} if column.was else None,
        )
        for column in table.stored_columns
    ]
    return pa.schema([*columns, *(CONTENT_FIELDS if table.keeps_content else ())])


def table_schema(table: Table, columns: Collection[str] | None = None) -> pa.Schema:
    """All columns of the table, those whose value is the path's too, or the named ones; in the contract's order.

    The hash of the rows' content (``CONTENT_FIELDS``) is no column of the table, and comes where it is named.
    """
    promised = [
        pa.field(column.name, arrow_type(column.type))
        for column in table.columns
        if columns is None or column.name in columns
    ]
    hashed = [kept for kept in CONTENT_FIELDS if table.keeps_content and kept.name in (columns or ())]
    return pa.schema([*promised, *hashed])


def line_schema(source: SourceTable) -> pa.Schema:
    """The fields of a source table's JSON lines, typed as the contract promises them, and the hash of their content."""
    fields = [pa.field(field.name, arrow_type(field.type), nullable=not field.required) for field in source.fields]
    return pa.schema([*fields, *(CONTENT_FIELDS if source.keeps_content else ())])
