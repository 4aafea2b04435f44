"""Records of a shuffle: what goes in comes out, in blocks that fit into any worker."""

from __future__ import annotations

import decimal
import random
from datetime import UTC, datetime

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from core.warehouse.footer import SourceRef
from processing.restating.history import Refusal
from processing.spark import records
from processing.spark.records import begin, blocks_of, from_batches, refusal_of, refused, rows_of, to_batches


def test_rows_come_out_as_they_went_in_block_by_block() -> None:
    source = random.Random(1)
    rows = pa.table(
        {
            "name": [source.choice(["é" * 40, "", None]) for _ in range(5000)],
            "price": pa.array([decimal.Decimal(number) / 100 for number in range(5000)], pa.decimal128(18, 6)),
            "at": pa.array([datetime(2026, 1, 1, tzinfo=UTC).replace(tzinfo=None)] * 5000, pa.timestamp("us")),
            "tags": pa.array([["a"], None] * 2500, pa.list_(pa.string())),
        }
    )
    refs = [SourceRef("a/b", "1", 3), SourceRef("c", "2", 4)]
    records.MOST_BYTES, before = 50_000, records.MOST_BYTES
    try:
        sent = list(blocks_of(3, "month=2026-01", rows.slice(7, 4000), refs))
    finally:
        records.MOST_BYTES = before
    assert len(sent) > 3
    assert max(len(record.rows or b"") for record in sent) < 100_000  # a slice takes none of its neighbours along
    back = [rows_of(record, rows.schema) for record in from_batches(to_batches(sent))]
    assert pa.concat_tables([table for table, _ in back]).equals(rows.slice(7, 4000))
    given = [ref for _, sources in back for ref in sources]
    assert [(ref.key, ref.etag, ref.rows) for ref in given] == [("a/b", "1", 3), ("c", "2", 4)]


@given(st.text(max_size=20), st.integers(0, 9), st.text(max_size=20))
def test_a_refusal_comes_out_as_it_went_in(key: str, lines: int, halted: str) -> None:
    sent = [begin(0, "job"), refused(1, key, Refusal(key, lines, halted)), refused(1, key, None)]
    first, second, gone = from_batches(to_batches(sent))
    assert (first.name, refusal_of(second), refusal_of(gone)) == ("job", Refusal(key, lines, halted), None)
