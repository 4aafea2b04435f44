"""Row order on Arrow columns against Python's own, packed or not."""

from __future__ import annotations

import bisect
import decimal
import math
import struct
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.warehouse.order import compare, identical, is_strictly_sorted, locate, pack, sort_rows, starts

EXACT = decimal.Context(prec=50)
COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "small": (pa.int32(), st.integers(-3, 3)),
    "large": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "wide": (pa.int64(), st.sampled_from([2**bits for bits in range(55, 62)]) | st.integers(0, 2**61)),
    "time": (pa.timestamp("us"), st.integers(-5, 5).map(lambda minute: minute * 60_000_000)),
    "odd_time": (pa.timestamp("us"), st.integers(0, 2**52)),
    "day": (pa.date32(), st.integers(-2, 2)),
    "text": (pa.string(), st.text(alphabet="aé\0\U0001f600b", max_size=3)),
    "flag": (pa.bool_(), st.booleans()),
    "amount": (
        pa.decimal128(38, 2),
        st.integers(-(10**38) + 1, 10**38 - 1).map(lambda cents: Decimal(cents).scaleb(-2, EXACT)),
    ),
    "share": (
        pa.float64(),
        st.sampled_from([0.0, -0.0, math.nan, -math.nan, math.inf, -math.inf, 1.5, -1.5]) | st.floats(),
    ),
}
SHAPES = [
    *([name] for name in COLUMNS),
    *(["small", "time"], ["large", "small"], ["text", "time"], ["odd_time", "small", "day"], ["share", "small"]),
    *(["amount", "text"], ["small", "share", "flag"]),
]


def rows(shape: list[str]) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    whole = st.tuples(*(COLUMNS[name][1] for name in shape))
    with_nulls = st.tuples(*(st.none() | COLUMNS[name][1] for name in shape))
    return st.lists(whole, max_size=25) | st.lists(with_nulls, max_size=25)


def columns(shape: list[str], data: list[tuple[Any, ...]]) -> list[pa.Array]:
    return [pa.array([row[place] for row in data], COLUMNS[name][0]) for place, name in enumerate(shape)]


def rank(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple((False, 0) if value is None else (True, place(value)) for value in row)


def place(value: Any) -> Any:
    """What Python sorts as rows are sorted: doubles in IEEE total order, texts by their bytes."""
    if isinstance(value, float):
        bits = struct.unpack("<q", struct.pack("<d", value))[0]
        return bits if bits >= 0 else -(2**63) - bits - 1
    return value.encode() if isinstance(value, str) else value


@pytest.mark.parametrize("shape", SHAPES, ids="-".join)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_rows_sort_and_are_found_as_tuples_are(shape: list[str], data: st.DataObject) -> None:
    drawn = data.draw(rows(shape))
    order, begins = sort_rows(columns(shape, drawn))
    ranked = [rank(drawn[at]) for at in order]
    assert ranked == sorted(map(rank, drawn))
    assert order.tolist() == sorted(range(len(drawn)), key=lambda at: (rank(drawn[at]), at))
    assert begins.tolist() == [n == 0 or ranked[n] != ranked[n - 1] for n in range(len(ranked))]
    assert starts(columns(shape, [drawn[at] for at in order])).tolist() == begins.tolist()
    stored = sorted({rank(row): row for row in drawn}.values(), key=rank)
    if stored:
        assert is_strictly_sorted(columns(shape, stored))
    wanted = data.draw(rows(shape))
    places, present = locate(columns(shape, stored), columns(shape, wanted))
    keys = [rank(row) for row in stored]
    assert places.tolist() == [bisect.bisect_left(keys, rank(row)) for row in wanted]
    assert present.tolist() == [rank(row) in keys for row in wanted]


def test_keys_that_need_more_than_62_bits_are_not_packed() -> None:
    assert pack([pa.array([0, 2**62 - 1])]) is not None
    assert pack([pa.array([0, 2**62])]) is None
    assert pack([pa.array([-(2**63), 2**63 - 1])]) is None
    assert pack([pa.array([0, 2**31]), pa.array([0, 2**31])]) is None
    assert pack([pa.array([0, 2**31 - 1]), pa.array([0, 2**31 - 1])]) is not None


def test_times_are_packed_in_the_coarsest_unit_that_they_all_share() -> None:
    years = 30 * 365 * 24 * 60
    minutes = pa.array([0, years * 60_000_000], pa.timestamp("us"))
    ids = pa.array([0, 2**36])
    assert pack([ids, minutes]) is not None
    odd = pa.array([0, years * 60_000_000 + 1], pa.timestamp("us"))
    assert pack([ids, odd]) is None


def test_a_column_with_a_null_is_not_packed() -> None:
    assert pack([pa.array([1, None])]) is None


def test_nulls_come_first_and_doubles_have_a_total_order() -> None:
    values = [None, float("-inf"), -1.0, -0.0, 0.0, 1.0, float("inf"), float("nan")]
    for left_at, left in enumerate(values):
        for right_at, right in enumerate(values):
            sign = compare([pa.array([left], pa.float64())], [pa.array([right], pa.float64())])
            assert sign.tolist() == [np.sign(left_at - right_at)]


def test_identical_tables_agree_in_every_bit() -> None:
    undefined_first = pa.table({"x": [float("nan"), 0.0, None]})
    assert identical(undefined_first, pa.table({"x": [float("nan"), 0.0, None]}))
    assert not identical(undefined_first, pa.table({"x": [float("nan"), -0.0, None]}))
    assert not identical(undefined_first, pa.table({"x": [float("nan"), 0.0]}))
    assert not identical(undefined_first, pa.table({"y": [float("nan"), 0.0, None]}))
