"""Histories that lie in several partitions are moved among the rows at hand, and told by name."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.lake import MemoryLake, order, shipped_contracts
from tests.support.tables import COUNTS, column, fact, rows_of

from core.contract.model import Latest, Partition
from core.warehouse.moved_histories import moved_histories

VISITS = fact(
    "fact_visit",
    ["visitor", "changed"],
    [
        column("visitor", "string"),
        column("changed", "timestamp"),
        column("since", "timestamp", immutable=True),
        column("is_latest", "boolean", rule=Latest()),
    ],
    version=("changed",),
    history_of=("visitor",),
    partition_by=(Partition("month", "since", "month"),),
)


def visits(visitors: list[str]) -> pa.Table:
    at = datetime(2026, 11, 20)  # noqa: DTZ001
    return rows_of(VISITS, [{"visitor": visitor, "changed": at, "since": at} for visitor in visitors])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["1", "2", "3"])), max_size=12))
def test_they_are_those_that_a_dictionary_finds(rows: list[tuple[str, str]]) -> None:
    paths: dict[str, set[str]] = {}
    for visitor, path in rows:
        paths.setdefault(visitor, set()).add(path)
    expected = sorted(visitor for visitor, places in paths.items() if len(places) > 1)
    moved = moved_histories((VISITS, path, visits([visitor])) for visitor, path in rows)
    assert [key for moved in moved for key in moved.keys] == expected
    assert [(moved.count, moved.columns) for moved in moved] == ([(len(expected), ("since",))] if expected else [])


def test_a_history_whose_rows_of_a_partition_are_marked_as_deleted_has_left_it() -> None:
    table = replace(VISITS, columns=(*VISITS.columns, column("deleted_at", "timestamp")))
    at = datetime(2026, 11, 20)  # noqa: DTZ001
    rows = [{"visitor": visitor, "changed": at, "since": at, "deleted_at": None} for visitor in "ab"]
    left = [{**rows[0], "deleted_at": at}, rows[1]]
    [moved] = moved_histories([(table, "1", rows_of(table, left)), (table, "2", rows_of(table, rows))])
    assert moved.keys == ("b",)


def test_a_table_without_histories_has_none() -> None:
    rows = rows_of(COUNTS, [{"number": 1, "total": 1}])
    assert moved_histories([(COUNTS, "a", rows), (COUNTS, "b", rows)]) == []


def test_an_immutable_column_that_changes_is_told_with_table_column_and_key() -> None:
    lake = MemoryLake(shipped_contracts())
    keys = [
        lake.put_table("sales", "sales_order", 1, [order(7, created_at="2026-10-01T00:00:00"), order(8)]),
        lake.put_table("sales", "sales_order", 2, [order(7, "2026-11-20T12:00:00.000")]),
    ]
    assert lake.process(*keys) == {}
    [line] = lake.log.about("immutable column")
    assert (line["table"], line["columns"]) == ("fact_sales_order", ["created_at"])
    assert (line["keys"], line["histories"]) == (["7"], 1)
