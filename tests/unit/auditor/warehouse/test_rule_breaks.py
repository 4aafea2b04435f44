"""Rows that break a rule are found with an example, and keys without a parent by name."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from tests.support.tables import ORDERS

from auditor.warehouse.rule_breaks import broken_rules, orphans
from core.audit.findings import BrokenRule, OrphanKeys
from core.contract.model import Check

AMOUNT = next(column for column in ORDERS.columns if column.name == "amount")
RULES = {"amount": {"check": Check(">=", "0")}, "note": {"one_of": ("a", "b")}}
CHECKED = replace(ORDERS, columns=tuple(replace(each, **RULES.get(each.name, {})) for each in ORDERS.columns))


def rows(amounts: list[str | None], notes: list[str | None]) -> pa.Table:
    decimals = [Decimal(amount) if amount is not None else None for amount in amounts]
    return pa.table(
        {
            "order_id": pa.array(range(len(amounts)), pa.int32()),
            "amount": pa.array(decimals, pa.decimal128(10, 2)),
            "note": pa.array(notes, pa.string()),
        }
    )


def test_a_broken_rule_is_found_once_with_its_rows_and_the_first_of_them() -> None:
    findings = list(broken_rules(CHECKED, "p", rows(["1", "-2", "-3", None], ["a", "c", None, "b"])))
    assert findings == [
        BrokenRule("test", "fact_order", "p", "amount: check >= 0", 2, "order_id 1, amount -2.00"),
        BrokenRule("test", "fact_order", "p", "note: one_of a, b", 1, "order_id 1, note c"),
    ]


def test_a_key_that_is_null_breaks_its_requirement_and_sound_rows_break_nothing() -> None:
    without = rows(["1"], ["a"]).set_column(0, "order_id", pa.nulls(1, pa.int32()))
    assert [broken.rule for broken in broken_rules(CHECKED, "p", without)] == ["order_id: required"]
    assert list(broken_rules(CHECKED, "p", rows(["0", None], ["a", None]))) == []


@given(st.lists(st.none() | st.integers(0, 9)), st.sets(st.integers(0, 9)))
def test_orphans_are_the_distinct_values_that_no_parent_has(values: list[int | None], parents: set[int]) -> None:
    column = replace(AMOUNT, name="staff_id", references="dim_staff.staff_id")
    lost = [value for value in values if value is not None and value not in parents]
    children = pa.chunked_array([values], pa.int64())
    finding = orphans(ORDERS, column, children, pa.array(sorted(parents), pa.int32()), named=3)
    if not lost:
        assert finding is None
        return
    assert isinstance(finding, OrphanKeys)
    assert (finding.rows, finding.references) == (len(lost), "dim_staff.staff_id")
    assert set(finding.keys) <= {str(value) for value in lost}
    assert len(finding.keys) == min(3, len(set(lost)))


def test_of_many_orphans_each_run_names_others_and_the_scans_of_a_run_the_same() -> None:
    column = replace(AMOUNT, name="staff_id", references="dim_staff.staff_id")
    lost = list(range(100))

    def named(turn: str, values: list[int]) -> set[str]:
        children = pa.chunked_array([values], pa.int64())
        finding = orphans(ORDERS, column, children, pa.nulls(0), named=20, turn=turn)
        assert finding is not None
        return {*finding.keys}

    first = named("run-1", lost)
    assert named("run-1", lost[::-1]) == first
    healed = [value for value in lost if str(value) not in sorted(first)[:10]]
    assert named("run-1", healed) >= {*sorted(first)[10:]}
    assert set().union(*(named(f"run-{number}", lost) for number in range(40))) == {str(value) for value in lost}
