"""Precedence of rows: which version wins, and which is the latest of its history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from tests.support.tables import ORDERS, QUOTES, rows_of

from processing.partitions.layout import Layout
from processing.partitions.merge import merge

Row = dict[str, Any]
EPOCH = datetime(2026, 11, 20, 14, 30, tzinfo=UTC).replace(tzinfo=None)


def test_a_row_that_was_seen_later_outranks_an_earlier_one_with_a_later_time_and_yields_to_what_came_after() -> None:
    layout = Layout.of(ORDERS)

    def an_order(updated: int, checked: int | None = None, **more: Any) -> Row:
        at = None if checked is None else EPOCH + timedelta(hours=checked)
        return {"order_id": 1, "updated": EPOCH + timedelta(hours=updated), "checked_at": at, **more}

    def latest(*rows: Row) -> list[datetime]:
        merged = merge(None, rows_of(ORDERS, rows), layout).table.to_pylist()
        return [row["updated"] for row in merged if row["is_latest"]]

    set_back = [an_order(5), an_order(2, checked=8)]
    assert latest(*set_back) == [EPOCH + timedelta(hours=2)]
    assert latest(*set_back, an_order(9)) == [EPOCH + timedelta(hours=9)]
    gone = [an_order(5), an_order(5, checked=8, deleted_at=EPOCH)]
    assert latest(*gone) == []
    assert latest(*gone, an_order(5, checked=9)) == [EPOCH + timedelta(hours=5)]
    assert latest(*gone, an_order(9)) == [EPOCH + timedelta(hours=9)]


def order(number: int, second: int, **more: Any) -> Row:
    return {"order_id": number, "updated": EPOCH + timedelta(seconds=second), **more}


def latest(table: pa.Table) -> list[tuple[int, int]]:
    return [
        (row["order_id"], int((row["updated"] - EPOCH).total_seconds()))
        for row in table.to_pylist()
        if row["is_latest"]
    ]


def test_a_deleted_newest_version_leaves_no_latest_one() -> None:
    layout = Layout.of(ORDERS)
    current = merge(None, rows_of(ORDERS, [order(1, 0), order(1, 5), order(2, 1)]), layout).table
    assert latest(current) == [(1, 5), (2, 1)]
    current = merge(current, rows_of(ORDERS, [order(1, 5, checked_at=EPOCH, deleted_at=EPOCH)]), layout).table
    assert latest(current) == [(2, 1)]
    current = merge(current, rows_of(ORDERS, [order(1, 9)]), layout).table
    assert latest(current) == [(1, 9), (2, 1)]


def test_an_older_version_that_comes_late_is_kept_and_is_not_latest() -> None:
    layout = Layout.of(ORDERS)
    current = merge(None, rows_of(ORDERS, [order(1, 5)]), layout).table
    merged = merge(current, rows_of(ORDERS, [order(1, 3)]), layout)
    assert (merged.inserted, merged.replaced) == (1, 0)
    assert latest(merged.table) == [(1, 5)]


def test_provenance_outranks_the_time_of_fetching() -> None:
    layout = Layout.of(QUOTES)
    early = {"minute": EPOCH, "price": Decimal(1), "provenance": "repaired", "fetched_at": EPOCH}
    later = {"minute": EPOCH, "price": Decimal(2), "provenance": "observed", "fetched_at": EPOCH + timedelta(hours=1)}
    for rows in ([early, later], [later, early]):
        assert merge(None, rows_of(QUOTES, rows), layout).table.to_pylist() == [early]


def test_a_value_that_no_rank_lists_loses_to_those_that_are_listed() -> None:
    layout = Layout.of(QUOTES)
    known = {"minute": EPOCH, "price": Decimal(1), "provenance": "observed", "fetched_at": EPOCH}
    strange = [{**known, "provenance": name, "price": Decimal(2)} for name in ("zebra", "ape")]
    assert merge(None, rows_of(QUOTES, [*strange, known]), layout).table.to_pylist() == [known]
    assert merge(None, rows_of(QUOTES, strange), layout) == merge(None, rows_of(QUOTES, strange[::-1]), layout)
