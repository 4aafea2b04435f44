"""A partition is read as any reader sees it; one that cannot be trusted has a problem and no rows."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.fakes.partitions import MemoryPartitions
from tests.support.tables import QUOTES, rows_of

from auditor.warehouse.partitions import read_partition, rows_of_window
from auditor.windows import Window
from core.ports import PartitionObject
from core.warehouse.canonical_rows import proof_of
from core.warehouse.pointer import partition_of
from processing.partitions.commit import CommitContext, SourceRef, commit_rows

PATH = "symbol=AAPL/month=2026-11"
NAME = partition_of(QUOTES.name, PATH)


def committed(store: MemoryPartitions, *minutes: int) -> str:
    rows = rows_of(QUOTES, [{"symbol": "AAPL", "minute": datetime(2026, 11, 20, 15, minute)} for minute in minutes])  # noqa: DTZ001
    context = CommitContext("c", random=random.Random(str(minutes)), sleep=lambda _: None)
    return commit_rows(store, QUOTES, PATH, rows, sources=[SourceRef(str(minutes), "e")], context=context).key


@pytest.fixture
def store() -> MemoryPartitions:
    return MemoryPartitions()


def test_a_partition_has_the_tables_columns_those_of_its_path_included(store: MemoryPartitions) -> None:
    key = committed(store, 1, 2)
    held = read_partition(store, QUOTES, PATH)
    assert (held.target, held.problem, held.name, held.hold) == (key, "", NAME, "")
    assert held.rows.column_names == [column.name for column in QUOTES.columns]
    assert held.rows.column("symbol").to_pylist() == ["AAPL", "AAPL"]
    assert not held.rolled_back


@pytest.mark.parametrize("columns", [["minute"], ["symbol"], ["symbol", "price"]])
def test_of_some_columns_the_rows_are_as_many(store: MemoryPartitions, columns: list[str]) -> None:
    committed(store, 1, 2, 3)
    held = read_partition(store, QUOTES, PATH, columns)
    assert (held.rows.num_rows, set(held.rows.column_names)) == (3, set(columns))


def test_a_partition_without_a_pointer_is_empty_and_no_problem(store: MemoryPartitions) -> None:
    held = read_partition(store, QUOTES, PATH)
    assert (held.target, held.problem, held.rows.num_rows, held.footer) == ("", "", 0, None)


def test_a_pointer_to_nothing_is_a_problem(store: MemoryPartitions) -> None:
    key = committed(store, 1)
    del store.objects[key]
    held = read_partition(store, QUOTES, PATH)
    assert (held.target, held.problem, held.rows.num_rows) == (key, f"{key} is missing", 0)


def test_an_object_that_was_altered_or_is_none_is_a_problem(store: MemoryPartitions) -> None:
    key, other = committed(store, 1), committed(store, 2)
    whole = store.objects[other]
    for body in (b"", b"no Parquet", whole[: len(whole) // 2], store.objects[key].replace(b"PAR1", b"PAR2", 1)):
        store.objects[other] = body
        held = read_partition(store, QUOTES, PATH)
        assert held.problem.startswith(other)
        assert held.rows.num_rows == 0


def test_an_object_that_is_replaced_and_removed_while_it_is_looked_for_is_no_problem(store: MemoryPartitions) -> None:
    old = committed(store, 1)

    class Moving(MemoryPartitions):
        def read_object(self, key: str) -> PartitionObject | None:
            if key == old:
                committed(store, 2)
                del store.objects[old]
                return None
            return store.read_object(key)

        read_pointer = store.read_pointer

    held = read_partition(Moving(), QUOTES, PATH)
    assert (held.problem, held.rows.num_rows) == ("", 2)


@given(st.lists(st.integers(0, 7200), max_size=20), st.integers(0, 7200), st.integers(0, 7200))
def test_the_rows_of_windows_that_touch_are_all_rows_once(seconds: list[int], first: int, second: int) -> None:
    times = pa.array([second * 1_000_000 for second in seconds], pa.int64()).cast(pa.timestamp("us"))
    rows = pa.table({"at": times, "n": list(range(len(seconds)))})
    low, high = sorted((first, second))
    parts = [rows_of_window(rows, "at", Window(*pair)) for pair in ((0, low), (low, high), (high, 7201))]
    numbers = [number for part in parts for number in part.column("n").to_pylist()]
    assert sorted(numbers) == list(range(len(seconds)))
    assert all(low <= seconds[number] < high for number in parts[1].column("n").to_pylist())


def test_a_proof_is_the_number_of_rows_and_their_digest(store: MemoryPartitions) -> None:
    committed(store, 1, 2)
    proof: list[Any] = proof_of(read_partition(store, QUOTES, PATH).rows)
    assert (proof[0], len(proof[1])) == (2, 64)
