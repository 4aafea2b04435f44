"""Plans of source tables, from the contracts that the project ships with."""

from __future__ import annotations

import pytest
from tests.support.lake import shipped_contracts

from core.warehouse.current_state import CURRENT
from processing.plan import plan_source, static_tables


@pytest.mark.parametrize(
    ("source", "facts", "dimensions"),
    [
        ("sales_order", ["fact_sales_order"], []),
        ("staff", [], ["dim_staff"]),
        ("department", [], ["dim_staff"]),  # a join of dim_staff
    ],
)
def test_a_source_table_fills_facts_and_changes_dimensions(
    source: str, facts: list[str], dimensions: list[str]
) -> None:
    plan = plan_source(shipped_contracts().dataset("sales"), source)
    assert [table.name for table in plan.facts] == facts
    assert [table.name for table in plan.dimensions] == dimensions
    assert (plan.current.name if plan.current else None) == (f"{CURRENT}/{source}" if dimensions else None)


def test_a_source_table_that_no_contract_has_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        plan_source(shipped_contracts().dataset("sales"), "nonsense")


def test_calendars_and_entities_come_from_the_contract_alone() -> None:
    names = {table.name for table in static_tables(shipped_contracts())}
    assert {"dim_date", "dim_symbol"} <= names
    assert not names & {"dim_staff", "fact_quote", "fact_quote_hourly"}
