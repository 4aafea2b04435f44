"""Views of what is certified: what Athena is told, held against its own grammar and its own form of a view."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
import sqlglot
from sqlglot import exp
from tests.support.contracts import GOOD, TODAY, changed, folder_of
from tests.support.lake import shipped_contracts

from core.authoring.load import load
from core.contract.model import Contracts
from core.mirroring.views import CertifiedView, certified_view, time_column
from core.time import epoch

UNTIL = epoch("2026-11-20T16:00:00Z")


def view_of(contracts: Contracts, name: str) -> CertifiedView:
    table = contracts.table(name)
    contract = contracts.dataset(table.dataset)
    return certified_view(contract, table, snapshot=949530903748831860, until=UNTIL, database="star_iceberg")


def test_the_view_is_a_snapshot_by_its_number_up_to_the_instant_that_it_holds_for(tmp_path: Path) -> None:
    contract = changed("warehouse/fact_sale/partition_by", ["bucket(sale_id, 3)", "month(created_at)"])
    view = view_of(load(folder_of(tmp_path, contract), today=TODAY), "fact_sale")
    assert view.name == "fact_sale_certified"
    assert view.sql == (
        'select "sale_record_id", "sale_id", "person_id", "created_at", "changed_at", "price", "is_latest", '
        '"sale_id_bucket" '
        'from "star_iceberg"."fact_sale" for version as of 949530903748831860 '
        "where \"created_at\" < timestamp '2026-11-20 16:00:00'"
    )


def test_it_is_encoded_as_athena_stores_its_own_views(tmp_path: Path) -> None:
    view = view_of(load(folder_of(tmp_path, GOOD), today=TODAY), "fact_sale")
    mark, _, rest = view.original_text.partition(": ")
    assert (mark, rest[-3:]) == ("/* Presto View", " */")
    stored = json.loads(base64.b64decode(rest[:-3], validate=True))
    assert (stored["originalSql"], stored["catalog"], stored["schema"]) == (view.sql, "awsdatacatalog", "star_iceberg")
    assert {"name": "created_at", "type": "timestamp(6)"} in stored["columns"]
    assert {"name": "price", "type": "decimal(10,2)"} in stored["columns"]
    assert {"name": "sale_id", "type": "integer"} in stored["columns"]


@pytest.mark.parametrize("table", list(shipped_contracts().tables()), ids=lambda table: table.name)
def test_every_shipped_table_has_a_view_that_athena_can_read(table: object) -> None:
    name = getattr(table, "name", "")
    view = view_of(shipped_contracts(), name)
    (source,) = sqlglot.parse_one(view.sql, read="athena").find_all(exp.Table)
    assert (source.db, source.name) == ("star_iceberg", name)
    assert source.args["version"].expression.name == "949530903748831860"
    selected = [column.name for column in sqlglot.parse_one(view.sql, read="athena").expressions]
    assert selected == [column.name for column in view.columns]


def test_facts_and_rollups_are_bounded_by_their_time_and_dimensions_by_none() -> None:
    contracts = shipped_contracts()
    bounded = {table.name: time_column(contracts.dataset(table.dataset), table) for table in contracts.tables()}
    assert {
        name: column for name, column in bounded.items() if name.startswith(("fact_quote", "fact_sales_order"))
    } == {
        "fact_quote": "minute",
        "fact_quote_hourly": "hour",
        "fact_sales_order": "created_at",
    }
    assert {column for name, column in bounded.items() if name.startswith("dim_")} == {""}
