"""Ingest objects of a batch: each fails for itself, and each derived table is made once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tests.fakes.partitions import MemoryPartitions
from tests.support.lake import MemoryLake, department, landing, order, quote, shipped_contracts, staff

from core.contract.model import Table
from core.errors import OutOfReach
from core.ports import Pointer
from processing import ingest as module
from processing.ingest import Ingest, commit_parts, derive_all, grouped
from processing.plan import plan_source
from processing.services import Services


@pytest.fixture
def lake() -> MemoryLake:
    return MemoryLake(shipped_contracts())


class OrdersOutOfReach(MemoryPartitions):
    """One table's pointers cannot be read."""

    def read_pointer(self, partition: str) -> Pointer | None:
        if partition.startswith("fact_sales_order"):
            raise OutOfReach("read pointer", partition, "no answer")
        return super().read_pointer(partition)


def admitted(lake: MemoryLake, *keys: str) -> list[Ingest]:
    places = [landing(key) for key in keys]
    return [
        Ingest(place, plan_source(lake.services.contracts.dataset(place.dataset), place.table), 0.0) for place in places
    ]


def test_objects_are_grouped_by_the_size_of_their_rows_and_one_that_is_gone_is_in_none(
    lake: MemoryLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [lake.put_table("sales", "sales_order", number, [order(number)]) for number in (1, 2)]
    objects = admitted(lake, keys[0], "tables/sales/sales_order/000000000009.jsonl.gz", keys[1])
    monkeypatch.setattr(module, "GROUP_BYTES", 1)
    with ThreadPoolExecutor(2) as pool:
        groups = [list(group) for group in grouped(objects, lake.services, pool)]
    assert groups == [[objects[0]], [objects[2]]]
    assert objects[1].parsed is None
    assert objects[1].error is None


def test_a_partition_that_fails_fails_the_objects_that_have_rows_in_it_alone(lake: MemoryLake) -> None:
    keys = [
        lake.put_table("sales", "sales_order", 1, [order(1)]),
        lake.put("feeds/quotes/2026/11/20/14/1", [quote("AAPL", "2026-11-20T14:00:00Z", "1.5")]),
    ]

    partitions = OrdersOutOfReach()
    services = replace(lake.services, partitions=partitions)
    objects = admitted(lake, *keys)
    with ThreadPoolExecutor(2) as pool:
        for group in grouped(objects, services, pool):
            commit_parts(group, services, pool)
    assert isinstance(objects[0].error, OutOfReach)
    assert [objects[0].done, objects[1].done, objects[1].committed] == [False, True, True]
    assert [touched.outcome for touched in objects[1].touched] == ["committed"]


def test_a_derived_table_is_made_once_for_all_objects_and_its_failure_is_theirs(lake: MemoryLake) -> None:
    keys = [
        lake.put_table("sales", "staff", 1, [staff(1, 1)]),
        lake.put_table("sales", "department", 1, [department(1, "Art")]),
        lake.put_table("sales", "sales_order", 1, [order(1)]),
    ]
    objects = admitted(lake, *keys)
    derived: list[str] = []

    def derive(_services: Services, table: Table) -> None:
        derived.append(table.name)
        raise OutOfReach("derive", table.name, "no answer")

    with ThreadPoolExecutor(2) as pool:
        for group in grouped(objects, lake.services, pool):
            commit_parts(group, lake.services, pool)
        derive_all(objects, lake.services, pool, derive)
    assert derived == ["dim_staff"]
    assert [ingest.error is not None for ingest in objects] == [True, True, False]
