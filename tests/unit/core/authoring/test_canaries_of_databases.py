"""A database's canary is a shadow: it may have a table's name, and must not touch what bears it."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from tests.support.lake import shipped_contracts

from core.authoring.problems import Problems
from core.authoring.rules import check_contract
from core.contract.model import Contract, Database
from core.rendering.catalog import catalog_tables

CONTRACTS = shipped_contracts()


def problems_of(contract: Contract) -> set[str]:
    problems = Problems("canary.yaml")
    check_contract(contract, CONTRACTS, problems, today=dt.date(2026, 11, 21))
    return {one.path for one in problems.items}


def test_what_shares_a_current_state_with_other_datasets_is_refused() -> None:
    original = CONTRACTS.dataset("sales")
    assert isinstance(original.source, Database)
    wrong = replace(original, source=replace(original.source, canary=True))
    assert {"warehouse.dim_staff", "warehouse.dim_date"} <= problems_of(wrong)


def test_a_fact_that_cannot_tell_what_was_fetched_again_is_refused() -> None:
    canary = CONTRACTS.dataset("sales_canary")
    assert problems_of(canary) == set()
    (fact,) = canary.tables
    silent = replace(fact, columns=tuple(column for column in fact.columns if column.name != "checked_at"))
    assert "warehouse.fact_sales_canary" in problems_of(replace(canary, tables=(silent,)))


def test_a_shadow_has_no_raw_table_of_its_own() -> None:
    tables = catalog_tables(CONTRACTS)
    assert tables["raw_currency"]["location"] == "tables/sales/currency/"
    assert "fact_sales_canary" in tables
