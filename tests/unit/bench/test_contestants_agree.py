"""The contestants that can be imported wherever the tests run; the bench compares all of them before it measures."""

import gzip
import importlib
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from bench import data
from bench.ours import first_object, merge, replay, transform
from bench.same import DifferentRows, same_rows, typed

PEERS = ("duckdb_", "pandas_")


def newest_by_hand(rows: pa.Table) -> list[dict]:
    newest: dict[tuple[int, int], dict] = {}
    for row in rows.to_pylist():
        key = (row["l_orderkey"], row["l_linenumber"])
        if key not in newest or row[data.VERSION] >= newest[key][data.VERSION]:
            newest[key] = row
    return [newest[key] for key in sorted(newest)]


@pytest.fixture
def lines(items, tmp_path):
    rows = data.as_extracted(items, items.num_rows)
    path = tmp_path / "lines.jsonl.gz"
    data.write_lines(rows, path)
    return rows, path


def test_lines_say_exactly_what_the_rows_hold(lines):
    rows, path = lines

    written = [json.loads(line, parse_float=str) for line in gzip.decompress(path.read_bytes()).splitlines()]

    expected = [
        {name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in row.items()}
        for row in rows.to_pylist()
    ]
    assert [one["l_extendedprice"] for one in written] == [str(one["l_extendedprice"]) for one in expected]
    assert [one["l_shipdate"] for one in written] == [one["l_shipdate"] for one in expected]
    assert [one["l_comment"] for one in written] == [one["l_comment"] for one in expected]


def test_extracted_lines_hold_updates_and_repetitions_in_the_order_of_writing(items):
    rows = data.as_extracted(items, items.num_rows)

    assert rows.num_rows == items.num_rows
    assert rows[data.VERSION].to_pylist() == sorted(rows[data.VERSION].to_pylist())
    assert len({tuple(row.items()) for row in rows.to_pylist()}) < rows.num_rows
    assert rows.group_by(list(data.KEY)).aggregate([]).num_rows < len({tuple(row.items()) for row in rows.to_pylist()})


def test_every_contestant_transforms_lines_to_the_newest_rows_in_key_order(lines, tmp_path):
    rows, path = lines
    results = {"ours": tmp_path / "ours.parquet"}
    results["ours"].write_bytes(transform(path=str(path), threads=1)())
    for peer in PEERS:
        run = importlib.import_module(f"bench.peers.{peer}").transform
        results[peer] = run(path=str(path), out=str(tmp_path / f"{peer}.parquet"), threads=1)()

    same_rows(results)

    assert typed("ours", pq.read_table(results["ours"])).to_pylist() == newest_by_hand(rows)


def test_every_contestant_merges_a_batch_to_the_same_partition(items, tmp_path):
    partition, batch = tmp_path / "partition.parquet", tmp_path / "batch.parquet"
    partition.write_bytes(first_object(items))
    incoming = data.batch_for(items, 100)
    pq.write_table(incoming, batch)
    given = {"partition": str(partition), "batch": str(batch), "threads": 1}
    results = {"ours": tmp_path / "ours.parquet"}
    results["ours"].write_bytes(merge(**given)())
    for peer in PEERS:
        run = importlib.import_module(f"bench.peers.{peer}").merge
        results[peer] = run(**given, out=str(tmp_path / f"{peer}.parquet"))()

    same_rows(results)

    merged = typed("ours", pq.read_table(results["ours"]))
    assert merged.num_rows == items.num_rows + 50
    assert merged.to_pylist() == newest_by_hand(pa.concat_tables([items, incoming]))


@pytest.mark.parametrize("source_known", [False, True])
def test_a_replay_writes_nothing(items, tmp_path, source_known):
    partition, batch = tmp_path / "partition.parquet", tmp_path / "batch.parquet"
    partition.write_bytes(first_object(items))
    pq.write_table(data.batch_for(items, 100), batch)
    given = {"partition": str(partition), "batch": str(batch)}
    partition.write_bytes(merge(**given)())

    replay(**given, source_known=source_known)()


def test_a_replay_that_would_write_is_no_replay(items, tmp_path):
    partition, batch = tmp_path / "partition.parquet", tmp_path / "batch.parquet"
    partition.write_bytes(first_object(items))
    pq.write_table(data.batch_for(items, 100), batch)

    with pytest.raises(AssertionError, match="Committed"):
        replay(partition=str(partition), batch=str(batch))()


def test_other_rows_other_types_and_another_order_are_not_the_same(items, tmp_path):
    right, wrong = tmp_path / "right.parquet", tmp_path / "wrong.parquet"
    pq.write_table(items, right)

    for broken, problem in (
        (items.slice(1), "rows"),
        (items.set_column(4, "l_quantity", items["l_quantity"].cast(pa.float64())), "l_quantity is double"),
        (items.set_column(1, "l_partkey", pa.array([0] * items.num_rows)), "differ in l_partkey"),
    ):
        pq.write_table(broken, wrong)
        with pytest.raises(DifferentRows, match=problem):
            same_rows({"right": right, "wrong": wrong})

    pq.write_table(items.sort_by([("l_orderkey", "descending")]), wrong)
    with pytest.raises(DifferentRows, match="key order"):
        same_rows({"wrong": wrong})
    pq.write_table(pa.concat_tables([items.slice(0, 1), items]), wrong)
    with pytest.raises(DifferentRows, match="twice"):
        same_rows({"wrong": wrong})
