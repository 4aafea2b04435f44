"""Bounds of columns, from the footers of objects that Arrow wrote."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.schema import Schema
from pyiceberg.types import NestedField, StringType
from tests.fakes.objects import MemoryObjects

from mirror.iceberg.footers import read_footer, statistics_of


def test_a_bound_that_is_cut_still_bounds() -> None:
    texts = ["a" * 15 + "bcd", "z" * 40]
    objects, sink = MemoryObjects(), pa.BufferOutputStream()
    pq.write_table(pa.table({"name": texts}), sink)
    objects.write("object", sink.getvalue().to_pybytes())
    footer = read_footer(objects, "object")
    assert footer is not None
    ((_, _, values, nulls, low, high),) = statistics_of(
        footer, Schema(NestedField(1, "name", StringType(), required=False))
    )
    assert (values, nulls) == (2, 0)
    assert bytes.fromhex(low).decode() <= min(texts)
    assert bytes.fromhex(high).decode() >= max(texts)
    assert len(bytes.fromhex(high).decode()) <= 16
