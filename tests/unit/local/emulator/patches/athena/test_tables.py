"""Tables as Athena documents them, through awswrangler and boto3."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import date, datetime
from decimal import Decimal

import awswrangler as wr
import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from tests.unit.local.emulator.patches.athena.lake import (
    BUCKET,
    DATABASE,
    JSON,
    PROJECTION,
    QUOTE_COLUMNS,
    REGEX,
    TEXT,
    commit,
    declare,
    execute,
    put,
    query,
)

from local.emulator.patches.athena import tables

pytestmark = [pytest.mark.emulator, pytest.mark.usefixtures("lake")]


def test_a_symlink_table_reads_the_objects_its_pointers_name_and_partition_values_from_the_path(session):
    found = query(session, "select symbol, month, price, volume, added_later from quotes order by symbol")
    assert found.to_dict("records") == [
        {"symbol": "AAPL", "month": "2026-11", "price": Decimal("101.000001"), "volume": 7, "added_later": None},
        {"symbol": "MSFT", "month": "2026-11", "price": Decimal("202.500000"), "volume": 7, "added_later": None},
    ]
    assert str(found["volume"].dtype) == "Int64"


def test_partition_projection_hides_what_it_does_not_list(session):
    assert query(session, "select count(*) as n from quotes where symbol <> 'AAPL'")["n"].tolist() == [1]
    assert query(session, "select distinct month from quotes")["month"].tolist() == ["2026-11"]


def test_a_projected_date_may_lie_in_several_folders_as_firehose_writes_it(session):
    parameters = {
        "projection.enabled": "true",
        "projection.arrived.type": "date",
        "projection.arrived.format": "yyyy/MM/dd/HH",
        "projection.arrived.range": "2026/01/01/00,2026/12/31/23",
        "projection.arrived.interval": "1",
        "projection.arrived.interval.unit": "HOURS",
        "storage.location.template": f"s3://{BUCKET}/arrivals/${{arrived}}/",
    }
    declare(
        session,
        "arrivals",
        [("n", "int")],
        keys=[("arrived", "string")],
        parameters=parameters,
        serde=JSON,
        input_format=TEXT,
    )
    body = gzip.compress(b'{"n": 1}\n{"n": 2}\n')
    session.client("s3").put_object(Bucket=BUCKET, Key="arrivals/2026/11/20/14/points.gz", Body=body)
    found = query(session, "select arrived, count(*) as n from arrivals group by 1")
    assert found.to_dict("records") == [{"arrived": "2026/11/20/14", "n": 2}]


def test_a_timestamp_has_milliseconds(session):
    found = query(session, "select minute, cast(minute as varchar) as text from quotes where symbol = 'AAPL'")
    assert found["minute"][0] == pd.Timestamp("2026-11-20 14:30:00.123")
    assert found["text"][0] == "2026-11-20 14:30:00.123"


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ("2026-11-20 14:30:00.000499", "2026-11-20 14:30:00.000"),
        ("2026-11-20 14:30:00.000500", "2026-11-20 14:30:00.001"),
        ("2026-11-20 14:30:59.999500", "2026-11-20 14:31:00.000"),
        ("2026-11-30 23:59:59.999999", "2026-12-01 00:00:00.000"),
        ("1969-12-31 23:59:59.998499", "1969-12-31 23:59:59.998"),
        ("1969-12-31 23:59:59.998500", "1969-12-31 23:59:59.999"),
        ("1969-12-31 23:59:59.999499", "1969-12-31 23:59:59.999"),
        ("1969-12-31 23:59:59.999500", "1970-01-01 00:00:00.000"),
    ],
)
def test_microseconds_are_rounded_to_the_nearest_millisecond(stored, shown):
    expression = tables._milliseconds(f"TIMESTAMP '{stored}'", "TIMESTAMP")
    assert duckdb.sql(f"select {expression}").fetchall() == [(datetime.fromisoformat(shown),)]


def test_a_partition_key_has_the_type_that_the_catalog_gives_it(session):
    bounds = {"projection.enabled": "true", "projection.y.type": "integer", "projection.y.range": "2020,2030"}
    declare(session, "by_year", [("n", "int")], keys=[("y", "int")], parameters=bounds)
    commit(session, "by_year", "y=2026", pa.table({"n": pa.array([1], pa.int32())}))
    assert query(session, "select y + 1 as next from by_year where y = 2026")["next"].tolist() == [2027]


def test_a_table_without_data_has_its_columns_and_no_rows(session):
    declare(session, "empty", QUOTE_COLUMNS, keys=[("symbol", "string"), ("month", "string")], parameters=PROJECTION)
    execution = execute(session, "select * from empty")
    found = session.client("athena").get_query_results(QueryExecutionId=execution["QueryExecutionId"])["ResultSet"]
    columns = {c["Name"]: c["Type"] for c in found["ResultSetMetadata"]["ColumnInfo"]}
    expected = {"minute": "timestamp", "price": "decimal", "volume": "bigint", "added_later": "date"}
    assert columns == expected | {"symbol": "varchar", "month": "varchar"}
    assert len(found["Rows"]) == 1
    assert query(session, "select count(*) as n, max(price) as p from empty").to_dict("records") == [
        {"n": 0, "p": None}
    ]


def test_a_partitioned_table_without_projection_has_the_partitions_of_the_catalog_alone(session):
    declare(session, "registered", [("n", "int")], keys=[("day", "date")])
    for day in ("2026-11-20", "2026-11-21"):
        commit(session, "registered", f"day={day}", pa.table({"n": pa.array([int(day[-2:])], pa.int32())}))
    assert query(session, "select count(*) as n from registered")["n"].tolist() == [0]
    glue = session.client("glue")
    storage = glue.get_table(DatabaseName=DATABASE, Name="registered")["Table"]["StorageDescriptor"]
    storage["Location"] += "day=2026-11-21/"
    glue.create_partition(
        DatabaseName=DATABASE,
        TableName="registered",
        PartitionInput={"Values": ["2026-11-21"], "StorageDescriptor": storage},
    )
    assert query(session, "select day, n from registered").to_dict("records") == [{"day": date(2026, 11, 21), "n": 21}]


def test_a_pointer_to_a_missing_object_fails_the_query_and_says_so(session):
    declare(session, "dangling", [("n", "int")])
    put(session, "warehouse/dangling/symlink.txt", f"s3://{BUCKET}/gone.parquet\n".encode())
    with pytest.raises(wr.exceptions.QueryFailed, match=r"HIVE_CANNOT_OPEN_SPLIT.*gone\.parquet"):
        query(session, "select * from dangling")


def test_a_column_of_another_kind_than_declared_is_bad_data(session):
    declare(session, "unfit", [("n", "bigint")])
    commit(session, "unfit", "", pa.table({"n": ["text"]}))
    with pytest.raises(wr.exceptions.QueryFailed, match="HIVE_BAD_DATA: Field n"):
        query(session, "select * from unfit")


def test_json_lines_have_the_declared_types_whether_gzipped_or_plain(session):
    columns = [
        ("id", "bigint"), ("amount", "decimal(18,2)"), ("at", "timestamp"), ("paid", "boolean"), ("raw", "string"),
        ("who", "struct<name:string,tags:array<string>>"), ("absent", "double"),
    ]  # fmt: skip
    declare(session, "lines", columns, serde=JSON, input_format=TEXT)
    first = {"id": 1, "amount": 12345678901234.56, "at": "2026-11-20T14:30:00Z", "paid": True, "raw": {"a": [1]},
             "who": {"name": "x", "tags": ["p", "q"]}, "undeclared": 1}  # fmt: skip
    second = {"id": 2, "amount": 0.1, "at": "2026-11-20 14:31:00.5", "paid": None, "raw": "plain", "who": None}
    put(session, "warehouse/lines/a.jsonl.gz", gzip.compress(json.dumps(first).encode()) + gzip.compress(b"\n"))
    put(session, "warehouse/lines/deep/er/b.json", json.dumps(second).encode() + b"\n")
    put(session, "warehouse/lines/empty.json", b"")
    put(session, "warehouse/lines/_hidden.json", b"{}")
    found = query(
        session, "select id, amount, at, paid, raw, who.name as name, who.tags[2] as tag from lines order by id"
    )
    assert found["amount"].tolist() == [Decimal("12345678901234.56"), Decimal("0.10")]
    assert found["at"].tolist() == [pd.Timestamp("2026-11-20 14:30:00"), pd.Timestamp("2026-11-20 14:31:00.5")]
    assert found["raw"].tolist() == ['{"a":[1]}', "plain"]
    assert (found["name"][0], found["tag"][0]) == ("x", "q")


def test_json_lines_may_be_partitioned_and_empty(session):
    anything = {"projection.enabled": "true", "projection.dataset.type": "injected"}
    declare(session, "receipts", [("rows_in", "bigint")], keys=[("dataset", "string")], parameters=anything, serde=JSON,
            input_format=TEXT)  # fmt: skip
    assert query(session, "select sum(rows_in) as n from receipts where dataset = 'sales'")["n"].isna().all()
    put(session, "warehouse/receipts/dataset=sales/1.json", b'{"rows_in": 3}\n')
    found = query(session, "select dataset, rows_in from receipts where dataset = 'sales'")
    assert found.to_dict("records") == [{"dataset": "sales", "rows_in": 3}]


def test_a_table_of_groups_has_the_characters_of_each_line_or_nulls(session):
    whole = {"input.regex": "(?s)(.*)"}
    declare(session, "whole", [("line", "string")], serde=REGEX, settings=whole, input_format=TEXT)
    lines = ['{"p":1.5,"é":"a,b\\u0001"}', "no json, 'quoted' \""]
    put(session, "warehouse/whole/a.jsonl.gz", gzip.compress("\n".join(lines).encode() + b"\n"))
    assert sorted(query(session, "select line from whole")["line"]) == sorted(lines)
    price = "select json_extract_scalar(line, '$.p') as p from whole where line like '{%'"
    assert query(session, price)["p"].tolist() == ["1.5"]
    pairs = {"input.regex": r"(\w+)=(\d+)"}
    declare(session, "pairs", [("name", "string"), ("n", "int")], serde=REGEX, settings=pairs, input_format=TEXT)
    put(session, "warehouse/pairs/a.txt", b"a=1\nnothing\n")
    assert query(session, "select name, n from pairs where n is not null").to_dict("records") == [{"name": "a", "n": 1}]
    assert query(session, "select count(*) as n from pairs where name is null")["n"].tolist() == [1]


def test_a_line_that_is_no_json_fails_the_query(session):
    declare(session, "malformed", [("id", "bigint")], serde=JSON, input_format=TEXT)
    put(session, "warehouse/malformed/a.json", b'{"id": 1}\n{"id": \n')
    with pytest.raises(wr.exceptions.QueryFailed, match="HIVE_CURSOR_ERROR"):
        query(session, "select * from malformed")


def test_a_view_of_the_catalog_is_queried_like_a_table(session):
    original = {"originalSql": "select symbol, price * 2 as double_price from quotes", "catalog": "awsdatacatalog",
                "schema": DATABASE, "columns": []}  # fmt: skip
    text = f"/* Presto View: {base64.b64encode(json.dumps(original).encode()).decode()} */"
    session.client("glue").create_table(
        DatabaseName=DATABASE,
        TableInput={"Name": "doubled", "TableType": "VIRTUAL_VIEW", "ViewOriginalText": text,
                    "StorageDescriptor": {"Columns": []}, "Parameters": {"presto_view": "true"}},
    )  # fmt: skip
    found = query(session, "select double_price from doubled where symbol = 'MSFT'")
    assert found["double_price"].tolist() == [Decimal("405")]
