"""Digests of rows: the same for the same rows however Arrow holds them, another for any other row."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from core.warehouse.canonical_rows import digest_rows

ROWS = pa.table(
    {
        "number": pa.array([1, None, 3], pa.int32()),
        "text": pa.array(["a", "", None]),
        "money": pa.array([Decimal("1.50"), None, Decimal("-2.00")], pa.decimal128(10, 2)),
        "at": pa.array([0, 1, None], pa.timestamp("us")),
        "day": pa.array([0, None, 2], pa.date32()),
        "flag": pa.array([True, None, False]),
        "share": pa.array([0.5, None, -0.0]),
    }
)


def test_the_digest_does_not_depend_on_chunks_offsets_or_what_lies_under_a_null() -> None:
    chunked = pa.concat_tables([ROWS.slice(0, 1), ROWS.slice(1)])
    sliced = pa.concat_tables([ROWS, ROWS]).combine_chunks().slice(3)
    assert digest_rows(chunked) == digest_rows(sliced) == digest_rows(ROWS)
    decoded = ROWS.set_column(1, "text", ROWS.column("text").dictionary_encode())
    assert digest_rows(decoded) == digest_rows(ROWS)


def test_the_width_of_an_integer_does_not_count_but_the_number_of_rows_does() -> None:
    assert digest_rows(pa.table({"x": pa.array([1], pa.int64())})) == digest_rows(
        pa.table({"x": pa.array([1], pa.int32())})
    )
    assert digest_rows(ROWS.slice(0, 0)) != digest_rows(ROWS)


@pytest.mark.parametrize("name", ROWS.column_names)
def test_a_null_is_not_the_value_that_stands_for_it(name: str) -> None:
    values = ROWS.column(name).to_pylist()
    filled = (
        [value if value is not None else type(values[0])() for value in values] if name not in ("at", "day") else None
    )
    if filled is None:
        filled = [value if value is not None else values[0] for value in values]
    other = ROWS.set_column(ROWS.column_names.index(name), name, pa.array(filled, ROWS.schema.field(name).type))
    assert digest_rows(other) != digest_rows(ROWS)


def test_a_columns_name_and_the_order_of_rows_count() -> None:
    assert digest_rows(ROWS.rename_columns(["other", *ROWS.column_names[1:]])) != digest_rows(ROWS)
    assert digest_rows(ROWS.take([2, 1, 0])) != digest_rows(ROWS)
