"""Athena's result files read as rows, in the form that its User Guide describes."""

from __future__ import annotations

import datetime as dt
import io
import math
from decimal import Decimal

import pyarrow as pa

from aws.athena_rows import AnswerColumn, described_column, schema_of, typed_batches

COLUMNS = (
    AnswerColumn("id", "bigint"),
    AnswerColumn("name", "varchar"),
    AnswerColumn("price", "decimal", 38, 2),
    AnswerColumn("share", "double"),
    AnswerColumn("at", "timestamp"),
    AnswerColumn("fine", "boolean"),
    AnswerColumn("seen", "timestamp with time zone"),
)
HEADER = b'"id","name","price","share","at","fine","seen"\n'
LINES = (
    b'"1","x ""q""\nline","0.10","NaN","2026-11-20 10:00:00.000","true","2026-11-20 10:00:00.123 UTC"\n'
    b',"","-1.5","-Infinity",,,\n'
    b'"2",,"12345678901234567890.12","1.0E10","1969-01-01 00:00:00.001","false","2026-11-20 12:00:00.000 Europe/Oslo"\n'
)


def read(columns: tuple[AnswerColumn, ...], body: bytes) -> list[dict[str, object]]:
    return [row for batch in typed_batches(columns, io.BytesIO(body)) for row in batch.to_pylist()]


def test_values_are_exact_and_null_is_no_empty_text() -> None:
    first, second, third = read(COLUMNS, HEADER + LINES)
    assert (first["id"], first["name"], first["price"], first["fine"]) == (1, 'x "q"\nline', Decimal("0.10"), True)
    assert math.isnan(first["share"])  # type: ignore[arg-type]
    assert str(first["at"]) == "2026-11-20 10:00:00"
    assert first["seen"] == dt.datetime(2026, 11, 20, 10, 0, 0, 123_000, tzinfo=dt.UTC)
    assert (second["id"], second["name"], second["share"]) == (None, "", -math.inf)
    assert (third["name"], third["price"], third["share"]) == (None, Decimal("12345678901234567890.12"), 1e10)
    assert third["seen"] == dt.datetime(2026, 11, 20, 11, tzinfo=dt.UTC)


def test_no_row_is_no_row_and_a_null_alone_is_one() -> None:
    assert read(COLUMNS, HEADER) == []
    assert read((AnswerColumn("n", "integer"),), b'"n"\n\n"2"\n') == [{"n": None}, {"n": 2}]


def test_a_name_that_comes_twice_keeps_both_columns() -> None:
    columns = (AnswerColumn("n", "integer"), AnswerColumn("n", "varchar"), AnswerColumn("", "array"))
    assert schema_of(columns).names == ["n", "n_2", "column"]
    assert read(columns, b'"n","n",""\n"1","x","[1, 2]"\n') == [{"n": 1, "n_2": "x", "column": "[1, 2]"}]


def test_a_column_is_what_athena_says_of_it() -> None:
    info = {"Name": "price", "Type": "decimal", "Precision": 12, "Scale": 2, "Nullable": "UNKNOWN"}
    assert schema_of([described_column(info)]).field("price").type == pa.decimal128(12, 2)
