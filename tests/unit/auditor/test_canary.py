"""A canary tells only what its newest gap proves; a gap is planted once a day where rows are."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.support.feeds import contracts_in
from tests.support.tables import ORDERS, rows_of
from tests.unit.auditor.conftest import NOW

from auditor.canary import OLDEST, canary_healed, gap_to_plant
from auditor.services import Services
from core.audit.canary import PlantedRow, planted_key
from core.contract.model import Contract, Contracts, Database
from core.warehouse.pointer import DATA_ROOT
from processing.partitions.commit import CommitContext, SourceRef, commit_rows

SECONDS = int(NOW.timestamp())
SALES = contracts_in().dataset("sales").source
assert isinstance(SALES, Database)
CONTRACT = Contract("test", replace(SALES, canary=True, complete_within=3600), (ORDERS,))


@pytest.fixture
def shadow(services: Services) -> Services:
    return replace(services, contracts=Contracts((CONTRACT,)))


def planted(services: Services, *, ago: int, checked_at: str = "") -> None:
    gap = PlantedRow("2026-11-20", ORDERS.name, "", {"order_id": "1"}, checked_at, SECONDS - ago)
    services.records.write(planted_key("test"), gap.to_json())


def committed(services: Services, **row: Any) -> None:
    rows = rows_of(ORDERS, [{"order_id": 1, "updated": NOW.replace(tzinfo=None), **row}])
    context = CommitContext("c", random=random.Random(0), sleep=lambda _: None)
    commit_rows(services.partitions, ORDERS, "", rows, sources=[SourceRef("o", "e")], context=context)


def healed(services: Services) -> bool | None:
    return canary_healed(services, "test", now=SECONDS)


def test_a_dataset_that_is_no_canary_tells_nothing(services: Services) -> None:
    assert canary_healed(services, "quotes", now=SECONDS) is None
    assert canary_healed(services, "sales", now=SECONDS) is None


def test_where_rows_are_and_nothing_was_ever_planted_the_planting_does_not_work(shadow: Services) -> None:
    assert healed(shadow) is None
    shadow.records.write(f"warehouse/_data/{ORDERS.name}/object.parquet", b"")
    assert healed(shadow) is False


def test_a_row_that_came_back_through_a_repair_is_healed(shadow: Services) -> None:
    planted(shadow, ago=60)
    committed(shadow, checked_at=NOW.replace(tzinfo=None))
    assert healed(shadow) is True


def test_a_row_that_the_extraction_brought_or_none_is_not_healed_but_has_its_time(shadow: Services) -> None:
    planted(shadow, ago=3599)
    assert healed(shadow) is None
    committed(shadow)
    assert healed(shadow) is None
    planted(shadow, ago=3600)
    assert healed(shadow) is False


def test_what_proves_only_an_old_gap_proves_nothing(shadow: Services) -> None:
    committed(shadow, checked_at=NOW.replace(tzinfo=None))
    planted(shadow, ago=OLDEST + 1)
    assert healed(shadow) is False


def test_a_gap_is_planted_once_a_day_and_the_same_by_whoever_plants_it(shadow: Services) -> None:
    places = [f"{ORDERS.name}/day={day}" for day in range(9)]
    gap = gap_to_plant(shadow, CONTRACT, places, now=SECONDS)
    assert gap is not None
    assert (gap.day, gap.table, f"{gap.table}/{gap.partition}" in places) == ("2026-11-20", ORDERS.name, True)
    assert gap_to_plant(shadow, CONTRACT, reversed(places), now=SECONDS) == gap  # type: ignore[arg-type]
    planted(shadow, ago=0)
    assert gap_to_plant(shadow, CONTRACT, places, now=SECONDS) is None
    tomorrow = int((NOW + timedelta(days=1)).timestamp())
    assert gap_to_plant(shadow, CONTRACT, places, now=tomorrow) is not None


def test_nothing_is_planted_where_no_rows_are_or_in_no_canary(shadow: Services) -> None:
    assert gap_to_plant(shadow, CONTRACT, [], now=SECONDS) is None
    plain = replace(CONTRACT, source=SALES)
    assert gap_to_plant(shadow, plain, [f"{ORDERS.name}/day=1"], now=SECONDS) is None


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"day": 7}', b"\xff"])
def test_a_planted_row_that_cannot_be_read_is_as_if_nobody_had_planted_it(shadow: Services, body: bytes) -> None:
    shadow.records.write(f"{DATA_ROOT}{ORDERS.folder}/object.parquet", b"")
    shadow.records.write(planted_key("test"), body)
    assert healed(shadow) is False
    assert gap_to_plant(shadow, CONTRACT, [ORDERS.name], now=SECONDS) is not None


def test_a_row_that_was_planted_in_a_table_of_another_contract_ends_no_audit(shadow: Services) -> None:
    shadow.records.write(f"{DATA_ROOT}{ORDERS.folder}/object.parquet", b"")
    gap = PlantedRow("2026-11-20", "a_table_of_before", "", {"order_id": "1"}, "", SECONDS - 60)
    shadow.records.write(planted_key("test"), gap.to_json())
    assert healed(shadow) is False
