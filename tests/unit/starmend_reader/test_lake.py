"""Rows of a lake through the reader, against DuckDB and Polars over the same objects, and against what was there."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.known_lake import NOON, OPENED, known_lake
from tests.support.lake import MemoryLake, department, order, shipped_contracts, staff, without_history
from tests.support.lake_folder import CODE, lake_in, write_file, write_lake

from core.contract.model import Contracts, Partition, Table
from core.contract.types import parse_type
from core.errors import LostCommit, Misuse, NotDeployed, PipelineBug, UnknownTable
from core.evolution.deployments import record_deployment
from core.rendering.views import catalog_views
from starmend_reader import Lake, NotKept, NotProven, connect

Row = tuple[Any, ...]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with known_lake(tmp_path_factory.mktemp("known")) as folder:
        yield folder


@pytest.fixture(scope="module")
def lake(folder: Path) -> Lake:
    return lake_in(folder)


def in_order(table: pa.Table) -> list[Row]:
    return sorted(zip(*(column.to_pylist() for column in table.columns), strict=True), key=repr)


def files(folder: Path, lake: Lake, name: str) -> list[str]:
    """The objects that the pointers of a table name, found without the reader."""
    table = lake.contracts.table(name)
    root = folder / lake.warehouse.bucket
    pointers = sorted((root / "warehouse" / table.folder).rglob("symlink.txt"))
    return [str(root / pointer.read_text().strip().split("/", 3)[3]) for pointer in pointers]


def test_others_that_read_the_same_objects_have_the_same_rows(folder: Path, lake: Lake) -> None:
    for name, relation in lake.relations.items():
        if relation.kind in ("view", "record") or not (paths := files(folder, lake, name)):
            continue
        names = relation.columns.names
        listed, listing = ", ".join(names), "hive_partitioning=true, hive_types_autocast=false"
        by_duckdb = duckdb.sql(f"select {listed} from read_parquet({paths}, {listing})").to_arrow_table()
        rows = lake.read(name)
        assert in_order(rows.arrow()) == in_order(by_duckdb.cast(relation.columns)), name
        stored = [column for column in names if column not in relation.keys]
        by_polars = pl.concat([pl.read_parquet(path) for path in paths]).select(stored).to_arrow()
        assert in_order(rows.arrow().select(stored)) == in_order(by_polars.cast(rows.arrow().select(stored).schema)), (
            name
        )
        assert rows.polars().to_arrow().cast(rows.schema).equals(rows.arrow().combine_chunks())


def test_every_view_has_the_rows_of_its_own_sql(lake: Lake) -> None:
    for name, view in catalog_views(lake.contracts).items():
        table = lake.relations[name].table
        assert table is not None
        connection = duckdb.connect()
        lake.read(table.name).duckdb(connection)
        by_sql = connection.sql(view["sql"]).to_arrow_table()
        rows = lake.read(name).arrow()
        assert rows.column_names == by_sql.column_names
        assert in_order(rows) == in_order(by_sql.cast(rows.schema)), name
        assert rows.num_rows or name not in ("fact_sales_order_now", "fact_quote_hourly_complete")


def test_the_view_of_a_fact_without_versions_has_no_row_that_the_source_deleted(tmp_path: Path) -> None:
    contracts = without_history(shipped_contracts(), "fact_sales_order")
    memory = MemoryLake(contracts)
    memory.process(memory.put_table("sales", "sales_order", 1, [order(1), order(2), order(3)]))
    gone = json.dumps(order(2, deleted_at=NOON, checked_at=NOON)).encode() + b"\n"
    memory.process(memory.put("repair/sales/sales_order/gone.jsonl.gz", [gone]))
    write_lake(memory, tmp_path)
    lake = lake_in(tmp_path)
    assert lake.read("fact_sales_order").arrow().num_rows == 3
    rows = lake.read("fact_sales_order_now", columns=["sales_order_id"], where={"month": "2026-11"})
    assert rows.arrow().column(0).to_pylist() == [1, 3]
    connection = duckdb.connect()
    lake.read("fact_sales_order").duckdb(connection)
    sql = catalog_views(contracts)["fact_sales_order_now"]["sql"]
    by_sql = connection.sql(sql).to_arrow_table()
    assert in_order(lake.read("fact_sales_order_now").arrow()) == in_order(
        by_sql.cast(lake.read("fact_sales_order_now").schema)
    )


def test_an_unknown_parent_is_shown_as_the_views_sql_shows_it(tmp_path: Path) -> None:
    contracts = with_unknown_staff(shipped_contracts())
    memory = MemoryLake(contracts)
    orders = [order(1), order(2, staff_id=77), order(3, staff_id=None)]
    memory.process(
        memory.put_table("sales", "department", 1, [department(1, "Sales")]),
        memory.put_table("sales", "staff", 1, [staff(1, 1)]),
        memory.put_table("sales", "sales_order", 1, orders),
    )
    write_lake(memory, tmp_path)
    lake = lake_in(tmp_path)
    rows = lake.read("fact_sales_order_now", columns=["sales_order_id", "sales_staff_id"])
    assert in_order(rows.arrow())[:2] == [(1, 1), (2, -1)]
    asked = lake.read("fact_sales_order_now", where={"sales_staff_id": -1}, columns=["sales_order_id"]).arrow()
    connection = duckdb.connect()
    for name in ("fact_sales_order", "dim_staff"):
        lake.read(name).duckdb(connection)
    sql = catalog_views(contracts)["fact_sales_order_now"]["sql"]
    by_sql = connection.sql(f"select sales_order_id from ({sql}) where sales_staff_id = -1").to_arrow_table()
    assert in_order(asked) == in_order(by_sql)
    assert asked.num_rows >= 1


def test_an_unknown_parent_is_found_in_whatever_partition_its_value_has(tmp_path: Path) -> None:
    bucket = Partition("staff_bucket", "sales_staff_id", "bucket", buckets=16)
    contracts = with_unknown_staff(shipped_contracts(), bucket)
    memory = MemoryLake(contracts)
    memory.process(
        memory.put_table("sales", "department", 1, [department(1, "Sales")]),
        memory.put_table("sales", "staff", 1, [staff(1, 1)]),
        memory.put_table("sales", "sales_order", 1, [order(1), *(order(id, staff_id=75 + id) for id in range(2, 7))]),
    )
    write_lake(memory, tmp_path)
    lake = lake_in(tmp_path)
    for where in ({"sales_staff_id": -1}, [("sales_staff_id", "<", 0)], [("sales_staff_id", "in", [-1])]):
        asked = lake.read("fact_sales_order_now", where=where, columns=["sales_order_id"]).arrow()
        assert sorted(asked["sales_order_id"].to_pylist()) == [2, 3, 4, 5, 6]
    assert len(lake.read("fact_sales_order", where={"sales_staff_id": 77}).objects) == 1


def test_a_double_that_is_no_number_differs_from_each(folder: Path, lake: Lake) -> None:
    lake = dataclasses.replace(lake, contracts=with_tables(lake.contracts, with_double_price))
    path = folder / lake.warehouse.path(lake.read("fact_quote", where={"symbol": "AMD"}).objects[0])
    body, stat = path.read_bytes(), path.stat()
    rows = pq.read_table(path)
    prices = pa.array([math.nan, *([5.0] * (rows.num_rows - 1))])
    try:
        pq.write_table(rows.set_column(rows.column_names.index("price"), "price", prices), path)
        different = lake.read("fact_quote", where=[("symbol", "=", "AMD"), ("price", "!=", 5)], columns=["price"])
        assert str(different.arrow()["price"].to_pylist()) == "[nan]"
    finally:
        path.write_bytes(body)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def with_double_price(table: Table) -> Table:
    columns = (
        dataclasses.replace(each, type=parse_type("double")) if each.name == "price" else each for each in table.columns
    )
    return dataclasses.replace(table, columns=tuple(columns))


def with_unknown_staff(contracts: Contracts, *parts: Partition) -> Contracts:
    def changed(table: Table) -> Table:
        columns = tuple(
            dataclasses.replace(each, missing="unknown") if each.name == "sales_staff_id" else each
            for each in table.columns
        )
        added = parts if table.name == "fact_sales_order" else ()
        return dataclasses.replace(table, columns=columns, partition_by=(*table.partition_by, *added))

    return with_tables(contracts, changed)


def with_tables(contracts: Contracts, changed: Callable[[Table], Table]) -> Contracts:
    return dataclasses.replace(
        contracts,
        contracts=tuple(dataclasses.replace(each, tables=tuple(map(changed, each.tables))) for each in contracts),
    )


MINUTES = st.integers(-5, 130).map(lambda number: OPENED.replace(tzinfo=None) + dt.timedelta(minutes=number))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "minute": MINUTES,
    "symbol": st.sampled_from(["AAPL", "AMD", "ZM", "zz"]),
    "provenance": st.sampled_from(["observed", "repaired", "late"]),
    "trade_date": st.dates(dt.date(2026, 11, 19), dt.date(2026, 11, 21)),
    "price": st.decimals(375, 820, places=4),
    "month": st.sampled_from(["2026-10", "2026-11"]),
    "provider_time": st.none(),
}


@st.composite
def condition(draw: st.DrawFn) -> tuple[str, str, Any]:
    name = draw(st.sampled_from(sorted(VALUES)))
    if name == "provider_time":
        return name, draw(st.sampled_from(["=", "!="])), None
    operator = draw(st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "in", "not in"]))
    several = st.lists(VALUES[name], min_size=1, max_size=2)
    return name, operator, draw(several if operator.endswith("in") else VALUES[name])


def as_sql(each: tuple[str, str, Any]) -> str:
    name, operator, value = each
    if value is None:
        return f"{name} is {'not ' if operator == '!=' else ''}null"
    if isinstance(value, list):
        return f"{name} {operator} ({', '.join(map(literal, value))})"
    return f"{name} {operator} {literal(value)}"


def literal(value: Any) -> str:
    if isinstance(value, dt.datetime):
        return f"timestamp '{value}'"
    if isinstance(value, dt.date):
        return f"date '{value}'"
    return f"'{value}'" if isinstance(value, str) else str(value)


@settings(max_examples=40)
@given(where=st.lists(condition(), min_size=1, max_size=3))
def test_conditions_leave_the_rows_that_sql_leaves(folder: Path, lake: Lake, where: list[tuple[str, str, Any]]) -> None:
    paths = files(folder, lake, "fact_quote")
    condition = " and ".join(map(as_sql, where))
    listing = "hive_partitioning=true, hive_types_autocast=false"
    sql = f"select symbol, minute, price from read_parquet({paths}, {listing}) where {condition}"
    rows = lake.read("fact_quote", where=where, columns=["symbol", "minute", "price"])
    assert in_order(rows.arrow()) == in_order(duckdb.sql(sql).to_arrow_table()), condition


@pytest.mark.parametrize(
    "where",
    [
        ("deleted_at", "!=", dt.datetime(2026, 1, 1)),  # noqa: DTZ001
        ("deleted_at", "not in", [dt.datetime(2026, 1, 1)]),  # noqa: DTZ001
        ("deleted_at", "in", [dt.datetime(2026, 11, 20, 12)]),  # noqa: DTZ001
        ("deleted_at", ">=", dt.datetime(2026, 1, 1)),  # noqa: DTZ001
        ("deleted_at", "=", None),
        ("deleted_at", "!=", None),
    ],
)
def test_a_null_satisfies_nothing_but_what_asks_for_it(folder: Path, lake: Lake, where: tuple[str, str, Any]) -> None:
    paths = files(folder, lake, "fact_sales_order")
    by_sql = duckdb.sql(f"select sales_order_id, last_updated from read_parquet({paths}) where {as_sql(where)}")
    rows = lake.read("fact_sales_order", where=[where], columns=["sales_order_id", "last_updated"])
    assert in_order(rows.arrow()) == in_order(by_sql.to_arrow_table())


def test_only_what_can_hold_the_rows_is_read(lake: Lake) -> None:
    assert len(lake.read("fact_quote").objects) == 3
    assert len(lake.read("fact_quote", where={"symbol": "AMD"}).objects) == 1
    assert lake.read("fact_sales_order", where=[("created_at", "<", "2026-11-01")]).objects == tuple(
        key for key in lake.read("fact_sales_order").objects if "month=2026-10" in key
    )
    assert lake.read("fact_quote", where=[("minute", ">=", "2027-01-01")]).arrow().num_rows == 0


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"name": "fact_quot"}, UnknownTable, "There are completeness, dim_"),
        ({"name": "raw_quotes"}, UnknownTable, "is no table or view"),
        ({"name": "fact_quote", "columns": ["prise"]}, Misuse, "has no column prise"),
        ({"name": "fact_quote", "columns": "price"}, Misuse, "Give a list"),
        ({"name": "fact_quote", "columns": ["price", "price"]}, Misuse, "one twice"),
        ({"name": "fact_quote", "columns": [5]}, Misuse, "has no column 5"),
        ({"name": "fact_quote", "where": {"prise": 1}}, Misuse, "has no column 'prise'"),
        ({"name": "fact_quote", "where": [("price", "~", 1)]}, Misuse, "is no operator"),
        ({"name": "fact_quote", "where": [("price", "<", None)]}, Misuse, "nothing is < null"),
        ({"name": "fact_quote", "where": {"price": "cheap"}}, Misuse, "'cheap' is no decimal128"),
        ({"name": "fact_quote", "where": [("minute", ">", "noon")]}, Misuse, "'noon' is no timestamp"),
        ({"name": "fact_quote", "where": "price > 1"}, Misuse, "is no list of"),
        ({"name": "fact_quote", "as_of": "yesterday"}, Misuse, "neither a time nor a certificate"),
        ({"name": "fact_quote", "as_of": 5}, Misuse, "neither a time nor a certificate"),
        ({"name": "fact_quote", "as_of": pd.NaT}, Misuse, "neither a time nor a certificate"),
        ({"name": "fact_quote", "as_of": dt.date(2026, 11, 22)}, Misuse, "lies in the future"),
        ({"name": "fact_quote", "as_of": "2026-11-22"}, Misuse, "lies in the future"),
        ({"name": "fact_quote", "as_of": "quotes/99"}, Misuse, "there is none"),
        ({"name": "fact_quote", "as_of": "quote/1"}, Misuse, "is of no dataset here"),
        ({"name": "completeness", "as_of": "quotes/1"}, NotKept, "keeps no past"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(lake: Lake, asked: dict[str, Any], error: type, said: str) -> None:
    with pytest.raises(error, match=said):
        lake.read(**asked)


def test_no_lake_and_a_lake_of_another_release_are_told_apart(folder: Path, lake: Lake, tmp_path: Path) -> None:
    with pytest.raises(NotDeployed, match="Name the code bucket"):
        connect("elsewhere", filesystem=lake.warehouse.filesystem)
    description = json.loads((folder / CODE / "deployment.json").read_text())
    contracts = json.loads((folder / CODE / description["contracts_key"]).read_text())
    contracts["format"] = 2
    (other := folder / "other-code").mkdir()
    (other / "contracts.json").write_text(json.dumps(contracts))
    (other / "deployment.json").write_text(json.dumps(description | {"contracts_key": "contracts.json"}))
    with pytest.raises(PipelineBug, match="Install the reader of the release"):
        connect("other-code", filesystem=lake.warehouse.filesystem)


def test_a_row_that_athena_does_not_see_is_none(folder: Path, lake: Lake) -> None:
    rows = lake.read("completeness")
    path = folder / lake.warehouse.path(rows.objects[0])
    earlier = path.with_name(f"_{path.name}")  # as earlier releases named the row of a current state
    write_file(earlier, path.read_bytes().replace(b'"certified"', b'"alarmed"'))
    try:
        assert in_order(lake.read("completeness").arrow()) == in_order(rows.arrow())
    finally:
        earlier.unlink()


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "{}"])
def test_a_description_that_is_none_is_refused_by_name(lake: Lake, folder: Path, text: str) -> None:
    write_file(folder / "none-code/deployment.json", text.encode())
    with pytest.raises(PipelineBug, match="is of another release"):
        connect("none-code", filesystem=lake.warehouse.filesystem)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"bucket": "x", "aws_environment": 5}'])
def test_a_stack_that_does_not_say_where_it_is_is_none(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STARMEND_LAKE", raising=False)
    write_file(tmp_path / "build/local/stack.json", text.encode())
    with pytest.raises(NotDeployed, match="does not say where the stack is"):
        connect()


@pytest.mark.parametrize("symbol", ["a//b", "/", "a\0b", "..", "ü", "x" * 200, "AMD/month=2026-11", ""])
def test_a_value_that_no_path_can_have_has_no_rows(lake: Lake, symbol: str) -> None:
    assert lake.read("fact_quote", where={"symbol": symbol}).arrow().num_rows == 0
    assert lake.read("fact_quote", where={"symbol": [symbol, "AMD"]}).objects


# ---------------------------------------------------------------- as it was


def test_every_state_that_a_lake_was_in_is_read_again(tmp_path: Path) -> None:
    draw = random.Random(5)
    memory = MemoryLake(shipped_contracts())
    memory.partitions.clock.step = dt.timedelta(seconds=7)  # type: ignore[attr-defined]
    states: list[tuple[dt.datetime, dict[str, list[Row]]]] = []
    tables = ("fact_sales_order", "dim_staff")
    for number in range(1, 9):
        created = f"2026-{draw.choice(['10', '11'])}-20T10:00:00"
        lines = [
            order(draw.randint(1, 6), f"2026-11-20T1{number}:00:00", created_at=created, units_sold=number)
            for _ in range(3)
        ]
        memory.process(
            memory.put_table("sales", "sales_order", number, lines),
            memory.put_table(
                "sales", "department", number, [department(1, f"Sales {number}", f"2026-11-20T1{number}")]
            ),
            memory.put_table("sales", "staff", number, [staff(draw.randint(1, 3), 1, f"2026-11-20T1{number}")]),
        )
        memory.partitions.clock.now += dt.timedelta(minutes=draw.choice([1, 90, 600]))  # type: ignore[attr-defined]
        at = memory.partitions.clock.now - dt.timedelta(seconds=30)  # type: ignore[attr-defined]
        states.append((at, {name: in_order(without_keys(memory.table(name))) for name in tables}))
    write_lake(memory, tmp_path)
    lake = dataclasses.replace(lake_in(tmp_path), clock=lambda: states[-1][0] + dt.timedelta(days=30))
    for at, state in states:
        for name in tables:
            names = without_keys(memory.table(name)).column_names
            assert in_order(lake.read(name, columns=names, as_of=at).arrow()) == state[name], (name, at)
    before = lake.read("fact_sales_order", as_of="2026-11-20T14:30:00Z")
    assert (before.objects, before.arrow().num_rows) == ((), 0)


def without_keys(table: pa.Table) -> pa.Table:
    return table.select([name for name in table.column_names if not name.startswith("starmend_")])


def test_certified_rows_are_proven_and_altered_ones_refused(folder: Path, lake: Lake) -> None:
    rows = lake.read("fact_quote", where=[("minute", ">=", OPENED), ("minute", "<", OPENED + dt.timedelta(hours=1))])
    certified = lake.read(
        "fact_quote",
        where=[("minute", ">=", OPENED), ("minute", "<", OPENED + dt.timedelta(hours=1))],
        as_of="quotes/2",
    )
    assert in_order(certified.arrow()) == in_order(rows.arrow())
    key = folder / lake.warehouse.bucket / "warehouse/_certificates/quotes/000000000002.json"
    text = key.read_text()
    partition = json.loads(text)["partitions"]["fact_quote/symbol=AMD/month=2026-11"]
    try:
        key.write_text(text.replace(partition[1], "0" * 64))
        with pytest.raises(NotProven, match="holds the 60 rows of quotes/2"):
            lake.read("fact_quote", as_of="quotes/2")
        assert lake.read("fact_quote", where={"symbol": "ZM"}, as_of="quotes/2").arrow().num_rows > 0
    finally:
        key.write_text(text)


def test_certified_rows_are_found_in_what_the_audit_committed_after_its_repairs(folder: Path, lake: Lake) -> None:
    where = {"symbol": "AMD"}
    (current,) = lake.read("fact_quote", where=where).objects
    path = folder / lake.warehouse.path(current)
    stat = path.stat()
    (aside := folder / "aside").mkdir()
    earlier = [each for each in path.parent.iterdir() if each != path]
    try:
        os.utime(path, (stat.st_atime, stat.st_mtime + 300))  # the audit began at the time of its certificate
        for each in earlier:
            each.rename(aside / each.name)
        assert lake.read("fact_quote", where=where, as_of="quotes/2").objects == (current,)
        os.utime(path, (stat.st_atime, stat.st_mtime + 7200))
        with pytest.raises(NotKept, match="is removed"):
            lake.read("fact_quote", where=where, as_of="quotes/2")
    finally:
        for each in earlier:
            (aside / each.name).rename(each)
        os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_a_list_is_null_or_not_and_nothing_else(lake: Lake) -> None:
    nested = [each.name for each in lake.relations["processing_log"].columns if pa.types.is_nested(each.type)]
    rows = lake.read("processing_log").arrow()
    for each in nested:
        for operator in ("=", "!="):
            asked = lake.read("processing_log", where=[(each, operator, None)]).arrow()
            nulls = rows[each].null_count
            assert asked.num_rows == (nulls if operator == "=" else rows.num_rows - nulls)
        with pytest.raises(Misuse, match="null alone is known"):
            lake.read("processing_log", where=[(each, "in", [[]])])


def test_a_state_of_which_an_object_is_removed_is_refused_whole(folder: Path, lake: Lake) -> None:
    past = lake.read("fact_sales_order", as_of="quotes/1")
    now = set(lake.read("fact_sales_order").objects)
    (replaced,) = [key for key in past.objects if key not in now]
    path = folder / lake.warehouse.path(replaced)
    hidden = path.rename(path.with_suffix(".gone"))
    try:
        with pytest.raises(NotKept, match="is removed"):
            lake.read("fact_sales_order", as_of="quotes/1")
        for use in (past.arrow, past.pandas, past.polars):
            with pytest.raises(LostCommit, match="is removed by now"):
                use()
        with pytest.raises(duckdb.Error, match="is removed by now"):
            past.duckdb().fetchall()
        assert lake.read("fact_sales_order", where={"month": "2026-10"}, as_of="quotes/1").arrow().num_rows == 2
    finally:
        hidden.rename(path)


def test_a_lost_pointer_is_no_partition_without_rows(folder: Path, lake: Lake) -> None:
    pointer = folder / lake.warehouse.path("warehouse/fact_quote/symbol=ZM/month=2026-11/symlink.txt")
    text = pointer.read_text()
    try:
        pointer.unlink()
        with pytest.raises(LostCommit, match="its pointer is gone"):
            lake.read("fact_quote", as_of="quotes/1")
        pointer.write_text(text.replace("symbol=ZM", "symbol=AMD"))
        with pytest.raises(LostCommit, match="points to no object"):
            lake.read("fact_quote")
    finally:
        pointer.write_text(text)


def test_a_month_that_no_path_can_have_is_refused_and_not_taken_for_one_without_rows(lake: Lake) -> None:
    """``2026-6`` gave no row, and a sum of nothing; as a text it is greater than any month of 2026."""
    for value in ("2026-6", "2026-13", "2026", "06-2026", "2026-06-01"):
        with pytest.raises(Misuse, match=r"is no month.*Write it as in 2026-06"):
            lake.read("fact_sales_order", where={"month": value})
    with pytest.raises(Misuse, match="'2026-6' is no month"):
        lake.read("fact_quote", where=[("month", ">=", "2026-6")])
    assert lake.read("fact_sales_order", where=[("month", ">=", "2026")]).arrow().num_rows > 0
    assert lake.read("fact_sales_order", where=[("month", "in", ["2026-10", "2031-01"])]).arrow().num_rows > 0


@pytest.mark.parametrize(
    ("name", "path", "why"),
    [
        ("fact_sales_order", "month=2026-11", "for there are objects up to version"),
        ("fact_sales_order_now", "month=2026-11", "for there are objects up to version"),
        ("fact_quote", "symbol=ZM/month=2026-11", "objects up to version"),
        ("fact_quote_hourly_complete", "symbol=ZM/month=2026-11", "its pointer is gone"),
        ("dim_currency", "", "its pointer is gone"),
    ],
)
def test_no_sum_lacks_a_partition_whose_pointer_is_gone(
    folder: Path, lake: Lake, name: str, path: str, why: str
) -> None:
    """It was read as if nothing had ever been there: every sum was short by it, and certified."""
    table = lake.relations[name].table
    assert table
    pointer = folder / lake.warehouse.path(f"warehouse/{table.folder}/{path}/symlink.txt")
    text = pointer.read_text()
    pointer.unlink()
    try:
        with pytest.raises(LostCommit, match=why):
            lake.read(name)
        if path:
            with pytest.raises(LostCommit, match=why):
                lake.read(name, where={"month": path[-7:]})
            assert lake.read(name, where={"month": "2026-10"}).arrow().num_rows >= 0, "no other month needs it"
    finally:
        pointer.write_text(text)
    assert lake.read(name).arrow().num_rows > 0


def test_a_first_commit_without_a_pointer_is_lost_where_a_certificate_has_its_rows_and_else_under_way(
    tmp_path: Path,
) -> None:
    with known_lake(tmp_path) as folder:
        lake = lake_in(folder)
        data = folder / lake.warehouse.path("warehouse/_data/fact_quote/symbol=AAPL/month=2026-11")
        first, *later = sorted(data.iterdir())
        for each in later:
            each.unlink()
        (folder / lake.warehouse.path("warehouse/fact_quote/symbol=AAPL/month=2026-11/symlink.txt")).unlink()
        with pytest.raises(LostCommit, match="its pointer is gone, and a first commit was made"):
            lake.read("fact_quote")
        with pytest.raises(LostCommit, match="its pointer is gone, and a first commit was made"):
            lake.read("fact_quote", as_of="2026-11-20T20:00:00Z")
        begun = data.parent / "month=2026-12" / first.name
        begun.parent.mkdir()
        first.rename(begun)
        assert "AAPL" not in lake.read("fact_quote").arrow().column("symbol").to_pylist()


def test_whoever_is_connected_reads_a_table_that_is_built_anew_meanwhile(tmp_path: Path) -> None:
    contracts = shipped_contracts()
    memory = MemoryLake(contracts)
    memory.process(memory.put_table("sales", "sales_order", 1, [order(1)]))
    write_lake(memory, tmp_path)
    lake = lake_in(tmp_path)
    assert lake.read("fact_sales_order").arrow()["sales_order_id"].to_pylist() == [1]
    memory.deployed(with_tables(contracts, anew))
    memory.process(memory.put_table("sales", "sales_order", 2, [order(1), order(2)]))
    write_lake(memory, tmp_path)
    assert lake.read("fact_sales_order").arrow()["sales_order_id"].to_pylist() == [1, 2]
    shutil.rmtree(tmp_path / lake.warehouse.bucket / "warehouse/fact_sales_order")  # as vacuum does, a grace later
    assert lake.read("fact_sales_order_now").arrow()["sales_order_id"].to_pylist() == [1, 2]


def anew(table: Table) -> Table:
    return dataclasses.replace(table, generation="1234abcd") if table.name == "fact_sales_order" else table


def test_the_past_of_a_generation_that_is_gone_is_refused(tmp_path: Path) -> None:
    contracts = shipped_contracts()
    memory = MemoryLake(contracts)
    first, then = (int(dt.datetime(2026, 11, 20, hour, tzinfo=dt.UTC).timestamp()) for hour in (14, 16))
    record_deployment(memory.records, contracts, "sales", now=first)
    memory.process(memory.put_table("sales", "sales_order", 1, [order(1)]))
    record_deployment(memory.records, with_tables(contracts, anew), "sales", now=then)
    memory.deployed(with_tables(contracts, anew))
    memory.process(memory.put_table("sales", "sales_order", 2, [order(2)]))
    write_lake(memory, tmp_path)
    lake = lake_in(tmp_path)
    assert lake.read("fact_sales_order").arrow()["sales_order_id"].to_pylist() == [2]
    with pytest.raises(NotKept, match="were built anew"):
        lake.read("fact_sales_order", as_of="2026-11-20T15:00:00Z")
    assert lake.read("dim_date", as_of="2026-11-20T15:00:00Z").arrow().num_rows > 0


def test_rows_are_the_same_however_often_they_are_read_and_a_stream_may_be_left(lake: Lake) -> None:
    rows = lake.read("fact_quote", columns=["symbol", "price"])
    first = next(iter(rows.batches()))
    assert first.num_rows > 0
    connection = duckdb.connect()
    rows.duckdb(connection)
    totals = [connection.execute("select count(*), sum(price) from fact_quote").fetchall() for _ in range(2)]
    assert totals[0] == totals[1] == [(449, sum(rows.arrow()["price"].to_pylist()))]
    assert str(rows.pandas()["price"].sum()) == str(totals[0][0][1])
    assert repr(rows) == "<Rows of fact_quote: 2 columns, 3 objects>"
