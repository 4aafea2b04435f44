"""What Athena documents of tables, SQL and results, seen through awswrangler and boto3."""

from __future__ import annotations

import base64
import gzip
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import awswrangler as wr
import boto3
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from aws.athena import Athena
from core.errors import InvalidData, TransientFailure

pytestmark = pytest.mark.emulator

BUCKET = "athena-lake"
DATABASE = "lake"
WORKGROUP = "analysts"
PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
JSON = "org.openx.data.jsonserde.JsonSerDe"
SYMLINK = "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat"
TEXT = "org.apache.hadoop.mapred.TextInputFormat"

PROJECTION = {
    "projection.enabled": "true",
    "projection.symbol.type": "enum",
    "projection.symbol.values": "AAPL,MSFT",
    "projection.month.type": "date",
    "projection.month.format": "yyyy-MM",
    "projection.month.range": "2026-01,2026-12",
    "projection.month.interval": "1",
    "projection.month.interval.unit": "MONTHS",
}
QUOTE_COLUMNS = [("minute", "timestamp"), ("price", "decimal(18,6)"), ("volume", "bigint"), ("added_later", "date")]


@pytest.fixture(scope="module", autouse=True)
def lake(session: boto3.Session) -> None:
    session.client("s3").create_bucket(Bucket=BUCKET)
    session.client("glue").create_database(DatabaseInput={"Name": DATABASE})
    session.client("athena").create_work_group(
        Name=WORKGROUP,
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/results"},
        },
    )
    declare(session, "quotes", QUOTE_COLUMNS, keys=[("symbol", "string"), ("month", "string")], parameters=PROJECTION)
    for symbol, price in (("AAPL", "101.000001"), ("MSFT", "202.5"), ("NOTLISTED", "9")):
        commit_quotes(session, symbol, "2026-11", price)
    commit_quotes(session, "AAPL", "2027-01", "9")  # outside the projected range


def declare(
    session: boto3.Session,
    name: str,
    columns: list[tuple[str, str]],
    *,
    keys: list[tuple[str, str]] = [],  # noqa: B006
    parameters: dict[str, str] | None = None,
    serde: str = PARQUET,
    input_format: str = SYMLINK,
) -> None:
    session.client("glue").create_table(
        DatabaseName=DATABASE,
        TableInput={
            "Name": name,
            "TableType": "EXTERNAL_TABLE",
            "Parameters": parameters or {},
            "PartitionKeys": [{"Name": key, "Type": kind} for key, kind in keys],
            "StorageDescriptor": {
                "Columns": [{"Name": column, "Type": kind} for column, kind in columns],
                "Location": f"s3://{BUCKET}/warehouse/{name}/",
                "InputFormat": input_format,
                "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
                "SerdeInfo": {"SerializationLibrary": serde},
            },
        },
    )


def put(session: boto3.Session, key: str, body: bytes) -> None:
    session.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)


def commit_quotes(session: boto3.Session, symbol: str, month: str, price: str) -> None:
    rows = pa.table(
        {
            "minute": pa.array([datetime(2026, 11, 20, 14, 30, 0, 123456, UTC)], pa.timestamp("us")),
            "price": pa.array([Decimal(price)], pa.decimal128(18, 6)),
            "volume": pa.array([7], pa.int32()),
        }
    )
    commit(session, "quotes", f"symbol={symbol}/month={month}", rows)


def commit(session: boto3.Session, table: str, partition: str, rows: pa.Table) -> None:
    body = io.BytesIO()
    pq.write_table(rows, body)
    data = f"warehouse/_data/{table}/{partition}/v1.parquet"
    put(session, data, body.getvalue())
    put(session, f"warehouse/{table}/{partition}/symlink.txt", f"s3://{BUCKET}/{data}\n".encode())


def query(session: boto3.Session, sql: str, **kwargs: Any) -> pd.DataFrame:
    return wr.athena.read_sql_query(
        sql,
        database=DATABASE,
        ctas_approach=False,
        workgroup=WORKGROUP,
        boto3_session=session,
        athena_query_wait_polling_delay=0.02,
        **kwargs,
    )


def execute(session: boto3.Session, sql: str, **kwargs: Any) -> dict[str, Any]:
    athena = session.client("athena")
    started = athena.start_query_execution(
        QueryString=sql,
        WorkGroup=kwargs.pop("workgroup", WORKGROUP),
        QueryExecutionContext={"Database": DATABASE},
        **kwargs,
    )
    return wr.athena.wait_query(
        started["QueryExecutionId"], boto3_session=session, athena_query_wait_polling_delay=0.02
    )


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


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("5 / 2", 2),
        ("-7 / 2", -3),
        ("(7 / 2) / 2 + 9 / 2 / 2", 3),
        ("cast(10 as decimal(10,2)) / 3 / 2", Decimal("1.67")),
        ("5 / 2.0e0", 2.5),
        ("cast(10 as decimal(10,2)) / 3", Decimal("3.33")),
        ("date_diff('minute', timestamp '2026-01-01 00:00:30', timestamp '2026-01-01 00:01:10')", 0),
        ("date_diff('day', date '2026-01-01', date '2026-01-05')", 4),
        ("element_at(sequence(date '2026-01-30', date '2026-02-02'), 3)", date(2026, 2, 1)),
        ("cast(element_at(sequence(date '2026-01-30', date '2026-02-02'), 3) as varchar)", "2026-02-01"),
        ("cast(timestamp '2026-01-01 10:11:12' as varchar)", "2026-01-01 10:11:12.000"),
        ("date_format(timestamp '2026-01-01 10:11:12', '%Y-%m-%d %H:%i')", "2026-01-01 10:11"),
        ("format_datetime(timestamp '2026-01-01 10:11:12', 'yyyy-MM')", "2026-01"),
        ("date_diff('hour', timestamp '2026-01-01 00:00:00', timestamp '2026-01-01 05:59:00') / 2", 2),
        ("day_of_week(date '2026-11-22')", 7),
        ('json_extract_scalar(\'{"a": {"b": "c"}}\', \'$.a.b\')', "c"),
        ("count_if(n > 1) as value from (values 1, 2, 3) as t(n)", 2),
        ("max_by(n, -n) as value from (values 1, 2, 3) as t(n)", 1),
    ],
)
def test_sql_means_what_it_means_in_athena(session, expression, expected):
    found = query(session, f"select {expression}" if " from " in expression else f"select {expression} as value")
    assert found["value"][0] == expected


