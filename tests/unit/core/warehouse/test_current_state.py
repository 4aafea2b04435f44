"""The current state of a source table, and what a dimension is made of."""

from __future__ import annotations

from tests.support.lake import shipped_contracts

from core.warehouse.current_state import current_table, inputs_of

SALES = shipped_contracts().dataset("sales")


def test_a_dimension_is_made_of_its_own_table_first_and_of_those_that_it_joins() -> None:
    tables = {table.name: inputs_of(table) for table in SALES.tables}
    assert tables["dim_staff"] == ("staff", "department")
    assert tables["dim_date"] == ()
    assert tables["fact_payment"] == ()
    assert inputs_of(shipped_contracts().table("dim_symbol")) == ()


def test_the_current_state_has_the_columns_of_the_source_and_the_newest_version_of_a_row() -> None:
    staff = SALES.source_table("staff")
    table = current_table(SALES, staff)
    assert table.name == "_current/staff"
    assert [column.name for column in table.columns] == [field.name for field in staff.fields]
    assert (table.key, table.version) == (("staff_id",), ("last_updated", "checked_at"))
