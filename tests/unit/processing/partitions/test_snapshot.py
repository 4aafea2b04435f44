"""Snapshots, and columns of objects that are decoded as they are needed."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from tests.fakes.partitions import MemoryPartitions
from tests.support.committing import commit
from tests.support.tables import COUNTS, counts

from core.errors import PipelineBug
from core.warehouse.footer import Footer
from core.warehouse.partition_objects import open_object
from processing.partitions import parquet, snapshot
from processing.partitions.batch import dedupe
from processing.partitions.layout import Layout
from processing.partitions.merge import merge, plan_splice
from processing.partitions.parquet import encode
from processing.partitions.snapshot import Columns, read_snapshot

LAYOUT = Layout.of(COUNTS)


def test_a_replay_of_neighbouring_rows_decodes_their_row_group_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "ROW_GROUP", 100)
    monkeypatch.setattr(snapshot, "READ_AT_ONCE", 0)
    numbers = np.arange(1_000)
    current = merge(None, counts(numbers.tolist(), 7), LAYOUT).table
    opened = open_object("k", encode(current, Footer("t", "t", 1, "merge", 1_000), key=LAYOUT.key))
    for wanted, whole in ((np.arange(405, 470), False), (np.array([98, 99, 100, 101, 999]), False), (numbers, True)):
        columns = Columns(opened, LAYOUT.schema)
        rows = dedupe(current.take(pa.array(wanted)), LAYOUT)
        assert not len(plan_splice(columns.read, rows, LAYOUT).rows)
        assert ("total" in columns.known) == whole
        assert columns.read(["total"], wanted) == current.select(["total"]).take(pa.array(wanted))


def test_a_snapshot_is_the_current_object_and_none_where_nothing_was_committed() -> None:
    store = MemoryPartitions()
    assert read_snapshot(store, LAYOUT.schema, "dim_count") is None
    commit(store, [1], "a")
    commit(store, [2], "b", seed=2)
    current = read_snapshot(store, LAYOUT.schema, "dim_count")
    assert current is not None
    assert (current.version, current.footer.version) == (2, 2)
    assert current.table["number"].to_pylist() == [1, 2]


def test_columns_of_an_altered_object_are_not_proven() -> None:
    body = bytearray(encode(counts(list(range(100))), Footer("t", "t", 1, "merge", 100), key=LAYOUT.key))
    body[60] ^= 1
    with pytest.raises(PipelineBug):
        Columns(open_object("k", bytes(body)), LAYOUT.schema).prove()
