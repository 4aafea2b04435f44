"""Targets and their slices: every instant lies in one slice, and a slice in known partitions."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.audited import DATASET, database_contract, feed_contract
from tests.support.lake import shipped_contracts

from auditor.databases.rows.targets import (
    Slice,
    Target,
    all_slices,
    database_of,
    owner_of,
    paths_of,
    slices_between,
    targets_of,
)
from core.contract.model import Contracts
from core.errors import UnknownTable
from core.time import epoch

CONTRACT = shipped_contracts().dataset("sales")
TARGETS = {target.table.name: target for target in targets_of(CONTRACT)}
SLICED = [target for target in TARGETS.values() if target.column]
TIMES = st.integers(0, epoch("2040-01-01T00:00:00Z"))


@settings(max_examples=60, deadline=None)
@given(target=st.sampled_from(SLICED), start=TIMES, length=st.integers(1, 400 * 86_400))
def test_slices_cover_a_range_without_a_gap_or_an_overlap(target: Target, start: int, length: int) -> None:
    slices = slices_between(target, start, start + length)
    if start + length <= target.begins:
        assert slices == [], "nothing was promised of what is earlier"
        return
    assert slices[0].start <= max(start, target.begins)
    assert slices[0].start >= target.begins
    assert slices[-1].end >= start + length
    assert slices[-1].start < start + length
    assert all(before.end == after.start for before, after in pairwise(slices))
    paths = [path for part in slices for path in paths_of(target, part)]
    assert len(set(paths)) == len(paths)
    assert {datetime.fromtimestamp(part.start, UTC).strftime("month=%Y-%m") for part in slices} == set(paths)


def test_a_fact_is_compared_month_by_month_and_a_current_state_whole() -> None:
    orders, designs = TARGETS["fact_sales_order"], TARGETS["_current/design"]
    assert (orders.column, orders.unit, orders.latest) == ("created_at", "month", "is_latest")
    some = slices_between(orders, epoch("2026-11-30T23:00:00Z"), epoch("2026-12-01T00:00:01Z"))
    assert [path for one in some for path in paths_of(orders, one)] == ["month=2026-11", "month=2026-12"]
    assert len(all_slices(orders, epoch("2026-11-20T00:00:00Z"))) == 35
    assert (
        slices_between(orders, 0, epoch("2024-01-31"))
        == all_slices(orders, epoch("2024-01-31"))
        == [Slice("fact_sales_order", epoch("2024-01-01"), epoch("2024-02-01"))]
    )
    (whole,) = all_slices(designs, epoch("2026-11-20T00:00:00Z"))
    assert whole.whole
    assert paths_of(designs, whole) == [""]
    assert set(TARGETS) >= {"fact_payment", "_current/transaction", "_current/staff", "_current/department"}


def test_a_broken_current_state_is_made_again_with_a_dimension_that_needs_it() -> None:
    assert owner_of(CONTRACT, "fact_payment") == "fact_payment"
    assert owner_of(CONTRACT, "_current/design") == "dim_design"


def test_only_a_database_of_the_contracts_has_targets() -> None:
    assert database_of(Contracts((database_contract(),)), DATASET)[0].dataset == DATASET
    for contracts in (Contracts(()), Contracts((feed_contract(),))):
        with pytest.raises(UnknownTable):
            database_of(contracts, DATASET)
