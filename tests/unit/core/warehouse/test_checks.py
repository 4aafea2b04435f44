"""The checks of columns, against the same rules said row by row."""

from __future__ import annotations

import datetime as dt
import operator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.tables import column, fact

from core.contract.model import Check, Column
from core.warehouse.arrow_types import arrow_type
from core.warehouse.checks import broken_checks

HOLDS = {">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le, "=": operator.eq, "!=": operator.ne}
KINDS: dict[str, tuple[st.SearchStrategy[Any], str]] = {
    "int": (st.integers(-2, 2), "1"),
    "decimal(10,2)": (st.sampled_from([Decimal("0.99"), Decimal("1.00"), Decimal("1.01")]), "1"),
    "double": (st.sampled_from([0.5, 1.0, 1.5, float("nan")]), "1"),
    "string": (st.sampled_from(["", "a", "b", "1"]), "a"),
    "date": (st.sampled_from([dt.date(2026, 1, 1), dt.date(2026, 1, 2)]), "2026-01-02"),
}
READ = {"int": int, "decimal(10,2)": Decimal, "double": float, "string": str, "date": dt.date.fromisoformat}


def table_of(columns: list[Column], values: dict[str, list[Any]]) -> pa.Table:
    return pa.table({checked.name: pa.array(values[checked.name], arrow_type(checked.type)) for checked in columns})


def broken(columns: list[Column], rows: pa.Table, *, key: list[str]) -> list[tuple[str, str, list[int]]]:
    return [
        (check.column, check.rule, [row for row, breaks in enumerate(check.breaks.to_pylist()) if breaks])
        for check in broken_checks(fact("fact", key, columns), rows)
    ]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_the_rows_that_break_a_rule_are_those_that_break_it_one_by_one(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(KINDS)))
    values, literal = KINDS[kind]
    name = data.draw(st.sampled_from(sorted(HOLDS)))
    required, keyed = data.draw(st.booleans()), data.draw(st.booleans())
    one_of = ("a", "1") if kind in ("string", "int") else ()
    checked = column("value", kind, check=Check(name, literal), one_of=one_of, required=required)  # type: ignore[arg-type]
    rows = data.draw(st.lists(st.none() | values, max_size=6))
    there = [(row, value) for row, value in enumerate(rows) if value is not None]
    expected = [
        ("required", [row for row, value in enumerate(rows) if value is None and (required or keyed)]),
        (f"check {name} {literal}", [row for row, value in there if not HOLDS[name](value, READ[kind](literal))]),
        ("one_of a, 1", [row for row, value in there if one_of and str(value) not in one_of]),
    ]
    key = ["value"] if keyed else []
    assert broken([checked], table_of([checked], {"value": rows}), key=key) == [
        ("value", rule, places) for rule, places in expected if places
    ]


def test_columns_that_the_rows_lack_are_not_checked() -> None:
    columns = [column("a", "int", required=True), column("b", "int", required=True)]
    assert broken(columns, table_of(columns[1:], {"b": [None]}), key=[]) == [("b", "required", [0])]


@pytest.mark.parametrize("values", [pa.chunked_array([], pa.int32()), pa.array([], pa.int32())])
def test_no_rows_break_nothing(values: pa.Array | pa.ChunkedArray) -> None:
    checked = column("a", "int", required=True, check=Check(">", "0"), one_of=("1",))
    assert broken([checked], pa.table({"a": values}), key=["a"]) == []
