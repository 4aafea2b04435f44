"""The catalog of tables: raw lines, current states, stars and records, each with columns and projection."""

from __future__ import annotations

from dataclasses import replace

from tests.support.lake import shipped_contracts

from core.contract.model import Contracts
from core.rendering.catalog import catalog_tables

CONTRACTS = shipped_contracts()
TABLES = catalog_tables(CONTRACTS)


def test_every_partition_key_is_projected_and_lies_in_the_template() -> None:
    for table in TABLES.values():
        keys = [key["name"] for key in table["partition_keys"]]
        assert all(f"projection.{key}.type" in table["projection"] for key in keys)
        assert all(f"${{{key}}}" in table["template"] for key in keys)


def test_numbers_that_are_no_integers_stay_text_in_raw_lines() -> None:
    columns = {column["name"]: column["type"] for column in TABLES["raw_sales_order"]["columns"]}
    assert (columns["unit_price"], columns["units_sold"], columns["created_at"]) == ("string", "int", "string")


def test_a_source_table_has_a_current_state_where_a_dimension_is_made_of_it() -> None:
    assert "current_department" in TABLES
    assert "current_sales_order" not in TABLES


def test_a_shadow_has_no_raw_table_of_its_own() -> None:
    assert TABLES["raw_currency"]["location"] == "tables/sales/currency/"
    assert "fact_sales_canary" in TABLES


def test_a_database_of_dimensions_alone_has_a_catalog() -> None:
    sales = CONTRACTS.dataset("sales")
    dimensions = tuple(table for table in sales.tables if table.kind == "dimension")
    tables = catalog_tables(Contracts((replace(sales, tables=dimensions),), CONTRACTS.lookups))
    assert {"raw_staff", "dim_staff", "completeness"} <= set(tables)


def test_what_analysts_count_by_is_no_table_whose_rows_athena_does_not_promise() -> None:
    """Of OpenX's SerDe, which the form ``json`` has, its User Guide says that rows may be more, fewer or null."""
    assert {table["format"] for table in TABLES.values() if table["analysts"]} == {"pointers", "records"}
    assert {name.partition("_")[0] for name, table in TABLES.items() if table["format"] == "json"} == {"raw"}
