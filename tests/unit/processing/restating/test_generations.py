"""Comparison of a new generation with the one that readers see: by keys, wherever their columns lie."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.lake import MemoryLake, shipped_contracts
from tests.unit.core.evolution.test_generations import with_table

from core.contract.model import Partition, Table
from core.evolution.generations import plan_transition
from processing.restating.generations import build_generations


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