def test_averages_of_decimals_are_decimals(session):
    found = query(session, "select avg(price) as mean, sum(price) / count(*) as quotient from quotes")
    assert found.to_dict("records") == [{"mean": Decimal("151.750001"), "quotient": Decimal("151.750001")}]


def test_missing_minutes_are_found_by_a_sequence_less_what_is_there(session):
    found = query(
        session,
        """
        with expected as (
            select symbol, m from (values 'AAPL', 'MSFT') as s(symbol)
            cross join unnest(sequence(timestamp '2026-11-20 14:30:00', timestamp '2026-11-20 14:31:00',
                                       interval '1' minute)) as t(m)
        )
        select symbol, m from expected except select symbol, date_trunc('minute', minute) from quotes order by 1
        """,
    )
    assert found.to_dict("records") == [
        {"symbol": "AAPL", "m": pd.Timestamp("2026-11-20 14:31")},
        {"symbol": "MSFT", "m": pd.Timestamp("2026-11-20 14:31")},
    ]


def test_text_is_not_compared_with_a_timestamp(session):
    with pytest.raises(wr.exceptions.QueryFailed, match="TYPE_MISMATCH"):
        query(session, "select * from quotes where minute > '2026-11-20'")


def test_a_table_that_is_not_in_the_catalog_is_named(session):
    with pytest.raises(wr.exceptions.QueryFailed, match=r"TABLE_NOT_FOUND: Table 'awsdatacatalog\.lake\.nowhere'"):
        query(session, "select * from nowhere")


def test_a_qualified_name_may_hold_the_catalog(session):
    assert query(session, f'select count(*) as n from "awsdatacatalog"."{DATABASE}"."quotes" as q')["n"][0] == 2


def test_columns_without_a_name_are_numbered(session):
    assert list(query(session, "select 1, n, n + 1 from (values 1) as t(n)").columns) == ["_col0", "n", "_col2"]


def test_results_lie_where_the_execution_says_with_every_value_quoted_and_null_as_nothing(session):
    execution = execute(session, "select 'a\"b' as t, cast(null as integer) as n, true as b", ResultConfiguration={
        "OutputLocation": f"s3://{BUCKET}/elsewhere/"})  # fmt: skip
    location = execution["ResultConfiguration"]["OutputLocation"]
    assert location == f"s3://{BUCKET}/results/{execution['QueryExecutionId']}.csv"  # the workgroup enforces its own
    stored = session.client("s3").get_object(Bucket=BUCKET, Key=location.split("/", 3)[3])["Body"].read()
    assert stored == b'"t","n","b"\n"a""b",,"true"\n'


def test_named_and_positional_parameters_are_filled_in(session):
    named = query(session, "select count(*) as n from quotes where symbol = :symbol", params={"symbol": "AAPL"})
    assert named["n"][0] == 1
    positional = query(session, "select count(*) as n from quotes where symbol = ? and volume = ?",
                       params=["'AAPL'", "7"], paramstyle="qmark")  # fmt: skip
    assert positional["n"][0] == 1


def test_a_workgroup_limits_the_bytes_that_a_query_scans(session):
    limit = {
        "EnforceWorkGroupConfiguration": True,
        "BytesScannedCutoffPerQuery": 10_000_000,
        "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/r/"},
    }
    session.client("athena").create_work_group(Name="frugal", Configuration=limit)
    declare(session, "big", [("pad", "string")], serde=JSON, input_format=TEXT)
    line = json.dumps({"pad": "x" * 9_988}).encode() + b"\n"
    put(session, "warehouse/big/a.json", line * 1_001)
    with pytest.raises(wr.exceptions.QueryCancelled, match="Bytes scanned limit"):
        execute(session, "select count(*) from big", workgroup="frugal")
    with pytest.raises(InvalidData, match="Bytes scanned limit"):
        Athena("frugal", DATABASE).query("select count(*) from big")
    unlimited = execute(session, "select count(*) from big")
    assert unlimited["Statistics"]["DataScannedInBytes"] == 1_001 * len(line)


def test_an_unknown_workgroup_is_refused(session):
    with pytest.raises(ClientError, match="WorkGroup nobody is not found"):
        execute(session, "select 1", workgroup="nobody")


def test_the_adapter_stops_what_takes_too_long_and_refuses_aloud_what_fails(session):
    many, some = "unnest(sequence(1, 99999)) as a(x)", "unnest(sequence(1, 29999)) as b(y)"
    every_pair = f"select count(*) from {many} cross join {some} where x <> y"  # seconds of work
    with pytest.raises(TransientFailure, match="took more than 0 s and was stopped"):
        Athena(WORKGROUP, DATABASE, seconds=0).query(every_pair)
    with pytest.raises(InvalidData, match="nowhere"):
        Athena(WORKGROUP, DATABASE).query("select x from nowhere")
    assert Athena(WORKGROUP, DATABASE).query("select 1 as one")["one"].tolist() == [1]
