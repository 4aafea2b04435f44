"""Partitions as the auditor reads them: what is broken is a problem of its own, never a partition without rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.support.lake import MemoryLake, order, shipped_contracts

from auditor.warehouse.partitions import read_partition, target_of
from core.warehouse.pointer import pointer_key
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
