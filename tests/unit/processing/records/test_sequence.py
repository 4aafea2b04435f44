"""Sequential ids: a hole is warned of once, a replay never."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.lake import MemoryLake, shipped_contracts

from processing.records.sequence import newest_known, out_of_sequence, remember_newest

NUMBERS = st.sets(st.integers(1, 12), max_size=8)


@settings(max_examples=40, deadline=None)
@given(NUMBERS, st.integers(0, 6), NUMBERS)
def test_a_number_is_out_of_sequence_where_its_predecessor_never_came(
    numbers: set[int], newest: int, receipts: set[int]
) -> None:
    wrong = out_of_sequence(list(numbers), newest, has_receipt=lambda number: number in receipts)
    for number in numbers:
        if number <= newest:
            assert (number in wrong) == (number not in receipts)
        else:
            assert (number in wrong) == (number - 1 != newest and number - 1 not in numbers)
    assert all(expected != number for number, expected in wrong.items())


def test_the_newest_number_is_remembered_and_a_broken_parameter_is_a_warning() -> None:
    lake = MemoryLake(shipped_contracts())
    tables = [("sales", "staff"), ("sales", "design")]
    remember_newest(lake.services, "sales", "staff", 41)
    assert newest_known(lake.services, tables) == {("sales", "staff"): 41, ("sales", "design"): 0}
    lake.parameters.put("/starmend/test/sales/design/latest_object", "nonsense")
    assert newest_known(lake.services, tables) == {("sales", "staff"): 41}
    assert [line["level"] for line in lake.log.lines] == ["warning"]
    assert newest_known(lake.services, []) == {}
