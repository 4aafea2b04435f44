"""Batches of incoming rows: one row per key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.support.tables import ORDERS, rows_of

from core.errors import MissingColumns
from processing.partitions.batch import dedupe
from processing.partitions.layout import Layout

Row = dict[str, Any]
EPOCH = datetime(2026, 11, 20, 14, 30, tzinfo=UTC).replace(tzinfo=None)


def order(number: int, second: int, **more: Any) -> Row:
    return {"order_id": number, "updated": EPOCH + timedelta(seconds=second), **more}


def test_rows_that_lack_a_promised_column_are_refused() -> None:
    with pytest.raises(MissingColumns, match="amount"):
        dedupe(rows_of(ORDERS, [order(1, 1)]).drop_columns(["amount"]), Layout.of(ORDERS))
