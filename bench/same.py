"""Comparison of the rows that contestants made: unless they are the same, times say nothing."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from bench.data import KEY, SCHEMA


class DifferentRows(AssertionError):
    """Two contestants' results differ."""


def same_rows(results: Mapping[str, Path]) -> None:
    """Every file holds the same rows of the same types in the same order, sorted and unique by key."""
    first, expected = "", None
    for name, path in results.items():
        rows = typed(name, pq.read_table(path))
        if expected is None:
            first, expected = name, rows
            _require_sorted(name, rows)
        elif not rows.equals(expected):
            raise DifferentRows(_difference(first, expected, name, rows))


def typed(name: str, rows: pa.Table) -> pa.Table:
    """The rows in ``SCHEMA``. Only the form of texts may differ (large, view): it is the same in Parquet."""
    rows = rows.select(SCHEMA.names)
    for field, wanted in zip(rows.schema, SCHEMA, strict=True):
        text = pa.types.is_large_string(field.type) or pa.types.is_string_view(field.type)
        if field.type != wanted.type and not (text and pa.types.is_string(wanted.type)):
            raise DifferentRows(f"{name}: {field.name} is {field.type}, not {wanted.type}")
    return rows.cast(SCHEMA).combine_chunks()


def _require_sorted(name: str, rows: pa.Table) -> None:
    in_order = rows.sort_by([(name, "ascending") for name in KEY])
    if not rows.equals(in_order):
        raise DifferentRows(f"{name}: the rows are not in key order")
    if rows.group_by(list(KEY)).aggregate([]).num_rows != rows.num_rows:
        raise DifferentRows(f"{name}: a key is there twice")


def _difference(first: str, expected: pa.Table, name: str, rows: pa.Table) -> str:
    if rows.num_rows != expected.num_rows:
        return f"{name} has {rows.num_rows} rows, {first} {expected.num_rows}"
    unequal = [name for name in SCHEMA.names if not rows[name].equals(expected[name])]
    return f"{name} and {first} differ in {', '.join(unequal)}"
