"""Planted gaps: one row a day leaves a canary's fact, and no other table ever loses one."""

from __future__ import annotations

import pytest
from tests.support.worlds import MemoryWorld, order, shipped_contracts

from core.audit.canary import PlantedRow, planted_key
from core.audit.repair_jobs import PlantGap
from core.errors import InvalidData
from processing.restating.plant import plant_gap

CANARY, FACT = "sales_canary", "fact_sales_canary"
AT = "2026-11-20T10:00:00.123"


@pytest.fixture
def world() -> MemoryWorld:
    world = MemoryWorld(shipped_contracts())
    rows = [
        {"currency_id": number, "currency_code": f"C{number}", "created_at": AT, "last_updated": AT}
        for number in range(1, 6)
    ]
    world.process(world.put_table(CANARY, "currency", 1, rows), world.put_table("sales", "sales_order", 1, [order(1)]))
    return world


def numbers(world: MemoryWorld) -> set[int]:
    return {row["currency_id"] for row in world.rows(FACT)}


def test_one_row_a_day_is_taken_out_and_recorded(world: MemoryWorld) -> None:
    (path,) = world.paths(FACT)
    for day in ("2026-11-20", "2026-11-21"):
        before = numbers(world)
        assert [plant_gap(world.world, PlantGap(CANARY, FACT, path, day)) for _ in range(2)] == [1, 0]
        stored = world.records.read(planted_key(CANARY))
        assert stored is not None
        planted = PlantedRow.from_json(stored.body)
        assert (planted.day, planted.table, planted.partition) == (day, FACT, path)
        assert before - numbers(world) == {int(planted.key["currency_id"])}


def test_a_partition_without_rows_loses_none(world: MemoryWorld) -> None:
    assert plant_gap(world.world, PlantGap(CANARY, FACT, "currency_id_bucket=99", "2026-11-20")) == 0


@pytest.mark.parametrize(
    ("dataset", "table"), [("sales", "fact_sales_order"), (CANARY, "fact_sales_order"), ("quotes", "fact_quote")]
)
def test_a_table_that_is_no_canary_is_never_touched(world: MemoryWorld, dataset: str, table: str) -> None:
    versions = world.versions()
    with pytest.raises(InvalidData, match="no canary"):
        plant_gap(world.world, PlantGap(dataset, table, "month=2026-11", "2026-11-20"))
    assert world.versions() == versions
