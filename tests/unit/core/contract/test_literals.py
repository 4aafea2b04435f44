"""Literals are read exactly, and as Arrow reads them, or not at all."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.contract.literals import read_literal
from core.contract.types import parse_type
from core.warehouse.arrow_types import arrow_type

KINDS = ("int", "bigint", "decimal(10,2)", "decimal(38,10)", "boolean", "date", "timestamp", "double")
TEXTS = st.one_of(
    st.from_regex(r"-?[0-9]{1,20}(\.[0-9]{0,11})?([eE]-?[0-9]{1,2})?", fullmatch=True),
    st.dates().map(str),
    st.datetimes().map(lambda moment: moment.isoformat()),
    st.sampled_from(["true", "false", "TRUE", "1", "inf", "NaN", "", " 1", "+1", "2026-1-1", "2026-01-01T24:00:00"]),
)


@given(text=TEXTS, kind=st.sampled_from(KINDS))
@settings(max_examples=120, deadline=None)
def test_what_is_read_is_what_arrow_reads(text: str, kind: str) -> None:
    try:
        value = read_literal(text, parse_type(kind))
    except ValueError:
        return
    assert pa.array([text]).cast(arrow_type(parse_type(kind)))[0].as_py() == value


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("-7", "int", -7),
        ("0.50", "decimal(10,2)", Decimal("0.5")),
        ("true", "boolean", True),
        ("2026-11-20", "date", dt.date(2026, 11, 20)),
        ("2026-11-20T14:30:00", "timestamp", dt.datetime(2026, 11, 20, 14, 30)),  # noqa: DTZ001 - UTC by construction
        ("1e3", "double", 1000.0),
        ("1e3", "string", "1e3"),
    ],
)
def test_a_literal_is_read_as_its_type(text: str, kind: str, value: object) -> None:
    assert read_literal(text, parse_type(kind)) == value
