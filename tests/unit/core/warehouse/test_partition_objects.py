"""Old Parquet under a new contract: every value is the same value still, or the object is refused by name."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.contract.types import parse_type
from core.errors import PipelineBug
from core.warehouse.arrow_types import arrow_type
from core.warehouse.footer import NAME, Footer
from core.warehouse.partition_objects import Opened, open_object, widens

WIDENINGS = [("int", "bigint"), ("decimal(10,2)", "decimal(12,2)"), ("decimal(10,2)", "decimal(38,6)")]
LOSSES: list[tuple[str, Any, str]] = [
    ("int", 5, "date"),
    ("bigint", 5, "timestamp"),
    ("timestamp", dt.datetime(2026, 11, 20, 14, 30), "date"),  # noqa: DTZ001
    ("date", dt.date(2026, 11, 20), "timestamp"),
    ("double", 1.005, "decimal(10,2)"),
    ("double", 2.0, "int"),
    ("int", 2, "boolean"),
    ("boolean", True, "int"),
    ("bigint", 5, "int"),
    ("int", 2, "double"),
    ("string", "5", "int"),
    ("int", 5, "string"),
    ("decimal(10,2)", Decimal("1.50"), "decimal(10,1)"),
    ("decimal(10,2)", Decimal("1.50"), "decimal(11,4)"),
    ("decimal(10,2)", Decimal("1.50"), "double"),
]


def opened(kind: str, values: list[Any]) -> Opened:
    rows = pa.table({"x": pa.array(values, arrow_type(parse_type(kind)))})
    footer = Footer("t", "t", 1, "merge", len(values))
    out = io.BytesIO()
    pq.write_table(rows.replace_schema_metadata({NAME: footer.to_json()}), out)
    return open_object("t/1.parquet", out.getvalue())


def read(kind: str, values: list[Any], wanted: str) -> list[Any]:
    schema = pa.schema([("x", arrow_type(parse_type(wanted)))])
    return opened(kind, values).read(schema, proven=False).column("x").to_pylist()


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(WIDENINGS), st.lists(st.none() | st.integers(-(2**31), 2**31 - 1), max_size=5))
def test_a_column_that_became_longer_keeps_its_values(kinds: tuple[str, str], numbers: list[int | None]) -> None:
    stored, wanted = kinds
    values: list[Any] = [
        number if number is None or stored == "int" else Decimal(number).scaleb(-2) for number in numbers
    ]
    assert read(stored, values, wanted) == values


@pytest.mark.parametrize(("stored", "value", "wanted"), LOSSES)
def test_a_column_of_another_type_is_refused_by_name(stored: str, value: Any, wanted: str) -> None:
    with pytest.raises(PipelineBug, match=r"has x as .*starmend rebuild"):
        read(stored, [value], wanted)


def test_no_other_type_widens() -> None:
    kinds = ["string", "int", "bigint", "boolean", "date", "timestamp", "double", "decimal(10,2)"]
    types = [arrow_type(parse_type(kind)) for kind in kinds]
    assert [(str(a), str(b)) for a in types for b in types if a != b and widens(a, b)] == [("int32", "int64")]
