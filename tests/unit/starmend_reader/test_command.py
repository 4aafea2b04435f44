"""``starmend-reader``: what it writes is what was read, and what it refuses says why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from tests.support.known_lake import known_lake
from tests.support.lake_folder import lake_in

from starmend_reader import Lake, command


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    with known_lake(tmp_path_factory.mktemp("known")) as folder:
        yield lake_in(folder)


@pytest.fixture(autouse=True)
def connected(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "connect", lambda _name=None: lake)


ORDERS = ["read", "fact_sales_order_now", "--columns", "sales_order_id,unit_price,created_at"]


@pytest.mark.parametrize("form", ["csv", "json", "parquet"])
def test_each_form_holds_the_rows(lake: Lake, tmp_path: Path, form: str) -> None:
    file = tmp_path / f"rows.{form}"
    assert command.main([*ORDERS, "--output", str(file)]) == 0
    casts = "sales_order_id::int, unit_price::decimal(10,2), created_at::timestamp"
    by_duckdb = duckdb.sql(f"select {casts} from '{file}'").fetchall()
    rows = lake.read("fact_sales_order_now", columns=["sales_order_id", "unit_price", "created_at"]).arrow()
    assert by_duckdb == [tuple(row.values()) for row in rows.to_pylist()]
    assert [each.name for each in tmp_path.iterdir()] == [file.name]


def test_lists_are_json_in_csv(lake: Lake, tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    assert command.main(["read", "processing_log", "--output", str(file)]) == 0
    rows = lake.read("processing_log").arrow().to_pylist()
    lists = [name for name, value in rows[0].items() if isinstance(value, list)]
    assert lists
    written = duckdb.sql(f"select * from read_csv('{file}', all_varchar=true)").to_arrow_table().to_pylist()
    for name in lists:
        assert [json.loads(row[name]) if row[name] else None for row in written] == [row[name] for row in rows]


def test_rows_of_a_condition_go_to_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    asked = ["--where", "sales_order_id >= 3", "--where", "unit_price != 25.00", "--as-of", "quotes/2"]
    assert command.main([*ORDERS, *asked, "--format", "json"]) == 0
    rows = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [(row["sales_order_id"], row["unit_price"]) for row in rows] == [(3, "0.10"), (5, "4.05")]
    assert rows[0]["created_at"] == "2026-11-02T08:00:00"


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("symbol = 'A B'", ("symbol", "=", "A B")),
        ("minute>=2026-11-20", ("minute", ">=", "2026-11-20")),
        ("deleted_at != null", ("deleted_at", "!=", None)),
        ("note = ''", ("note", "=", "")),
        ("note = 'null'", ("note", "=", "null")),
        ("note = a >= b", ("note", "=", "a >= b")),
        ("note == a", ("note", "==", "a")),
        ("note<>a", ("note", "<>", "a")),
        ("note = NULL", ("note", "=", None)),
    ],
)
def test_a_condition_is_read_as_it_is_meant(text: str, condition: tuple[str, str, str | None]) -> None:
    assert command._condition(text) == condition


def test_tables_are_listed_with_their_columns_and_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["tables"]) == 0
    said = capsys.readouterr().out
    assert "fact_quote (fact): one row per symbol and minute\n" in said
    assert "    month string (partition key)\n" in said
    assert "fact_quote_hourly_complete (view): " in said


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        (["read", "fact_quote", "--where", "price"], 2, "is no condition"),
        (["read", "fact_quote", "--where", "symbol => AAPL"], 2, "'=>' is no operator"),
        (["read", "fact_quote", "--as-of", "tomorrow"], 2, "neither a time nor a certificate"),
        (["read", "fact_quote", "--output", "no/such/folder/rows.csv"], 2, "can be written"),
        (["read", "completeness", "--as-of", "quotes/1"], 3, "keeps no past"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_no_file(
    given: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(given) == code
    assert said in capsys.readouterr().err


def test_a_file_appears_when_it_is_whole(lake: Lake, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = lake.read("fact_quote").objects[-1]
    root = Path(lake.warehouse.filesystem.base_path)
    path = root / lake.warehouse.path(key)
    body = path.read_bytes()
    path.write_bytes(body[: len(body) // 2] + bytes(len(body) - len(body) // 2))
    try:
        assert command.main(["read", "fact_quote", "--output", str(tmp_path / "rows.csv")]) == 3
    finally:
        path.write_bytes(body)
    assert "cannot be decoded" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
