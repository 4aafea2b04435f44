"""Comparison of a new generation with the one that readers see: by keys, wherever their columns lie."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.lake import MemoryLake, department, order, quote, shipped_contracts, staff
from tests.unit.core.evolution.test_generations import changed, with_field, with_table, without

from core.contract.model import Contracts, Partition, Table
from core.contract.types import parse_type
from core.evolution.generations import plan_transition
from core.rendering.catalog import catalog_tables
from processing.derived.rollups import derive_rollup
from processing.partitions.rollback import rollback
from processing.restating.generations import build_generations

AT = ("created_at", "last_updated")


def payment(number: int) -> dict[str, Any]:
    at = f"2026-11-{number % 3 + 1:02}T00:00:00"
    numbers = dict.fromkeys(("transaction_id", "counterparty_id", "currency_id"), 1)
    return numbers | {
        "payment_id": number, "created_at": at, "last_updated": at, "payment_amount": "1.00",
        "payment_type_id": number % 4 + 1, "paid": number % 2 == 0, "payment_date": "2026-11-01",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("column", "values"),
    [
        ("payment_type_id", ("1", "2", "3", "4")),
        ("paid", ("true", "false")),
        ("created_date", ("2026-11-01", "2026-11-02", "2026-11-03")),
        ("payment_amount", ("1.00",)),
    ],
)
def test_keys_that_lie_in_paths_are_found_again_among_rows_whatever_their_type(
    column: str, values: tuple[str, ...]
) -> None:
    def keyed(table: Table) -> Table:
        return replace(table, key=(column, "payment_id", "last_updated"))

    def by_value(table: Table) -> Table:
        return replace(keyed(table), partition_by=(Partition(column, column, "value", values=values),))

    before = with_table(shipped_contracts(), "fact_payment", by_value)
    lake = MemoryLake(before)
    assert lake.process(lake.put_table("sales", "payment", 1, [payment(number) for number in range(12)])) == {}
    assert len(lake.paths("fact_payment")) == len(values)
    wanted = with_table(shipped_contracts(), "fact_payment", keyed)
    for following in (wanted, before):
        transition = plan_transition(lake.services.contracts, following, now=int(lake.services.now().timestamp()))
        lake.deployed(transition.first)
        (built,) = build_generations(lake.services, transition.building)
        assert (built.rows_before, built.keys_before, built.keys, built.lost) == (12, 12, 12, 0)
        lake.deployed(transition.last(0))


@pytest.mark.parametrize("name", ["fact_payment", "dim_payment_type", "fact_quote_hourly"])
def test_a_new_table_is_whole_before_anybody_can_ask_for_it(name: str) -> None:
    wanted = shipped_contracts()
    before = without(wanted, name)
    lake, always = MemoryLake(before), MemoryLake(wanted)
    kind = {"payment_type_id": 1, "payment_type_name": "SALES_REFUND"} | dict.fromkeys(AT, "2026-11-01T00:00:00")

    def arrive(number: int) -> None:
        for each in (lake, always):
            keys = [
                each.put_table("sales", "payment", number, [payment(number)]),
                each.put_table("sales", "payment_type", number, [kind | {"payment_type_id": number}]),
                each.put(f"feeds/quotes/2026/11/20/14/{number}.gz", [quote("ZM", f"2026-11-20T14:3{number}:00Z", "7")]),
            ]
            assert each.process(*keys) == {}

    arrive(1)
    transition = plan_transition(before, wanted, now=int(lake.services.now().timestamp()))
    lake.deployed(transition.first)
    arrive(2)
    assert name not in catalog_tables(lake.services.contracts)
    (built,) = build_generations(lake.services, transition.building)
    assert (built.folder, built.rows_before, built.lost, built.is_smaller) == (name, 0, 0, False)
    is_rollup = name == "fact_quote_hourly"
    if is_rollup:  # audits bring it up to date
        for path in lake.paths("fact_quote"):
            derive_rollup(always.services, wanted.table(name), path)
    else:
        arrive(3)
    lake.deployed(transition.last(0))
    assert lake.rows(name) == always.rows(name)
    assert len(lake.rows(name)) == (1 if is_rollup else 3)


@pytest.mark.parametrize(
    ("field", "change"),
    [("department_id", {"type": parse_type("bigint")}), ("manager", {"name": "head", "was": ("manager",)})],
)
def test_a_state_that_both_generations_are_made_of_goes_on_when_its_columns_change_in_the_grace_period(
    field: str, change: dict[str, Any]
) -> None:
    """The dimension of before cannot be computed of it any more: it is not kept, and no object fails for it."""

    def narrower(contracts: Contracts) -> Contracts:
        return with_table(contracts, "dim_staff", lambda table: replace(table, key=("staff_id", "email_address")))

    before, lake = shipped_contracts(), MemoryLake(shipped_contracts())
    keys = [lake.put_table("sales", "department", 1, [department(1, "Sales")])]
    assert lake.process(*keys, lake.put_table("sales", "staff", 1, [staff(1, 1)])) == {}
    now = int(lake.services.now().timestamp())
    transition = plan_transition(before, narrower(before), now=now)
    lake.deployed(transition.first)
    assert [built.table for built in build_generations(lake.services, transition.building)] == ["dim_staff"]
    lake.deployed(transition.last(now))

    wanted = changed(narrower(before), "sales", lambda contract: with_field(contract, "department", field, **change))
    lake.deployed(plan_transition(lake.services.contracts, wanted, now=now + 60).first)
    line = department(2, "Purchase")
    line = {change.get("name", name) if name == field else name: value for name, value in line.items()}
    assert lake.process(lake.put_table("sales", "department", 2, [line])) == {}
    assert lake.process(lake.put_table("sales", "staff", 2, [staff(2, 2)])) == {}
    names = {row["staff_id"]: row["department_name"] for row in lake.rows("dim_staff")}
    assert names == {1: "Sales", 2: "Purchase"}
    back = plan_transition(lake.services.contracts, before, now=now + 120)
    assert "dim_staff" in {new.table for new in back.building}, "what was not kept is no generation to go back to"


def test_a_generation_says_whose_holds_readers_would_no_longer_be_kept_from() -> None:
    """The new one is made of all that came: what somebody had rolled back and held was seen again, without a word."""
    lake = MemoryLake(shipped_contracts())
    for number, units in ((1, 3), (2, 9)):
        line = order(number, "2026-11-20T10:00:00.000", created_at="2026-11-03T00:30:00", units_sold=units)
        assert lake.process(lake.put_table("sales", "sales_order", number, [line])) == {}
    table = lake.services.contracts.table("fact_sales_order")
    context = lake.services.context_of(lake.services.contracts.dataset("sales"))
    rollback(lake.services.partitions, table, "month=2026-11", to=1, hold="bad prices (by alice)", context=context)
    daily = with_table(lake.services.contracts, table.name, by_day_of)
    transition = plan_transition(lake.services.contracts, daily, now=int(lake.services.now().timestamp()))
    lake.deployed(transition.first)
    (built,) = build_generations(lake.services, transition.building)
    assert (built.rows_before, built.rows) == (1, 2)
    assert built.held == ("fact_sales_order month=2026-11: bad prices (by alice)",)


def by_day_of(table: Table) -> Table:
    (part,) = table.partition_by
    return replace(table, partition_by=(replace(part, name="day", transform="day"),))
