"""Slices of a warehouse table from rows that a test has at hand."""

from __future__ import annotations

import pyarrow as pa

from auditor.databases.rows.holdings import Holding
from auditor.databases.rows.live_rows import live_rows, summarise
from auditor.databases.rows.targets import Slice, Target
from auditor.warehouse.parents import References
from core.audit.fingerprint import MOST
from core.warehouse.arrow_types import CONTENT_FIELDS, arrow_type


def holding_of_rows(target: Target, part: Slice, rows: pa.Table) -> Holding:
    """A slice of one partition, all of whose rows are live; columns that are not given are null."""
    kept = [pa.field(column.name, arrow_type(column.type)) for column in target.table.columns]
    wanted = [field for field in (*kept, *CONTENT_FIELDS) if field.name in target.compared]
    columns = [
        rows.column(field.name).cast(field.type)
        if field.name in rows.column_names
        else pa.array([True] * len(rows))
        if field.name == target.latest
        else pa.nulls(len(rows), field.type)
        for field in wanted
    ]
    whole = pa.table(columns, schema=pa.schema(wanted))
    summary = summarise(target, whole, MOST, References({}, ""))
    return Holding(target, part, ("",), (summary,), lambda: live_rows(target, [whole]))
