"""JSON lines as Hive's JSON SerDe takes them, by the cases of Trino's reader of it; and every record that we store."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.landing.records import COMPLETENESS_COLUMNS, LOG_COLUMNS, QUARANTINE_COLUMNS, RecordColumns
from local.emulator.patches.athena.json_records import check_records

STORED = Path("tests/stored_forms/expected")
COLUMNS = [("id", "bigint"), ("name", "string"), ("seconds", "double"), ("paid", "boolean"), ("tags", "array<string>"),
           ("parts", "array<struct<table:string,rows:int>>")]  # fmt: skip


@pytest.mark.parametrize(
    "line",
    [
        "{}",
        '{"id":null,"name":null,"tags":null,"parts":null}',
        '{"id":9223372036854775807,"name":"","seconds":1,"paid":true,"tags":["a",null],"other":{"a":[1]}}',
        '{"ID":1,"name":2.50,"parts":[{"TABLE":"t","rows":3,"more":[]},null]}',
    ],
)
def test_what_the_serde_takes(line: str) -> None:
    check_records(f"{line}\n{line}\n".encode(), COLUMNS, place="s3://lake/a.json")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        '"text"',
        '{"id":1',
        '{"id":"1"}',
        '{"id":true}',
        '{"id":9223372036854775808}',
        '{"name":{"a":1}}',
        '{"name":["a"]}',
        '{"seconds":"fast"}',
        '{"tags":"a"}',
        '{"tags":[["a"]]}',
        '{"parts":[{"rows":2147483648}]}',
        '{"parts":["t"]}',
    ],
)
def test_what_the_serde_does_not_take_names_object_and_line(line: str) -> None:
    with pytest.raises(ValueError, match=r"HIVE_CURSOR_ERROR: .*s3://lake/a\.json: line 2: "):
        check_records(f'{{"id":1}}\n{line}\n'.encode(), COLUMNS, place="s3://lake/a.json")


@pytest.mark.parametrize(
    ("folder", "columns"),
    [("completeness", COMPLETENESS_COLUMNS), ("quarantine", QUARANTINE_COLUMNS), ("processing_log", LOG_COLUMNS)],
)
def test_every_record_that_is_stored_is_taken(folder: str, columns: RecordColumns) -> None:
    stored = sorted(path for path in STORED.glob(f"*/warehouse/{folder}/**/*") if path.is_file())
    assert stored
    for path in stored:
        body = path.read_bytes()
        body = body.partition(b"\n")[2] if path.suffix == ".gz" else body  # kept readable below a line that says so
        check_records(body, [(name, kind) for name, kind, _ in columns], place=str(path))
