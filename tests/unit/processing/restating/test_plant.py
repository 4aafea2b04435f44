"""Planted gaps: one row a day leaves a canary's fact, and no other table ever loses one."""

from __future__ import annotations

import pytest
from tests.support.lake import MemoryLake, order, shipped_contracts

from core.audit.canary import PlantedRow, planted_key
from core.audit.repair_jobs import PlantGap
from core.errors import InvalidData
from processing.restating.plant import plant_gap

CANARY, FACT = "sales_canary", "fact_sales_canary"
AT = "2026-11-20T10:00:00.123"


@pytest.fixture
def lake() -> MemoryLake:
    lake = MemoryLake(shipped_contracts())
    rows = [
        {"currency_id": number, "currency_code": f"C{number}", "created_at": AT, "last_updated": AT}
        for number in range(1, 6)
    ]
    lake.process(lake.put_table(CANARY, "currency", 1, rows), lake.put_table("sales", "sales_order", 1, [order(1)]))
    return lake


def numbers(lake: MemoryLake) -> set[int]:
    return {row["currency_id"] for row in lake.rows(FACT)}


def test_one_row_a_day_is_taken_out_and_recorded(lake: MemoryLake) -> None:
    (path,) = lake.paths(FACT)
    for day in ("2026-11-20", "2026-11-21"):
        before = numbers(lake)
        assert [plant_gap(lake.services, PlantGap(CANARY, FACT, path, day)) for _ in range(2)] == [1, 0]
        stored = lake.records.read(planted_key(CANARY))
        assert stored is not None
        planted = PlantedRow.from_json(stored.body)
        assert (planted.day, planted.table, planted.partition) == (day, FACT, path)
        assert before - numbers(lake) == {int(planted.key["currency_id"])}


def test_a_partition_without_rows_loses_none(lake: MemoryLake) -> None:
    assert plant_gap(lake.services, PlantGap(CANARY, FACT, "currency_id_bucket=99", "2026-11-20")) == 0


@pytest.mark.parametrize(
    ("dataset", "table"), [("sales", "fact_sales_order"), (CANARY, "fact_sales_order"), ("quotes", "fact_quote")]
)
def test_a_table_that_is_no_canary_is_never_touched(lake: MemoryLake, dataset: str, table: str) -> None:
    versions = lake.versions()
    with pytest.raises(InvalidData, match="no canary"):
        plant_gap(lake.services, PlantGap(dataset, table, "month=2026-11", "2026-11-20"))
    assert lake.versions() == versions
