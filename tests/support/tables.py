"""Small contract tables for tests of the warehouse, and rows that fit them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from core.contract.model import Column, Latest, Partition, Table, Take
from core.contract.types import parse_type
from core.warehouse.arrow_types import stored_schema


def column(name: str, kind: str, **more: Any) -> Column:
    return Column(name, parse_type(kind), more.pop("rule", Take(name)), **more)


def fact(name: str, key: Sequence[str], columns: Sequence[Column], **more: Any) -> Table:
    return Table(name, "test", "fact", f"{name} of a test", tuple(key), tuple(columns), **more)


ORDERS = fact(
    "fact_order",
    ["order_id", "updated"],
    [
        column("order_id", "int"),
        column("updated", "timestamp"),
        column("checked_at", "timestamp"),
        column("amount", "decimal(10,2)"),
        column("note", "string"),
        column("deleted_at", "timestamp"),
        column("is_latest", "boolean", rule=Latest()),
    ],
    version=("updated", "checked_at"),
    history_of=("order_id",),
)

QUOTES = fact(
    "fact_quote",
    ["symbol", "minute"],
    [
        column("symbol", "string"),
        column("minute", "timestamp"),
        column("price", "decimal(18,6)"),
        column("provenance", "string", rank=("observed", "late", "repaired")),
        column("fetched_at", "timestamp"),
    ],
    version=("provenance", "fetched_at"),
    partition_by=(
        Partition("symbol", "symbol", "value", values=("AAPL", "MSFT", "ZM")),
        Partition("month", "minute", "month"),
    ),
    since="2026-01-01",
)

COUNTS = fact("dim_count", ["number"], [column("number", "bigint"), column("total", "bigint")])


def rows_of(table: Table, records: Sequence[dict[str, Any]]) -> pa.Table:
    """Records as incoming rows: the stored columns but those that the merge computes; what a record lacks is null."""
    schema = stored_schema(table)
    latest = {stored_column.name for stored_column in table.stored_columns if isinstance(stored_column.rule, Latest)}
    given = [name for name in schema.names if name not in latest]
    arrays = [pa.array([record.get(name) for record in records], schema.field(name).type) for name in given]
    return pa.Table.from_arrays(arrays, schema=pa.schema([schema.field(name) for name in given]))


def counts(numbers: Sequence[int], total: int = 0) -> pa.Table:
    """Rows of ``COUNTS``."""
    return rows_of(COUNTS, [{"number": number, "total": total} for number in numbers])
