"""Batches of incoming rows: one row per key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.tables import COUNTS, ORDERS, counts, rows_of

from core.errors import MissingColumns
from processing.partitions.batch import MARKED_ROWS, batch_of, dedupe, rows_mark
from processing.partitions.layout import Layout

Row = dict[str, Any]
EPOCH = datetime(2026, 11, 20, 14, 30, tzinfo=UTC).replace(tzinfo=None)


def order(number: int, second: int, **more: Any) -> Row:
    return {"order_id": number, "updated": EPOCH + timedelta(seconds=second), **more}


def test_rows_that_lack_a_promised_column_are_refused() -> None:
    with pytest.raises(MissingColumns, match="amount"):
        dedupe(rows_of(ORDERS, [order(1, 1)]).drop_columns(["amount"]), Layout.of(ORDERS))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), max_size=12))
def test_a_batch_has_the_winning_row_of_each_key_in_key_order(arrivals: list[tuple[int, int]]) -> None:
    layout = Layout.of(COUNTS)
    rows = rows_of(COUNTS, [{"number": number, "total": total} for number, total in arrivals])
    batch = batch_of(rows, layout)
    winners = {number: max(total for same, total in arrivals if same == number) for number, _ in arrivals}
    assert batch.table.to_pylist() == [{"number": number, "total": winners[number]} for number in sorted(winners)]
    assert batch.num_rows == len(winners)
    assert dedupe(rows, layout) == batch.table
    assert batch.slice(1, 2).table == batch.table.slice(1, 2)
    assert batch.select(["total"]).table == batch.table.select(["total"])


def test_a_mark_is_that_of_the_rows_and_only_a_batch_of_some_size_has_one() -> None:
    layout = Layout.of(COUNTS)
    size = MARKED_ROWS.start
    mark = rows_mark(batch_of(counts(range(size)), layout), layout)
    assert mark
    assert rows_mark(batch_of(counts([*reversed(range(size))]), layout), layout) == mark
    assert rows_mark(batch_of(counts(range(size), total=1), layout), layout) != mark
    assert rows_mark(batch_of(counts(range(size - 1)), layout), layout) == ""
