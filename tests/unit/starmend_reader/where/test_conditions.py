"""Conditions in the types of the columns: what a value means, and which are refused instead of being bent to fit."""

from __future__ import annotations

import datetime as dt
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Misuse
from starmend_reader.where.conditions import conditions_of

SCHEMA = pa.schema([("day", pa.date32()), ("at", pa.timestamp("us")), ("size", pa.float64())])
DOUBLES = st.sampled_from([0.0, -0.0, 1.5, -1.5])
WEST = dt.timezone(dt.timedelta(hours=-5))


@given(rows=st.lists(DOUBLES | st.none(), max_size=8), operator=st.sampled_from(["=", "!=", "<", ">="]), value=DOUBLES)
def test_doubles_compare_as_sql_has_them(rows: list[float | None], operator: str, value: float) -> None:
    sizes = pa.table({"size": pa.array(rows, pa.float64())})
    (condition,) = conditions_of([("size", operator, value)], SCHEMA, place="f")
    left = ds.dataset(sizes).to_table(filter=condition.of(pc.field("size"), pa.float64()))
    (sql,) = duckdb.execute(f"select count(*) from sizes where size {operator} ?::double", [value]).fetchall()
    assert left.num_rows == sql[0]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("day", 5),
        ("day", dt.datetime(2026, 11, 20, 12)),  # noqa: DTZ001
        ("day", dt.datetime(2026, 11, 20, tzinfo=WEST)),
        ("at", 5),
        ("at", dt.time(12)),
        ("at", np.datetime64("2026-11-20T15:00")),
        ("at", pd.Timestamp("2026-11-20T15:00:00.000000001")),
        ("at", "2026-11-20T15:00:00.0000001"),
    ],
)
def test_a_value_that_would_have_to_be_bent_is_refused(column: str, value: Any) -> None:
    with pytest.raises(Misuse, match="Give a value of the column's type"):
        conditions_of([(column, "<", value)], SCHEMA, place="f")


@pytest.mark.parametrize(
    "value", [dt.datetime(2026, 11, 19, 19, tzinfo=WEST), pd.Timestamp("2026-11-20"), "2026-11-20"]
)
def test_the_first_instant_of_a_day_stands_for_it(value: Any) -> None:
    (condition,) = conditions_of({"day": value}, SCHEMA, place="f")
    assert condition.values == (dt.date(2026, 11, 20),)


@pytest.mark.parametrize("where", [5, "size = 1", ["a=b"], [("size", None, 1)], [("size", "=")], [None]])
def test_what_is_no_condition_is_refused_by_name(where: Any) -> None:
    with pytest.raises(Misuse, match="is no list of"):
        conditions_of(where, SCHEMA, place="f")
