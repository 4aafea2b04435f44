"""A lake with tables for the tests of Athena's patches."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import awswrangler as wr
import boto3
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

BUCKET = "athena-lake"
DATABASE = "lake"
WORKGROUP = "analysts"
PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
JSON = "org.openx.data.jsonserde.JsonSerDe"
REGEX = "org.apache.hadoop.hive.serde2.RegexSerDe"
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


def declare(
    session: boto3.Session,
    name: str,
    columns: list[tuple[str, str]],
    *,
    keys: list[tuple[str, str]] = [],  # noqa: B006
    parameters: dict[str, str] | None = None,
    serde: str = PARQUET,
    settings: dict[str, str] | None = None,
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
                "SerdeInfo": {"SerializationLibrary": serde, "Parameters": settings or {}},
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
