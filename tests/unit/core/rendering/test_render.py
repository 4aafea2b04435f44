"""The project's own contracts, and the form that Terraform and the Lambdas read."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from core.authoring.load import load
from core.contract.codec import load_rendered
from core.contract.model import Contracts
from core.rendering.render import render
from core.warehouse.arrow_types import CONTENT_FIELDS, stored_schema

CONTRACTS = Path(__file__).parents[4] / "contracts"
TODAY = dt.date(2026, 11, 21)


@pytest.fixture(scope="module")
def contracts() -> Contracts:
    return load(CONTRACTS, today=TODAY)


def test_the_sales_contract_promises_eleven_source_tables_and_a_star_of_eleven(contracts: Contracts) -> None:
    sales = contracts.dataset("sales")
    assert sales.source is not None
    assert len(sales.source.tables) == 11
    kinds = [table.kind for table in sales.tables]
    assert (kinds.count("fact"), kinds.count("dimension") + kinds.count("calendar")) == (3, 8)


def test_what_is_rendered_is_read_back_as_it_was(contracts: Contracts) -> None:
    assert load_rendered(render(contracts)) == contracts


def test_the_same_contracts_render_to_the_same_bytes_all_year(contracts: Contracts) -> None:
    assert render(load(CONTRACTS, today=dt.date(2026, 1, 1))) == render(contracts)


def test_another_format_is_refused_rather_than_guessed(contracts: Contracts) -> None:
    document = json.loads(render(contracts))
    document["format"] = 0
    with pytest.raises(ValueError, match="starmend contract render"):
        load_rendered(json.dumps(document))


def test_no_column_of_money_is_a_float(contracts: Contracts) -> None:
    catalog = json.loads(render(contracts))["catalog"]
    money = {
        (name, column["name"]): column["type"]
        for name, table in catalog.items()
        for column in table["columns"]
        if any(word in column["name"] for word in ("price", "amount", "open", "high", "low", "close"))
    }
    assert money
    assert all(kind.startswith("decimal") or name.startswith("raw_") for (name, _), kind in money.items()), money


def test_every_partition_column_is_projected_and_lies_in_the_path(contracts: Contracts) -> None:
    catalog = json.loads(render(contracts))["catalog"]
    fact = catalog["fact_sales_order"]
    assert fact["template"] == "month=${month}/"
    assert fact["projection"]["projection.month.range"] == "2024-01,NOW+1MONTHS"
    assert fact["projection"]["projection.month.interval.unit"] == "MONTHS"
    for table in catalog.values():
        columns = {column["name"] for column in table["columns"]}
        keys = {key["name"] for key in table["partition_keys"]}
        assert not columns & keys
        assert all(f"${{{key}}}" in table["template"] for key in keys)


def test_the_catalog_lists_columns_in_the_order_of_the_stored_schema(contracts: Contracts) -> None:
    catalog = json.loads(render(contracts))["catalog"]
    for table in contracts.tables():
        listed = [column["name"] for column in catalog[table.name]["columns"]]
        hidden = [kept.name for kept in CONTENT_FIELDS] if table.keeps_content else []
        assert [*listed, *hidden] == stored_schema(table).names


def test_what_keeps_history_has_a_view_of_now_and_what_may_be_incomplete_one_of_what_is_whole(
    contracts: Contracts,
) -> None:
    views = json.loads(render(contracts))["views"]
    assert sorted(views) == [
        "fact_payment_now", "fact_purchase_order_now", "fact_quote_hourly_complete", "fact_sales_order_now",
    ]  # fmt: skip
    hourly = views["fact_quote_hourly_complete"]
    assert hourly["sql"].endswith('"symbol", "month" from "fact_quote_hourly" where "complete"')
    types = {column["name"]: (column["type"], column["trino"]) for column in hourly["columns"]}
    assert types["hour"] == ("timestamp", "timestamp(3)")
    assert types["open"] == ("decimal(18,6)", "decimal(18,6)")
    assert types["minutes"] == ("int", "integer")
    assert "complete" not in types


def test_terraform_makes_three_parameters_for_a_database_table(contracts: Contracts) -> None:
    parameters = json.loads(render(contracts))["parameters"]
    assert parameters["sales/sales_order/timestamp"] == "1970-01-01T00:00:00.000000Z"
    assert parameters["sales/sales_order/sequential_id"] == "0"
    assert parameters["sales/sales_order/latest_object"] == "0"


def test_account_numbers_are_promised_to_nobody(contracts: Contracts) -> None:
    assert "ac_number" not in render(contracts)


def test_the_hash_changes_with_the_promise_and_with_nothing_else(contracts: Contracts, tmp_path: Path) -> None:
    text = (CONTRACTS / "sales.yaml").read_text()
    (tmp_path / "lookups").symlink_to(CONTRACTS / "lookups")
    target = tmp_path / "sales.yaml"
    target.write_text(text + "\n# a remark\n")
    assert load(tmp_path, today=TODAY).dataset("sales").hash == contracts.dataset("sales").hash
    target.write_text(text.replace('check: "> 0"', 'check: ">= 0"', 1))
    assert load(tmp_path, today=TODAY).dataset("sales").hash != contracts.dataset("sales").hash
