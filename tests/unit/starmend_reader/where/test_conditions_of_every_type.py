"""Conditions on columns of every type, over row groups of every making, against Python's own comparisons."""

from __future__ import annotations

import datetime as dt
import math
import operator
import random
from collections.abc import Callable
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

from starmend_reader.scan import parquet_batches
from starmend_reader.storage import Storage
from starmend_reader.where.conditions import Condition, conditions_of

SEED, TABLES = 20261129, 400
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
INSTANTS = [dt.datetime(1, 1, 1), dt.datetime(1969, 12, 31, 23, 59, 59, 999999), dt.datetime(2026, 3, 29, 1, 30)]  # noqa: DTZ001
# By column its type, the narrower one that older objects have, and values of both.
COLUMNS: dict[str, tuple[pa.DataType, pa.DataType, list[Any]]] = {
    "count": (pa.int64(), pa.int32(), [None, -1, 0, 1, 2**31 - 1, -(2**31)]),
    "size": (pa.float64(), pa.float64(), [None, 0.0, -0.0, 1.5, -1.5, math.nan, math.inf]),
    "price": (pa.decimal128(12, 4), pa.decimal128(6, 2), [None, Decimal("0.00"), Decimal("1.50"), Decimal("-1.50")]),
    "name": (pa.string(), pa.string(), [None, "", "a", "B", "é", "\uffff", "\U0001f600", "a\0b", "'"]),
    "paid": (pa.bool_(), pa.bool_(), [None, True, False]),
    "at": (pa.timestamp("us"), pa.timestamp("us"), [None, *INSTANTS]),
    "day": (pa.date32(), pa.date32(), [None, dt.date(1969, 12, 31), dt.date(9999, 12, 31)]),
}
SCHEMA = pa.schema([(name, kind) for name, (kind, _, _) in COLUMNS.items()])
Row = dict[str, Any]
Asked = tuple[str, str, Any]


def rows_of(draw: random.Random) -> list[Row]:
    rows = [{name: draw.choice(values) for name, (_, _, values) in COLUMNS.items()} for _ in range(draw.randint(0, 12))]
    return rows if draw.random() < 0.5 else [rows[place // 2 * 2] for place in range(len(rows))]  # pairs of equal ones


def asked_of(draw: random.Random) -> Asked:
    name = draw.choice(sorted(COLUMNS))
    values = [value for value in COLUMNS[name][2] if value == value]  # NaN is no value to ask for
    symbol = draw.choice([*COMPARE, "in", "not in"])
    if symbol in ("in", "not in"):
        return name, symbol, draw.choices(values, k=draw.randint(0, 3))
    return name, symbol, draw.choice(values if symbol in ("=", "!=") else values[1:])


def holds(value: Any, symbol: str, wanted: Any) -> bool:
    """As SQL has it, but that null may be asked for."""
    if symbol == "in":
        return any(holds(value, "=", each) for each in wanted)
    if symbol == "not in":
        return value is not None and all(holds(value, "!=", each) for each in wanted if each is not None)
    if wanted is None:
        return (value is None) == (symbol == "=")
    return value is not None and COMPARE[symbol](value, wanted)


def together(conditions: list[Condition]) -> pc.Expression | None:
    each = [one.of(pc.field(one.column), SCHEMA.field(one.column).type) for one in conditions]
    return reduce(operator.and_, each) if each else None


@pytest.mark.parametrize("part", range(5))
def test_a_scan_has_the_rows_that_satisfy_its_conditions(part: int, tmp_path: Path) -> None:
    (tmp_path / "bucket").mkdir()
    storage = Storage(SubTreeFileSystem(str(tmp_path), LocalFileSystem()), "bucket")
    shown = {name: pc.field(name) for name in COLUMNS}
    for number in range(part, TABLES, 5):
        draw = random.Random(f"{SEED}/{number}")
        rows, asked = rows_of(draw), [asked_of(draw) for _ in range(draw.randint(1, 2))]
        stored = pa.schema([(name, kinds[number % 2]) for name, kinds in COLUMNS.items()])
        table = pa.Table.from_pylist(rows, schema=stored)
        pq.write_table(table, tmp_path / "bucket/object", row_group_size=draw.choice([1, 2, 3]))
        conditions = conditions_of(asked, SCHEMA, place="table")
        beyond = [each for each in conditions if each.is_beyond_statistics(SCHEMA.field(each.column).type)]
        pruned = together([each for each in conditions if each not in beyond])
        batches = parquet_batches(storage, [("object", {})], SCHEMA, shown, pruned, together(beyond))
        wanted = [row for row in rows if all(holds(row[name], symbol, value) for name, symbol, value in asked)]
        expected = pa.Table.from_pylist(wanted, schema=SCHEMA)
        assert str(pa.Table.from_batches(batches, SCHEMA).to_pylist()) == str(expected.to_pylist()), (number, asked)
