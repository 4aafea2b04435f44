"""Bounds of columns, from the footers of objects that Arrow wrote."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyiceberg.schema import Schema
from pyiceberg.types import NestedField, StringType
from tests.fakes.objects import MemoryObjects

from mirror.iceberg.footers import read_footer, statistics_of

LAST, BEFORE_SURROGATES = "\U0010ffff", "\ud7ff"  # the last character, and one after which there are none for a while
CHARACTERS = st.sampled_from(["a", "z", "\uffff", LAST, BEFORE_SURROGATES])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(CHARACTERS, min_size=14, max_size=18), min_size=1, max_size=3))
@example(["a" * 15 + "bcd", "z" * 40])
@example(["a" * 15 + BEFORE_SURROGATES + "a"])
@example([LAST * 17])
def test_a_bound_that_is_cut_still_bounds(texts: list[str]) -> None:
    objects, sink = MemoryObjects(), pa.BufferOutputStream()
    pq.write_table(pa.table({"name": texts}), sink)
    objects.write("object", sink.getvalue().to_pybytes())
    footer = read_footer(objects, "object")
    assert footer is not None
    ((_, _, values, nulls, low, high),) = statistics_of(
        footer, Schema(NestedField(1, "name", StringType(), required=False))
    )
    assert (values, nulls) == (len(texts), 0)
    assert bytes.fromhex(low).decode() <= min(texts)
    if high is None:
        assert max(texts).startswith(LAST * 16)
        return
    assert bytes.fromhex(high).decode() >= max(texts)
    assert len(bytes.fromhex(high).decode()) <= 16
