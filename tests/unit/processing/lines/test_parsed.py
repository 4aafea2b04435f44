"""Accepted rows and rejected lines of a block: no record is lost between the two."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.lines.blocks import Block
from processing.lines.parsed import Parsed, Rejected, rows_where

LINES = [b"a\r", b"b", b"c", b"d"]


@pytest.mark.parametrize("records", [None, [b"a\r", b"b", b"c", b"d"]])
@settings(max_examples=16, deadline=None)
@given(bad=st.sets(st.integers(0, 3)), old=st.sets(st.integers(0, 3)), first_line=st.integers(1, 9))
def test_a_rejected_row_is_its_line_as_it_came_and_the_others_stay(
    bad: set[int], old: set[int], first_line: int, records: list[bytes] | None
) -> None:
    block = Block(b"\n".join(LINES) + b"\n", first_line)
    parsed = Parsed(block, pa.table({"row": [0, 1, 2, 3]}), np.arange(first_line, first_line + 4), records)
    left = parsed.without({row: f"why {row}" for row in bad}, {row: f"old {row}" for row in old})
    kept = [row for row in range(4) if row not in bad | old]
    assert left.rows.column("row").to_pylist() == kept
    assert left.lines.tolist() == [first_line + row for row in kept]
    expected = [Rejected(first_line + row, f"why {row}", LINES[row].rstrip(b"\r")) for row in sorted(bad - old)]
    assert left.rejected == tuple(expected)
    assert [(each.line, each.reason) for each in left.outside] == [
        (first_line + row, f"old {row}") for row in sorted(old)
    ]
    assert left.accounted == parsed.accounted == 4
    if kept:
        again = left.without({0: "too"})
        assert again.rejected[-1] == Rejected(first_line + kept[0], "too", LINES[kept[0]].rstrip(b"\r"))


@settings(max_examples=20, deadline=None)
@given(st.lists(st.none() | st.booleans()), st.integers(0, 3))
def test_rows_where_a_mask_is_true(mask: list[bool | None], chunks: int) -> None:
    expected = [row for row, value in enumerate(mask) if value]
    assert rows_where(pa.array(mask, pa.bool_())) == expected
    assert rows_where(pa.chunked_array([pa.array(mask, pa.bool_())] * chunks, pa.bool_())) == [
        row + number * len(mask) for number in range(chunks) for row in expected
    ]
