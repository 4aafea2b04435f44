"""Partitions as the auditor reads them: what is broken is a problem of its own, never a partition without rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.support.lake import MemoryLake, order, shipped_contracts

from auditor.warehouse.partitions import read_partition, target_of
from core.warehouse.pointer import pointer_key
from processing.partitions.parquet import encode
from processing.restating.rebuild import rebuild_table

PATH = "month=2026-11"
NAME = f"fact_sales_order/{PATH}"
POINTER = pointer_key(NAME)


def filled() -> MemoryLake:
    lake = MemoryLake(shipped_contracts())
    for number in (1, 2):
        lake.process(lake.put_table("sales", "sales_order", number, [order(number)]))
    return lake


def lose_pointer(lake: MemoryLake) -> None:
    lake.partitions.delete([POINTER])


def lose_object(lake: MemoryLake) -> None:
    lake.partitions.delete([lake.versions()[POINTER]])


def scribble(lake: MemoryLake) -> None:
    lake.partitions.objects[POINTER] = b"nonsense"


def point_abroad(lake: MemoryLake) -> None:
    lake.process(lake.put_table("sales", "sales_order", 3, [order(3, created_at="2026-10-05T00:00:00")]))
    lake.partitions.objects[POINTER] = lake.partitions.objects[pointer_key("fact_sales_order/month=2026-10")]


@pytest.mark.parametrize("damage", [lose_pointer, lose_object, scribble, point_abroad])
def test_a_broken_partition_is_a_problem_and_its_restatement_heals_it(damage: Callable[[MemoryLake], None]) -> None:
    lake = filled()
    table = lake.services.contracts.table("fact_sales_order")
    assert read_partition(lake.partitions, table, PATH).problem == ""
    damage(lake)
    held = read_partition(lake.partitions, table, PATH)
    assert held.problem
    assert held.rows.num_rows == 0
    list(rebuild_table(lake.services, "fact_sales_order", PATH))
    held = read_partition(lake.partitions, table, PATH)
    assert (held.problem, held.rows.num_rows) == ("", 2)
    assert target_of(lake.partitions, NAME) == held.target


def test_a_partition_without_a_commit_is_no_problem() -> None:
    table = shipped_contracts().table("fact_sales_order")
    held = read_partition(MemoryLake(shipped_contracts()).partitions, table, PATH)
    assert (held.problem, held.target) == ("", "")


@pytest.mark.parametrize("recorded", [True, False])
def test_rows_of_another_layout_are_a_problem_and_their_restatement_heals_it(recorded: bool) -> None:
    lake = filled()
    table = lake.services.contracts.table("fact_sales_order")
    turned = replace(table, key=tuple(reversed(table.key)))
    lake.process(lake.put_table("sales", "sales_order", 3, [order(3, "2026-11-20T09:00:00.000")]))
    if not recorded:
        snapshot = lake.snapshot("fact_sales_order", PATH)
        body = encode(snapshot.table, replace(snapshot.footer, layout=None), key=table.key)
        lake.partitions.objects[snapshot.key] = body
    assert read_partition(lake.partitions, table, PATH).problem == ""
    assert "key" in read_partition(lake.partitions, turned, PATH).problem
    contract = lake.services.contracts.dataset("sales")
    tables = tuple(turned if other.name == table.name else other for other in contract.tables)
    contracts = replace(
        lake.services.contracts,
        contracts=tuple(
            replace(contract, tables=tables) if other.dataset == "sales" else other
            for other in lake.services.contracts.contracts
        ),
    )
    lake.services = replace(lake.services, contracts=contracts)
    list(rebuild_table(lake.services, "fact_sales_order", PATH))
    held = read_partition(lake.partitions, turned, PATH)
    assert (held.problem, held.rows.num_rows) == ("", 3)
