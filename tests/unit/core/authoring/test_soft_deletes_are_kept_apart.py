"""A source that marks its own rows as deleted: its column is data, and the pipeline's mark has another name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.contracts import TODAY, changed, folder_of, problems_of
from tests.support.lake import MemoryLake

from auditor.databases.rows.targets import targets_of
from core.authoring.load import load
from core.contract.codec import load_rendered, to_data
from core.contract.model import Contracts
from core.rendering.render import render

FACT = "warehouse/fact_sale"
MARKS = ("starmend_deleted_at", "starmend_checked_at")


def soft_deleting() -> dict[str, Any]:
    """The shop, whose sales and persons have ``deleted_at`` (and the sales ``checked_at``) of their own."""
    contract = changed("source/tables/sale/columns/deleted_at", "timestamp?")
    contract = changed("source/tables/sale/columns/checked_at", "timestamp?", contract=contract)
    contract = changed("source/tables/person/columns/deleted_at", "timestamp?", contract=contract)
    for name in ("deleted_at", "checked_at", *MARKS):
        contract = changed(f"{FACT}/columns/{name}", "timestamp", contract=contract)
    contract = changed(f"{FACT}/version", ["changed_at", "starmend_checked_at"], contract=contract)
    return changed("warehouse/dim_person/columns/deleted_at", "timestamp", contract=contract)


def contracts_in(folder: Path) -> Contracts:
    return load(folder_of(folder, soft_deleting()), today=TODAY)


def sale(number: int, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"sale_id": number, "person_id": 1, "price": 5, "note": None}
    row |= {"created_at": "2026-11-20T10:00:00", "changed_at": "2026-11-20T10:00:00"}
    return row | {"deleted_at": None, "checked_at": None} | more


def test_a_row_that_the_source_marked_is_the_latest_and_one_that_is_gone_is_not(tmp_path: Path) -> None:
    lake = MemoryLake(contracts_in(tmp_path))
    soft = "2026-11-20T11:00:00"
    first = lake.put_table("shop", "sale", 1, [sale(1, deleted_at=soft, checked_at=soft), sale(2)])
    gone = sale(2) | {"starmend_deleted_at": "2026-11-20T12:00:00Z", "starmend_checked_at": "2026-11-20T12:00:00Z"}
    repair = lake.put("repair/shop/sale/20261120T120000000000Z-gone-1.jsonl.gz", [gone])
    assert lake.process(first, repair) == {}
    flags = {row["sale_id"]: (row["is_latest"], row["deleted_at"] is None) for row in lake.rows("fact_sale")}
    assert flags == {1: (True, False), 2: (False, True)}


def test_a_dimension_keeps_who_is_marked_and_leaves_out_who_is_gone(tmp_path: Path) -> None:
    lake = MemoryLake(contracts_in(tmp_path))
    person = {"person_id": 1, "name": "A", "changed_at": "2026-11-20T10:00:00", "deleted_at": "2026-11-20T11:00:00"}
    other = person | {"person_id": 2, "deleted_at": None}
    gone = other | {"starmend_deleted_at": "2026-11-20T12:00:00Z", "checked_at": "2026-11-20T12:00:00Z"}
    first = lake.put_table("shop", "person", 1, [person, other])
    assert lake.process(first) == {}
    assert [row["person_id"] for row in lake.rows("dim_person")] == [1, 2]
    assert lake.process(lake.put("repair/shop/person/20261120T120000000000Z-gone-1.jsonl.gz", [gone])) == {}
    assert [(row["person_id"], row["deleted_at"] is None) for row in lake.rows("dim_person")] == [(1, False)]


def test_the_auditor_compares_by_the_pipelines_marks(tmp_path: Path) -> None:
    targets = {target.table.name: target for target in targets_of(contracts_in(tmp_path).dataset("shop"))}
    assert (targets["fact_sale"].deleted, targets["fact_sale"].checked) == MARKS
    current = targets["_current/person"]
    assert (current.deleted, current.checked) == ("starmend_deleted_at", "checked_at")


def test_the_names_travel_with_the_contract_and_say_nothing_where_they_are_as_ever(tmp_path: Path) -> None:
    contracts = contracts_in(tmp_path)
    assert load_rendered(render(contracts)) == contracts
    written = {table.name: to_data(table) for table in contracts.tables()}
    assert written["fact_sale"]["deleted"] == "starmend_deleted_at"
    assert "checked" not in written["dim_person"]


def test_a_mark_that_takes_the_sources_own_column_is_refused(tmp_path: Path) -> None:
    contract = soft_deleting()
    contract["warehouse"]["fact_sale"]["columns"]["starmend_deleted_at"] = {"type": "timestamp", "from": "deleted_at"}
    (problem,) = problems_of(tmp_path, contract)
    assert "'starmend_deleted_at' is the pipeline's own mark of a row" in problem.problem
