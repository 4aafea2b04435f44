"""Types of the catalog, of DuckDB and of Athena."""

from __future__ import annotations

import pytest

from local.emulator.patches.athena.hive_types import athena_type, compatible, duckdb_type


@pytest.mark.parametrize(
    ("hive", "duckdb"),
    [
        ("string", "VARCHAR"),
        ("varchar(20)", "VARCHAR"),
        ("decimal", "DECIMAL(10,0)"),
        ("array<decimal(18,6)>", "DECIMAL(18,6)[]"),
        ("map<string,array<int>>", "MAP(VARCHAR, INTEGER[])"),
        ("struct<a:int,b:struct<c:date>>", 'STRUCT("a" INTEGER, "b" STRUCT("c" DATE))'),
    ],
)
def test_nested_types_are_translated(hive: str, duckdb: str) -> None:
    assert duckdb_type(hive) == duckdb


def test_a_type_that_the_catalog_has_not_is_refused() -> None:
    with pytest.raises(ValueError, match="HIVE_UNSUPPORTED_FORMAT"):
        duckdb_type("money")


def test_results_have_athenas_types() -> None:
    kinds = ("DECIMAL(18, 6)", "INTEGER[]", "MAP(VARCHAR, DATE)", "STRUCT(a INTEGER)", "HUGEINT", "UUID")
    assert [athena_type(kind) for kind in kinds] == ["decimal(18,6)", "array", "map", "row", "bigint", "varchar"]


@pytest.mark.parametrize(
    ("stored", "declared", "expected"),
    [
        ("INTEGER", "BIGINT", True),
        ("TIMESTAMP_NS", "TIMESTAMP", True),
        ("BIGINT", "DECIMAL(18,0)", True),
        ("VARCHAR", "DATE", False),
        ("DOUBLE", "DECIMAL(18,6)", False),
    ],
)
def test_a_stored_column_fits_its_declaration_or_does_not(stored: str, declared: str, expected: bool) -> None:
    assert compatible(stored, declared) is expected
