"""dbt's sources as they are written: each promise of a contract is a test of what has to hold it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml
from hypothesis import example, given
from hypothesis import strategies as st
from jinja2 import Environment
from tests.support.exported import generated, written_by_hand

from core.contract.model import Contracts
from core.standards.dbt_sources import dbt_sources, inert

SEED, CONTRACTS = 20261129, 30


def tables_of(contracts: Contracts) -> dict[str, dict[str, Any]]:
    document = dbt_sources(contracts, schema="starmend_dev")
    assert yaml.safe_load(yaml.safe_dump(document)) == document
    [source] = document["sources"]
    return {table["name"]: table for table in source["tables"]}


def checks_of(table: dict[str, Any], column: str) -> list[Any]:
    return next(entry.get("data_tests", []) for entry in table["columns"] if entry["name"] == column)


def test_keys_values_and_references_become_tests() -> None:
    tables = tables_of(written_by_hand()["own"])
    assert "fact_quote_canary" not in tables
    quote = tables["fact_quote"]
    key = {"unique": {"name": "fact_quote_key", "arguments": {"column_name": 'row("symbol", "minute")'}}}
    assert key in quote["data_tests"]
    broken = 'case when not ("price" > 0) then null else 0 end'
    check = {"not_null": {"name": "fact_quote_price_check", "arguments": {"column_name": broken}}}
    assert check in quote["data_tests"]
    assert checks_of(quote, "price") == ["not_null"]
    listed = {"values": ["'observed'", "'late'", "'repaired'"], "quote": False}
    assert checks_of(quote, "provenance") == [{"accepted_values": {"arguments": listed}}]
    parent = {"to": "source('starmend', 'dim_symbol')", "field": '"symbol"'}
    assert {"relationships": {"arguments": parent}} in checks_of(quote, "symbol")
    assert checks_of(tables["dim_staff"], "staff_id") == ["unique", "not_null"]


def test_parents_are_owed_to_current_rows_alone() -> None:
    tables = tables_of(written_by_hand()["own"])
    [fact] = checks_of(tables["fact_sales_order"], "design_id")
    assert fact["relationships"]["config"] == {"where": '"is_latest"'}
    [view] = checks_of(tables["fact_sales_order_now"], "design_id")
    assert "config" not in view["relationships"]
    assert "unique" in checks_of(tables["fact_sales_order_now"], "sales_order_id")


def test_freshness_is_what_completeness_says_within_what_is_promised() -> None:
    tables = tables_of(written_by_hand()["own"])
    fact = tables["fact_sales_order"]["config"]
    assert fact["freshness"] == {"error_after": {"count": 90, "period": "minute"}}  # 30 minutes, and an audit an hour
    assert "subject in ('fact_sales_order', 'sales_order')" in fact["loaded_at_query"]
    staff = tables["dim_staff"]["config"]["loaded_at_query"]
    assert "subject in ('_current/staff', '_current/department', 'department', 'staff')" in staff
    assert "config" not in tables["dim_date"]


def test_generated_sources_name_columns_that_are_there(tmp_path: Path) -> None:
    accepted = 0
    for name, contracts in generated(SEED, CONTRACTS, tmp_path):
        tables = tables_of(contracts)
        star = {table.name for table in contracts.tables()}
        assert star <= set(tables), name
        for table in tables.values():
            columns = [column["name"] for column in table["columns"]]
            assert len(columns) == len(set(columns)), (name, table["name"])
        for table in contracts.tables():
            known = {column["name"] for column in tables[table.name]["columns"]}
            assert {column.name for column in table.columns} <= known, (name, table.name)
        accepted += 1
    assert accepted > CONTRACTS // 3


@given(st.text(alphabet="{}%#-'a ", max_size=12))
@example('{"a": {}}')
def test_a_text_that_looks_like_a_template_is_none(text: str) -> None:
    assert Environment(autoescape=False).from_string(inert(text)).render() == text


def test_a_text_without_marks_stays_as_it_is() -> None:
    assert inert("{a: 1}") == "{a: 1}"


def test_the_pipelines_own_tables_have_no_rules_of_one_that_is_called_like_their_beginning() -> None:
    contracts = written_by_hand()["own"]
    renamed = replace(contracts.table("fact_quote"), name="processing")
    quotes = replace(contracts.dataset("quotes"), tables=(renamed, contracts.table("dim_symbol")))
    tables = tables_of(replace(contracts, contracts=(quotes,)))
    assert "config" in tables["processing"]
    assert not {"config", "data_tests"} & set(tables["processing_log"])
