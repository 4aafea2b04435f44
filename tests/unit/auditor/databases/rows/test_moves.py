"""Rows that are current in another partition than the source has them in."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from tests.support.lake import shipped_contracts

from auditor.databases.rows.moves import HeldRows, Moves, changed_columns, located, superseded
from auditor.databases.rows.targets import Target, targets_of
from core.contract.model import Partition

CONTRACTS = shipped_contracts()
MONTH = Partition("month", "created_at", "month")


def target(*levels: Partition) -> Target:
    """Of sales orders, with these levels."""
    table = replace(CONTRACTS.table("fact_sales_order"), partition_by=levels)
    contract = replace(CONTRACTS.dataset("sales"), tables=(table,))
    return targets_of(contract)[0]


def held(**partitions: str) -> HeldRows:
    """Rows by number (``n7``), each in its partition."""
    keys = tuple((int(name[1:]),) for name in partitions)
    return HeldRows(keys, ("v",) * len(keys), ("",) * len(keys), tuple(partitions.values()))


def at_source(**created: str) -> pa.Table:
    numbers = pa.array([int(name[1:]) for name in created], pa.int32())
    times = pa.array([datetime.fromisoformat(day) for day in created.values()], pa.timestamp("us"))
    return pa.table({"sales_order_id": numbers, "created_at": times})


KEYS = pa.schema([("sales_order_id", pa.int32())])
ROW = st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 2), st.integers(0, 2))
ROWS = st.lists(ROW, max_size=12)


@given(ROWS)
def test_of_each_key_the_best_row_is_right_and_all_others_are_superseded_by_it(
    rows: list[tuple[int, bool, int, int]],
) -> None:
    keys, right, seen, versions = (
        (np.array(column) for column in zip(*rows, strict=True)) if rows else [np.zeros(0)] * 4
    )
    lost, best = superseded(keys, right.astype(bool), seen, versions)
    by_key = {key: max(row[1:] for row in rows if row[0] == key) for key, *_ in rows}
    assert {rows[place][0]: rows[place][1:] for place in best.tolist()}.items() <= by_key.items()
    assert [rows[place][0] for place in lost.tolist()] == [rows[place][0] for place in best.tolist()]
    kept = sorted({*range(len(rows))} - {*lost.tolist()})
    assert sorted(rows[place][0] for place in kept) == sorted(by_key)


def test_a_row_that_the_source_has_elsewhere_has_moved_and_one_that_it_has_nowhere_is_deleted() -> None:
    gone = held(n1="month=2026-09", n2="month=2026-09", n3="month=2026-09", n4="month=2026-09")
    rows = at_source(n2="2026-10-05", n3="2026-09-30", n4="2020-01-01")
    lost, moves = located(target(MONTH), gone, rows, KEYS)
    assert lost == gone.at([0])
    assert moves == Moves(gone.at([1, 3]), ("month=2026-10", ""))  # before its first partition, a row has none
    assert changed_columns(target(MONTH), moves) == ("created_at",)


def test_a_level_that_is_not_taken_from_the_source_as_it_is_stays_unknown() -> None:
    day = Partition("delivery", "agreed_delivery_date", "day")
    of_two = target(MONTH, day)
    assert dict(of_two.placed) == {"created_at": "created_at"}
    gone = held(n1="month=2026-09/delivery=2026-11-21", n2="month=2026-09/delivery=2026-11-21")
    lost, moves = located(of_two, gone, at_source(n1="2026-10-05", n2="2026-09-01"), KEYS)
    assert lost == HeldRows()
    assert moves == Moves(gone.at([0]), ("month=2026-10",))
    assert changed_columns(of_two, moves) == ("created_at",)
