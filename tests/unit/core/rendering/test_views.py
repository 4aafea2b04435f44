"""Views of what is so now and of what is whole."""

from __future__ import annotations

from dataclasses import replace

from tests.support.lake import shipped_contracts, without_history

from core.rendering.views import catalog_views

CONTRACTS = shipped_contracts()


def test_a_view_shows_every_column_but_its_condition_and_the_partition_keys_too() -> None:
    view = catalog_views(CONTRACTS)["fact_payment_now"]
    names = [column["name"] for column in view["columns"]]
    assert "is_latest" not in names
    assert "month" in names
    assert view["sql"].endswith('from "fact_payment" where "is_latest"')


def test_a_fact_without_versions_has_a_view_of_the_rows_that_the_source_still_has() -> None:
    """Its deleted rows stay in it, and a sum over it counts them."""
    contracts = without_history(CONTRACTS, "fact_payment")
    view = catalog_views(contracts)["fact_payment_now"]
    assert "deleted_at" not in [column["name"] for column in view["columns"]]
    assert view["sql"].endswith('from "fact_payment" where "deleted_at" is null')
    assert view["description"] == "one row per version of a payment that the source still has"


def test_types_are_those_of_trino() -> None:
    types = {column["name"]: column["trino"] for column in catalog_views(CONTRACTS)["fact_payment_now"]["columns"]}
    assert (types["payment_id"], types["created_at"], types["created_time"]) == ("integer", "timestamp(3)", "varchar")


def test_a_table_of_that_name_has_the_name() -> None:
    sales = CONTRACTS.dataset("sales")
    tables = (*sales.tables, replace(CONTRACTS.table("dim_staff"), name="fact_payment_now"))
    contracts = replace(CONTRACTS, contracts=(replace(sales, tables=tables),))
    assert "fact_payment_now" not in catalog_views(contracts)
