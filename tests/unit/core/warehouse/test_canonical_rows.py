"""Digests of rows: the same for the same rows however Arrow holds them, another for any other row."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from decimal import Decimal
from struct import pack
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.warehouse.canonical_rows import digest_rows

EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001  # as instants of rows are

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


VALUES: dict[str, tuple[pa.DataType, str, st.SearchStrategy[Any], Callable[[Any], bytes]]] = {
    "number": (pa.int32(), "integer", st.integers(-(2**31), 2**31 - 1), lambda value: pack("<q", value)),
    "large": (pa.int64(), "integer", st.integers(-(2**63), 2**63 - 1), lambda value: pack("<q", value)),
    "money": (
        pa.decimal128(10, 2),
        "decimal(10,2)",
        st.integers(-(10**10) + 1, 10**10 - 1).map(lambda cents: Decimal(cents).scaleb(-2)),
        lambda value: int(value.scaleb(2)).to_bytes(16, "little", signed=True),
    ),
    "at": (
        pa.timestamp("us"),
        "timestamp",
        st.datetimes(),
        lambda value: pack("<q", (value - EPOCH) // dt.timedelta(microseconds=1)),
    ),
    "day": (pa.date32(), "date", st.dates(), lambda value: pack("<q", (value - EPOCH.date()).days)),
    "flag": (pa.bool_(), "boolean", st.booleans(), lambda value: bytes([value])),
    "share": (pa.float64(), "double", st.floats(allow_nan=False), lambda value: pack("<d", value)),
}


def as_documented(rows: pa.Table) -> str:
    """The digest written down once more, value by value, from the module's description."""
    said = b"starmend rows 1\n" + f"{rows.num_rows} {rows.num_columns}\n".encode()
    for name in rows.column_names:
        values = rows.column(name).to_pylist()
        kind = "string" if name == "text" else VALUES[name][1]
        said += f"{name} {kind}\n".encode() + bytes(value is not None for value in values)
        if name == "text":
            texts = [(value or "").encode() for value in values]
            said += b"".join(pack("<q", len(text)) for text in texts) + b"".join(texts)
        else:
            spell = VALUES[name][3]
            zero = bytes({"money": 16, "flag": 1}.get(name, 8))
            said += b"".join(zero if value is None else spell(value) for value in values)
    return hashlib.sha256(said).hexdigest()


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_the_digest_is_that_of_the_bytes_as_they_are_described(data: st.DataObject) -> None:
    count = data.draw(st.integers(0, 6))
    columns = {}
    for name, (kind, _, values, _) in {**VALUES, "text": (pa.string(), "", st.text(max_size=5), bytes)}.items():
        maybe = data.draw(st.sampled_from([values, st.none() | values]))
        columns[name] = pa.array(data.draw(st.lists(maybe, min_size=count, max_size=count)), kind)
    rows = pa.table(columns)
    first = data.draw(st.integers(0, count))
    part = rows.slice(first, data.draw(st.integers(0, count - first)))
    assert digest_rows(part) == as_documented(part)
