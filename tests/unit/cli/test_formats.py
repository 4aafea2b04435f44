"""Rows in every format, read back by other readers: nothing is lost, and nothing is left out in silence."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from cli.formats import Format, Rows, chosen, write_rows
from core.errors import Misuse

SCHEMA = pa.schema(
    [("id", pa.int64()), ("name", pa.string()), ("price", pa.decimal128(12, 2)), ("share", pa.float64())]
)  # fmt: skip
ROWS = [
    {"id": 1, "name": "[draft] order", "price": Decimal("0.10"), "share": 0.5},
    {"id": 2, "name": None, "price": None, "share": None},
    {"id": 3, "name": "", "price": Decimal("-1234567.89"), "share": float("nan")},
    {"id": 4, "name": 'two\nlines, "quoted"\tand tabbed', "price": Decimal("0.00"), "share": 1e300},
    {"id": 5, "name": "NULL", "price": Decimal("5.00"), "share": 0.1},
]


def rows(count: int = len(ROWS)) -> Rows:
    def batches() -> Iterator[pa.RecordBatch]:
        for first in range(0, count, 2):
            yield pa.RecordBatch.from_pylist(
                [ROWS[at % len(ROWS)] for at in range(first, min(first + 2, count))], SCHEMA
            )

    return Rows(SCHEMA, batches())


def written(form: Format, tmp_path: Path, *, limit: int = 0, count: int = len(ROWS)) -> bytes:
    file = tmp_path / f"rows.{form}"
    write_rows(rows(count), form, file, limit=limit)
    assert [left.name for left in tmp_path.iterdir()] == [file.name]
    return file.read_bytes()


@pytest.mark.parametrize(("form", "delimiter"), [(Format.CSV, ","), (Format.TSV, "\t")])
def test_delimited_rows_keep_null_apart_from_an_empty_text(form: Format, delimiter: str, tmp_path: Path) -> None:
    text = written(form, tmp_path).decode()
    parsed = list(csv.reader(io.StringIO(text), delimiter=delimiter))
    assert parsed[0] == SCHEMA.names
    assert parsed[4][1:3] == ['two\nlines, "quoted"\tand tabbed', "0.00"]
    assert text.splitlines()[2] == delimiter.join(["2", "", "", ""])
    assert text.splitlines()[3].startswith(delimiter.join(["3", '""', "-1234567.89"]))


def test_json_keeps_decimals_exact_and_is_json(tmp_path: Path) -> None:
    parsed = json.loads(written(Format.JSON, tmp_path), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert parsed[0] == {"id": 1, "name": "[draft] order", "price": "0.10", "share": 0.5}
    assert [row["share"] for row in parsed][1:3] == [None, "nan"]
    assert [row["name"] for row in parsed][1:3] == [None, ""]


def test_parquet_keeps_the_types(tmp_path: Path) -> None:
    written(Format.PARQUET, tmp_path)
    table = parquet.read_table(tmp_path / "rows.parquet")
    assert table.schema.equals(SCHEMA)
    assert table.to_pylist()[3] == ROWS[3]


def test_a_table_says_how_many_rows_it_left_out(tmp_path: Path) -> None:
    lines = written(Format.TABLE, tmp_path, limit=3, count=2000).decode().splitlines()
    assert lines[0].split() == ["id", "name", "price", "share"]
    assert (lines[2].split()[0], lines[4].split()[0]) == ("1", "3")
    assert lines[5] == "(2,000 rows; the first 3 are shown, all of them: --limit 0, or --format csv)"
    assert written(Format.TABLE, tmp_path, count=1).decode().splitlines()[-1] == "(1 row)"


@pytest.mark.parametrize("form", list(Format))
def test_no_rows_are_rows_too(form: Format, tmp_path: Path) -> None:
    assert written(form, tmp_path, count=0)


def test_the_format_is_the_one_given_or_the_file_s_and_contradictions_are_refused() -> None:
    assert chosen(None, None, as_json=False) is Format.TABLE
    assert chosen(None, Path("a/rows.PARQUET"), as_json=False) is Format.PARQUET
    assert chosen(Format.CSV, Path("rows.txt"), as_json=False) is Format.CSV
    assert chosen(None, Path("rows.txt"), as_json=True) is Format.JSON
    with pytest.raises(Misuse, match="contradicts --json"):
        chosen(Format.CSV, None, as_json=True)


def test_a_file_that_cannot_be_written_is_misuse_and_nothing_stays(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misuse, match="Name a file that can be written"):
        write_rows(rows(), Format.CSV, tmp_path / "file/rows.csv", limit=0)
