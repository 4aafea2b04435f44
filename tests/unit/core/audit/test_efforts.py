"""Efforts of repairs: stored without what is nothing, read from later releases, and added up."""

from __future__ import annotations

from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from core.audit.efforts import IDEAS, Effort, measured, total
from core.audit.repair_jobs import Executor

COUNTS = st.integers(0, 10**9)
EFFORTS = st.builds(
    Effort,
    seconds=st.integers(0, 10**6).map(lambda number: number / 8),  # sums of eighths are exact
    gb_seconds=st.integers(0, 10**6).map(lambda number: number / 8),
    calls=COUNTS,
    rows=COUNTS,
    reads=COUNTS,
    writes=COUNTS,
)


@given(EFFORTS)
def test_an_effort_is_read_as_it_was_written_whatever_a_later_release_adds(effort: Effort) -> None:
    data = effort.to_data()
    assert all(data.values())
    assert Effort.from_data(data) == Effort.from_data({**data, "tokens": 7}) == effort


@given(st.lists(EFFORTS, max_size=5))
def test_efforts_add_up_in_any_order(efforts: list[Effort]) -> None:
    assert total(efforts) == total(reversed(efforts))
    assert total(efforts).rows == sum(effort.rows for effort in efforts)


def test_only_a_function_is_paid_for() -> None:
    assert measured(1.23456, 512, rows=3) == Effort(1.235, 0.6173, rows=3)
    assert measured(1.23456, 0, rows=3) is None


def test_every_executor_carries_out_one_idea() -> None:
    assert set(IDEAS) == set(get_args(Executor))
    assert len(set(IDEAS.values())) == len(IDEAS)
