"""Measures of a table on both sides."""

from __future__ import annotations

from decimal import Decimal

from tests.support.lake import shipped_contracts

from local.comparison import Comparison, calendar_measures, measured_columns, source_sql, warehouse_sql


def test_measures_that_differ_are_named_and_nothing_is_zero() -> None:
    compared = Comparison("t", {"n_rows": 2, "s_a": Decimal("1.50"), "s_b": None}, {"n_rows": 2, "s_a": Decimal("1.5")})
    assert compared.differences == []
    assert Comparison("t", {"n_rows": 2}, {"n_rows": 3}).differences == ["n_rows"]


def test_both_sides_are_asked_for_the_same_measures() -> None:
    contracts = shipped_contracts()
    contract = contracts.dataset("sales")
    for table in contract.tables:
        if table.kind == "calendar":
            continue
        for column in measured_columns(table):
            for measure in (f" as n_{column.name}", f" as s_{column.name}"):
                assert measure in warehouse_sql(table)
                assert measure in source_sql(contracts, contract, table)
    fact = contracts.table("fact_sales_order")
    assert warehouse_sql(fact).endswith(" from fact_sales_order where is_latest")
    assert "deleted_at" not in warehouse_sql(fact)


def test_a_calendar_is_measured_by_pythons_own() -> None:
    table = shipped_contracts().table("dim_date")
    measures = calendar_measures(table)
    assert measures["n_rows"] == measures["n_year"]
    assert measures["s_quarter"] is not None
