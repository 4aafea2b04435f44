"""Partitions that a read leaves out, against where the writer puts the rows."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.contract.model import Column, Partition, Table, Take
from core.contract.types import parse_type
from core.warehouse.arrow_types import table_schema
from core.warehouse.keys import partition_rows, values_in
from starmend_reader.where.conditions import Condition, conditions_of
from starmend_reader.where.pruning import folders, may_hold

KINDS = {"entity": "string", "at": "timestamp", "day": "date", "number": "bigint"}
COLUMNS = tuple(Column(name, parse_type(kind), Take(name)) for name, kind in KINDS.items())
# No level but that of a column's own value has a column's name: contracts that say so are refused.
LEVELS = {
    "entity": [Partition("entity", "entity", "value"), Partition("entity_bucket", "entity", "bucket", buckets=3)],
    "at": [Partition(f"of_{unit}", "at", unit) for unit in ("year", "month", "day", "hour")],  # type: ignore[arg-type]
    "day": [Partition("month", "day", "month")],
    "number": [Partition("number_bucket", "number", "bucket", buckets=5)],
}
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip

FIRST = datetime(2025, 12, 31, 22)  # noqa: DTZ001
INSTANTS = st.builds(
    lambda hours, micros: FIRST + timedelta(hours=hours, microseconds=micros),
    st.integers(0, 60),
    st.sampled_from([0, 1, 3_599_999_999]),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "entity": st.sampled_from(["A", "B", "C", "D"]),
    "at": INSTANTS,
    "day": st.dates(date(2025, 12, 30), date(2026, 2, 2)),
    "number": st.integers(-3, 8),
}


@st.composite
def tables(draw: st.DrawFn) -> Table:
    names = draw(st.lists(st.sampled_from(sorted(LEVELS)), unique=True, min_size=1, max_size=3))
    parts = tuple(draw(st.sampled_from(LEVELS[name])) for name in names)
    return Table("fact", "d", "fact", "", key=("number",), columns=COLUMNS, partition_by=parts)


@st.composite
def conditions(draw: st.DrawFn) -> tuple[str, str, Any]:
    name = draw(st.sampled_from(sorted(VALUES)))
    symbol = draw(st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "in", "not in"]))
    value = VALUES[name] | st.none() if symbol in ("=", "!=") else VALUES[name]
    several = st.lists(value, min_size=0, max_size=3)
    return name, symbol, draw(several if symbol in ("in", "not in") else value)


def holds(row: dict[str, Any], condition: tuple[str, str, Any]) -> bool:
    """As SQL has it, but that = None asks for nulls."""
    name, symbol, value = condition
    if symbol in ("in", "not in"):
        return (row[name] in value) == (symbol == "in")
    return (row[name] is None) == (symbol == "=") if value is None else COMPARE[symbol](row[name], value)


@given(
    table=tables(), rows=st.lists(st.fixed_dictionaries(VALUES), max_size=20), asked=st.lists(conditions(), max_size=3)
)
def test_no_partition_with_a_row_that_is_asked_for_is_left_out(
    table: Table, rows: list[dict[str, Any]], asked: list[tuple[str, str, Any]]
) -> None:
    schema = table_schema(table)
    known = conditions_of(asked, schema, place="fact")
    wanted = [row for row in rows if all(holds(row, each) for each in asked)]
    stored = partition_rows(table, pa.Table.from_pylist(wanted, schema=schema))
    for path in stored:
        assert may_hold(table, path, known), path
        assert any(f"{path}/".startswith(folder) for folder in folders(table, known)), path


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_one_zero_is_found_where_the_other_lies(zero: float) -> None:
    column = Column("size", parse_type("double"), Take("size"))
    table = Table("f", "d", "fact", "", ("size",), (column,), partition_by=(Partition("b", "size", "bucket", 64),))
    schema = table_schema(table)
    known = conditions_of({"size": -zero}, schema, place="f")
    (path,) = partition_rows(table, pa.table({"size": [zero]}, schema=schema))
    assert may_hold(table, path, known)
    assert f"{path}/" in folders(table, known)


@given(table=tables(), rows=st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=20))
def test_a_partition_that_is_named_by_its_keys_is_read_alone(table: Table, rows: list[dict[str, Any]]) -> None:
    schema = table_schema(table)
    paths = list(partition_rows(table, pa.Table.from_pylist(rows, schema=schema)))
    parts = {part.name: part.transform for part in table.partition_by}
    for path in paths:
        keys = {name: int(value) if parts[name] == "bucket" else value for name, value in values_in(path).items()}
        known = [Condition(name, "=", (value,)) for name, value in keys.items()]
        assert [other for other in paths if may_hold(table, other, known)] == [path]
        assert folders(table, known) == [f"{path}/"]


@pytest.mark.parametrize(
    ("asked", "months"),
    [
        ([("at", ">=", "2026-01-31T23:59:59.999999")], {"2026-01", "2026-02"}),
        ([("at", ">", "2026-01-31T23:59:59.999999")], {"2026-02"}),
        ([("at", "<", "2026-01-01")], {"2025-12"}),
        ([("at", "<=", "2026-01-01")], {"2025-12", "2026-01"}),
        ([("at", ">=", "2026-01-01T00:30:00+01:00"), ("at", "<", "2026-01-01")], {"2025-12"}),
        ([("at", "=", datetime(2026, 2, 1))], {"2026-02"}),  # noqa: DTZ001
        ([("month", "in", ["2026-01"])], {"2026-01"}),
        ([("month", ">", "2026-01")], {"2026-02"}),
    ],
)
def test_times_leave_out_months(asked: list[tuple[str, str, Any]], months: set[str]) -> None:
    table = Table("f", "d", "fact", "", ("at",), COLUMNS, partition_by=(Partition("month", "at", "month"),))
    schema = pa.schema([*table_schema(table), ("month", pa.string())])
    known = conditions_of(asked, schema, place="f")
    assert {month for month in ("2025-12", "2026-01", "2026-02") if may_hold(table, f"month={month}", known)} == months
