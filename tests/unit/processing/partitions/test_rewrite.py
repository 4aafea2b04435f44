"""A large partition is merged piece by piece, and nobody can tell from the bytes."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.partitions import MemoryPartitions
from tests.support.tables import COUNTS, ORDERS

from core.contract.model import Table
from core.errors import PipelineBug
from core.warehouse.footer import Footer
from core.warehouse.partition_objects import open_object
from processing.partitions import parquet, rewrite, snapshot
from processing.partitions.batch import dedupe
from processing.partitions.commit import CommitContext, Committed, SourceRef, commit_rows, read_partition
from processing.partitions.layout import Layout
from processing.partitions.merge import apply_splice, merge, plan_splice
from processing.partitions.parquet import encode
from processing.partitions.rewrite import STREAM_FROM, SplicedPieces, splice_object
from processing.partitions.snapshot import Columns

LAYOUT = Layout.of(ORDERS)


def orders(ids: np.ndarray, seconds: np.ndarray, amount: int) -> pa.Table:
    count = len(ids)
    deleted = pa.array(np.where(ids % 97 == 0, 5, 0), pa.int64()).view(pa.timestamp("us"))
    return pa.table(
        {
            "order_id": pa.array(ids, pa.int32()),
            "updated": pa.array(seconds * 1_000_000).view(pa.timestamp("us")),
            "checked_at": pa.nulls(count, pa.timestamp("us")),
            "amount": pa.array([amount], pa.decimal128(10, 2)).take(pa.array(np.zeros(count, dtype=np.int64))),
            "note": pa.array([f"note {n % 1000}" for n in ids.tolist()]),
            "deleted_at": pa.array(np.asarray(deleted), pa.timestamp("us"), mask=(ids % 97 != 0)),
        }
    )


def both_ways(current: pa.Table, incoming: pa.Table) -> tuple[bytes, bytes]:
    """The object in pieces, and made whole."""
    body = encode(current, Footer("t", "t", 1, "merge", current.num_rows), key=LAYOUT.key)
    opened = open_object("k", body)
    rows = dedupe(incoming, LAYOUT)
    columns = Columns(opened, LAYOUT.schema)
    splice = plan_splice(columns.read, rows, LAYOUT)
    footer = Footer("t", "t", 2, "merge", current.num_rows + splice.inserted)
    streamed = splice_object(opened, columns, rows, splice, LAYOUT)
    assert isinstance(streamed, SplicedPieces)
    assert streamed.num_rows == footer.rows
    whole = apply_splice(current, rows, splice, LAYOUT).table
    return encode(streamed, footer, key=LAYOUT.key), encode(whole, footer, key=LAYOUT.key)


def test_pieces_and_the_whole_are_the_same_bytes() -> None:
    numbers = np.arange(STREAM_FROM + 50_000)
    current = merge(None, orders(numbers // 3, numbers % 3, 1), LAYOUT).table
    source = np.random.default_rng(1)
    some = source.choice(numbers, 3_000)
    incoming = orders(np.append(some // 3, [2_000_000, -5]), np.append(some % 5, [1, 1]), 2)
    streamed, whole = both_ways(current, incoming)
    assert streamed == whole


@settings(max_examples=30, deadline=None)
@given(
    stored=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4)), min_size=16, max_size=60, unique=True),
    arriving=st.lists(st.tuples(st.integers(-9, 39), st.integers(0, 6)), min_size=1, max_size=40),
    data=st.data(),
)
def test_wherever_the_rows_fall_the_pieces_are_cut_the_same(
    stored: list[tuple[int, int]], arriving: list[tuple[int, int]], data: st.DataObject
) -> None:
    size = data.draw(st.integers(3, 8))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "ROW_GROUP", size)
        patch.setattr(rewrite, "ROW_GROUP", size)
        patch.setattr(rewrite, "STREAM_FROM", 2 * size)
        patch.setattr(snapshot, "READ_AT_ONCE", data.draw(st.sampled_from([0, 1_000_000])))
        old, new = np.array(stored), np.array(arriving)
        current = merge(None, orders(old[:, 0], old[:, 1], 1), LAYOUT).table
        streamed, whole = both_ways(current, orders(new[:, 0], new[:, 1], 2))
        assert streamed == whole
        assert max(open_object("k", streamed).group_rows) == size


def big(table: Table, numbers: np.ndarray, total: int) -> pa.Table:
    return pa.table({"number": numbers, "total": np.full(len(numbers), total)}, schema=Layout.of(table).schema)


def test_a_large_partition_is_committed_to_and_read_like_any_other() -> None:
    store = MemoryPartitions()
    context = CommitContext("c", random=random.Random(1), sleep=lambda _: None)
    evens = np.arange(0, 2 * STREAM_FROM + 20, 2)
    commit_rows(store, COUNTS, "", big(COUNTS, evens, 0), sources=[SourceRef("a", "e")], context=context)
    odds = np.array([7, 5, 8, 4 * STREAM_FROM])
    outcome = commit_rows(store, COUNTS, "", big(COUNTS, odds, 1), sources=[SourceRef("b", "e")], context=context)
    assert isinstance(outcome, Committed)
    assert (outcome.rows, outcome.inserted, outcome.replaced) == (len(evens) + 3, 3, 1)
    there = read_partition(store, COUNTS, "")
    assert there is not None
    assert there.footer.rows == there.table.num_rows == outcome.rows
    expected = merge(big(COUNTS, evens, 0), big(COUNTS, odds, 1), Layout.of(COUNTS)).table
    assert there.table == expected


@pytest.mark.parametrize("incoming", [[7, 5], [2, 4]], ids=["new rows", "rows that are there"])
def test_nothing_follows_from_a_large_object_that_was_altered(incoming: list[int]) -> None:
    store = MemoryPartitions()
    context = CommitContext("c", random=random.Random(1), sleep=lambda _: None)
    evens = np.arange(0, 4 * STREAM_FROM, 2)
    first = commit_rows(store, COUNTS, "", big(COUNTS, evens, 0), sources=[SourceRef("a", "e")], context=context)
    body = bytearray(store.objects[first.key])
    body[len(body) // 2] ^= 1
    store.objects[first.key] = bytes(body)
    before = dict(store.objects)
    with pytest.raises(PipelineBug, match="rebuild"):
        commit_rows(
            store, COUNTS, "", big(COUNTS, np.array(incoming), 0), sources=[SourceRef("b", "e")], context=context
        )
    assert store.objects == before
