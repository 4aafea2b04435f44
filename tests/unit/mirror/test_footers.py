"""Bounds of columns, from the footers of objects that Arrow wrote."""

from __future__ import annotations

import math
import struct
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyiceberg.schema import Schema
from pyiceberg.types import DoubleType, NestedField, StringType
from tests.fakes.objects import MemoryObjects

from core.errors import PipelineBug
from core.warehouse.footer import Footer
from mirror.iceberg.footers import read_footer, statistics_of
from processing.partitions.parquet import encode

LAST, BEFORE_SURROGATES = "\U0010ffff", "\ud7ff"  # the last character, and one after which there are none for a while
CHARACTERS = st.sampled_from(["a", "z", "\uffff", LAST, BEFORE_SURROGATES])


def statistics(rows: pa.Table, *fields: NestedField) -> tuple[tuple[Any, ...], ...]:
    objects, sink = MemoryObjects(), pa.BufferOutputStream()
    pq.write_table(rows, sink)
    objects.write("object", sink.getvalue().to_pybytes())
    footer = read_footer(objects, "object")
    assert footer is not None
    return statistics_of(footer, Schema(*fields))


def test_an_altered_footer_is_refused_before_arrow_reads_it() -> None:
    objects, rows = MemoryObjects(), pa.table({"value": [1.0, 2.0]})
    body = bytearray(encode(rows, Footer("fact", "fact", 1, "merge", 2)))
    objects.write("object", bytes(body))
    assert read_footer(objects, "object") is not None
    body[body.rindex(b"PAR1") - 12] ^= 1
    objects.write("object", bytes(body))
    with pytest.raises(PipelineBug, match="altered"):
        read_footer(objects, "object")


def test_no_bound_hides_what_is_greater_than_all_numbers() -> None:
    """Parquet's bounds leave NaN out, and DuckDB, Polars and Spark hold it to be greater than 5."""
    rows = pa.table({"value": [1.0, math.nan]})
    ((_, _, values, nulls, low, high),) = statistics(rows, NestedField(1, "value", DoubleType(), required=False))
    assert (values, nulls, high) == (2, 0, None)
    assert struct.unpack("<d", bytes.fromhex(low)) == (1.0,)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(CHARACTERS, min_size=14, max_size=18), min_size=1, max_size=3))
@example(["a" * 15 + "bcd", "z" * 40])
@example(["a" * 15 + BEFORE_SURROGATES + "a"])
@example([LAST * 17])
def test_a_bound_that_is_cut_still_bounds(texts: list[str]) -> None:
    field = NestedField(1, "name", StringType(), required=False)
    ((_, _, values, nulls, low, high),) = statistics(pa.table({"name": texts}), field)
    assert (values, nulls) == (len(texts), 0)
    assert bytes.fromhex(low).decode() <= min(texts)
    if high is None:
        assert max(texts).startswith(LAST * 16)
        return
    assert bytes.fromhex(high).decode() >= max(texts)
    assert len(bytes.fromhex(high).decode()) <= 16
