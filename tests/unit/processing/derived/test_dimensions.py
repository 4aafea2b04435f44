"""Dimensions follow the current state of their source tables, contract-made tables follow the contract."""

from __future__ import annotations

import dataclasses

import pytest
from tests.support.lake import MemoryLake, department, numbered, order, shipped_contracts, staff

from core.contract.model import Contracts
from core.warehouse.pointer import pointer_key
from processing.restating.rebuild import rebuild_table

LATER = "2026-11-20T11:00:00.000"


@pytest.fixture
def lake() -> MemoryLake:
    lake = MemoryLake(shipped_contracts())
    lake.process(
        lake.put_table("sales", "department", 1, [department(1, "Sales"), department(2, "Art")]),
        lake.put_table("sales", "staff", 1, [staff(1, 1), staff(2, 2), staff(3, 1)]),
    )
    return lake


def test_a_changed_department_changes_its_staff_and_nothing_else(lake: MemoryLake) -> None:
    before, versions = numbered(lake.rows("dim_staff"), "staff_id"), lake.versions()
    lake.process(lake.put_table("sales", "department", 2, [department(1, "Selling", LATER, location="York")]))
    after = numbered(lake.rows("dim_staff"), "staff_id")
    changed = {number for number in after if after[number] != before[number]}
    assert changed == {1, 3}
    for number in changed:
        expected = {**before[number], "department_name": "Selling", "location": "York"}
        assert after[number] == expected
    moved = {key for key, target in lake.versions().items() if versions.get(key) != target}
    assert moved == {f"warehouse/{name}/symlink.txt" for name in ("dim_staff", "_current/department")}


def test_staff_whose_department_has_not_come_yet_are_kept_and_completed_later() -> None:
    lake = MemoryLake(shipped_contracts())
    lake.process(lake.put_table("sales", "staff", 1, [staff(1, 7)]))
    assert lake.rows("dim_staff")[0]["department_name"] is None
    lake.process(lake.put_table("sales", "department", 1, [department(7, "Late")]))
    assert lake.rows("dim_staff")[0]["department_name"] == "Late"


def test_a_deleted_row_leaves_the_dimension_and_comes_back_with_a_newer_version(lake: MemoryLake) -> None:
    gone = staff(2, 2, checked_at="2026-11-20T12:00:00Z", deleted_at="2026-11-20T12:00:00Z")
    lake.process(lake.put("repair/sales/staff/check-1.jsonl.gz", [gone]))
    assert [row["staff_id"] for row in lake.rows("dim_staff")] == [1, 3]
    lake.process(lake.put_table("sales", "staff", 2, [staff(2, 1, "2026-11-20T13:00:00Z")]))
    assert numbered(lake.rows("dim_staff"), "staff_id")[2]["department_name"] == "Sales"


def test_a_row_that_a_dimensions_rule_refuses_is_quarantined_before_it_becomes_current(lake: MemoryLake) -> None:
    row = {"payment_type_id": 1, "payment_type_name": "BARTER", "created_at": LATER, "last_updated": LATER}
    good = row | {"payment_type_id": 2, "payment_type_name": "SALES_REFUND"}
    key = lake.put_table("sales", "payment_type", 1, [row, good])
    lake.process(key)
    assert [row["payment_type_id"] for row in lake.rows("dim_payment_type")] == [2]
    (line,) = lake.quarantined(key)
    assert line["reason"].startswith("payment_type_name: BARTER breaks one_of SALES_RECEIPT")


def test_a_currency_is_named_by_the_lookup_and_an_unlisted_one_has_no_name(lake: MemoryLake) -> None:
    rows = [
        {"currency_id": number, "currency_code": code, "created_at": LATER, "last_updated": LATER}
        for number, code in ((1, "GBP"), (2, "XQQ"))
    ]
    lake.process(lake.put_table("sales", "currency", 1, rows))
    found = numbered(lake.rows("dim_currency"), "currency_id")
    assert found[1]["currency_name"]
    assert found[2]["currency_name"] is None


def test_the_entities_of_a_feed_are_a_dimension_that_follows_the_contract(lake: MemoryLake) -> None:
    feed = lake.services.contracts.feed("quotes")
    assert [row["symbol"] for row in lake.rows("dim_symbol")] == sorted(entity.name for entity in feed.entities)
    fewer = dataclasses.replace(feed, entities=feed.entities[:3])
    contracts = tuple(
        dataclasses.replace(contract, source=fewer, hash="another") if contract.dataset == "quotes" else contract
        for contract in lake.services.contracts
    )
    deployed = Contracts(contracts, lake.services.contracts.lookups, lake.services.contracts.calendars)
    lake.services = dataclasses.replace(lake.services, contracts=deployed, ensured=set())
    lake.process(lake.put_table("sales", "sales_order", 1, [order(1)]))
    assert len(lake.rows("dim_symbol")) == 3


def test_contract_made_tables_are_made_once_and_not_again_by_the_next_process(lake: MemoryLake) -> None:
    versions = lake.versions()
    lake.services.ensured.clear()
    lake.process(lake.put_table("sales", "sales_order", 1, [order(1)]))
    for name in ("dim_date", "dim_symbol"):
        key = f"warehouse/{name}/symlink.txt"
        assert lake.versions()[key] == versions[key]


@pytest.mark.parametrize("damage", ["pointer", "object"])
def test_a_dimension_is_never_made_of_an_input_that_is_broken(damage: str) -> None:
    """One line of staff once made a dimension full of nulls out of departments that had only lost their pointer."""
    lake = MemoryLake(shipped_contracts())
    lake.process(lake.put_table("sales", "department", 1, [department(1, "Sales")]))
    lake.process(lake.put_table("sales", "department", 2, [department(2, "Law")]))
    lake.process(lake.put_table("sales", "staff", 1, [staff(1, 1)]))
    before = lake.rows("dim_staff")
    versions = lake.versions()
    pointer = pointer_key("_current/department")
    lake.partitions.delete([pointer if damage == "pointer" else versions[pointer]])
    key = lake.put_table("sales", "staff", 2, [staff(2, 2)])
    assert "starmend rebuild" in str(lake.process(key)[key])
    assert lake.rows("dim_staff") == before
    list(rebuild_table(lake.services, "dim_staff"))
    assert lake.process(key) == {}
    assert [row["department_name"] for row in lake.rows("dim_staff")] == ["Sales", "Law"]
