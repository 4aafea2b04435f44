"""Scans of objects that were written by earlier contracts, and of a reader that stops."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from core.errors import LostCommit, PipelineBug
from starmend_reader import scan
from starmend_reader.storage import Storage
from starmend_reader.where.conditions import conditions_of

SCHEMA = pa.schema([("id", pa.int64()), ("price", pa.decimal128(14, 3)), ("note", pa.string()), ("month", pa.string())])
SHOWN = {name: pc.field(name) for name in SCHEMA.names}


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    (tmp_path / "bucket").mkdir()
    return Storage(SubTreeFileSystem(str(tmp_path), LocalFileSystem()), "bucket")


def put(storage: Storage, key: str, rows: pa.Table, **more: int) -> None:
    with storage.filesystem.open_output_stream(storage.path(key)) as sink:
        pq.write_table(rows, sink, store_schema=False, **more)


def test_a_column_that_is_new_is_null_and_a_narrower_type_is_widened(storage: Storage) -> None:
    put(
        storage,
        "old",
        pa.table({"id": pa.array([1], pa.int32()), "price": pa.array([Decimal("1.25")], pa.decimal128(5, 2))}),
    )
    new = pa.table(
        [[2], [Decimal("2.125")], ["x"]], schema=pa.schema([SCHEMA.field(name) for name in SCHEMA.names[:3]])
    )
    put(storage, "new", new)
    objects = [("old", {"month": "2026-10"}), ("new", {"month": "2026-11"})]
    rows = pa.Table.from_batches(scan.parquet_batches(storage, objects, SCHEMA, SHOWN, None), SCHEMA)
    assert rows.to_pylist() == [
        {"id": 1, "price": Decimal("1.250"), "note": None, "month": "2026-10"},
        {"id": 2, "price": Decimal("2.125"), "note": "x", "month": "2026-11"},
    ]
    found = scan.parquet_batches(storage, objects, SCHEMA, SHOWN, pc.field("note").is_null())
    assert [batch.num_rows for batch in found] == [1]


def test_no_more_is_read_ahead_than_is_allowed_however_slow_the_reader_is() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            yield number

    with ThreadPoolExecutor(2) as pool:
        results = scan._ahead(pool, str, items(), 4)
        assert (next(results), taken) == ("0", [0, 1, 2, 3])
        assert (next(results), taken) == ("1", [0, 1, 2, 3, 4])
        results.close()
    assert len(taken) == 5


def test_a_reader_may_stop(storage: Storage) -> None:
    put(storage, "many", pa.table({"id": list(range(1_000))}), row_group_size=10)
    schema = pa.schema([("id", pa.int64())])
    batches = scan.parquet_batches(storage, [("many", {})], schema, {"id": pc.field("id")}, None)
    assert next(batches)["id"].to_pylist() == list(range(10))
    batches.close()
    assert list(batches) == []


def test_row_groups_that_hold_none_of_the_rows_are_not_read(storage: Storage) -> None:
    put(storage, "many", pa.table({"id": list(range(1_000))}), row_group_size=10)
    schema = pa.schema([("id", pa.int64())])
    asked = scan.parquet_batches(storage, [("many", {})], schema, {"id": pc.field("id")}, pc.field("id") == 995)
    assert [batch["id"].to_pylist() for batch in asked] == [[995]]


@pytest.mark.parametrize("where", [("size", "!=", 5.0), ("size", "not in", [5.0, 7.0])])
def test_statistics_hide_no_value_that_they_do_not_know(storage: Storage, where: tuple[str, str, object]) -> None:
    put(storage, "nan", pa.table({"size": [5.0, math.nan, 5.0, 5.0, 6.0, 5.0]}), row_group_size=2)
    size = pc.field("size")
    schema = pa.schema([("size", pa.float64())])
    (condition,) = conditions_of([where], schema, place="f")
    assert condition.is_beyond_statistics(pa.float64())
    held = condition.of(size, pa.float64())
    found = scan.parquet_batches(storage, [("nan", {})], schema, {"size": size}, size > -1e300, held)
    assert [batch["size"].to_pylist() for batch in found] == [[6.0]]
    found = scan.parquet_batches(storage, [("nan", {})], schema, {"size": size}, None, held)
    assert str([value for batch in found for value in batch["size"].to_pylist()]) == "[nan, 6.0]"


def test_a_line_may_be_long(storage: Storage) -> None:
    schema = pa.schema([("note", pa.string())])
    with storage.filesystem.open_output_stream(storage.path("lines")) as sink:
        sink.write(b"".join(b'{"note": "%s"}\n' % (b"x" * size) for size in (1, 3_000_000, 1)))
    rows = scan.line_batches(storage, [("lines", {})], schema, {"note": pc.field("note")}, None)
    assert [len(note) for batch in rows for note in batch["note"].to_pylist()] == [1, 3_000_000, 1]


def test_an_object_that_is_gone_or_broken_is_named(storage: Storage) -> None:
    with pytest.raises(LostCommit, match="s3://bucket/gone"):
        list(scan.parquet_batches(storage, [("gone", {})], SCHEMA, SHOWN, None))
    with storage.filesystem.open_output_stream(storage.path("broken")) as sink:
        sink.write(b"no Parquet")
    with pytest.raises(PipelineBug, match="s3://bucket/broken"):
        list(scan.parquet_batches(storage, [("broken", {})], SCHEMA, SHOWN, None))
