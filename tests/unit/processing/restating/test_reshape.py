"""Lines shaped again for the auditor: a fair sample, the same for a seed, and nothing of an object that is gone."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.lake import MemoryLake, order, shipped_contracts

from core.errors import InvalidData
from core.landing.reshaping import ReshapeLines, parts_from_data, reshaping_to_data
from processing.lines.blocks import Block, LongLine
from processing.restating.reshape import reshape_lines, sample_lines

LINES = [b"%04d" % number for number in range(300)]
BLOCKS = [Block(b"\n".join(LINES[:120]) + b"\n", 1), LongLine(b"x", 121, 20 << 20), Block(b"\n".join(LINES[120:]), 122)]


def test_every_line_is_as_likely_as_any_other() -> None:
    """Of 400 samples of 30 of 300 lines each line is in 40, give or take six standard deviations."""
    drawn = Counter(line for seed in range(400) for line in sample_lines(BLOCKS, most=30, seed=str(seed)))
    assert set(drawn) == {line + b"\n" for line in LINES}
    assert all(4 < count < 76 for count in drawn.values())
    assert sum(drawn.values()) == 400 * 30


def test_long_lines_make_the_sample_smaller_and_stay_as_likely_as_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of documents: 500 lines of a megabyte were half a gigabyte, before they were parsed."""
    monkeypatch.setattr("processing.restating.reshape.MOST_BYTES", 50)
    samples = [sample_lines(BLOCKS, most=30, seed=str(seed)) for seed in range(400)]
    assert {len(sample) for sample in samples} == {10}
    drawn = Counter(line for sample in samples for line in sample)
    assert sum(drawn[line + b"\n"] for line in LINES[:150]) == pytest.approx(2000, abs=190)
    longest = [Block(b"x" * 60 + b"\n" + b"y" * 70 + b"\n", 1)]
    assert len(sample_lines(longest, most=30, seed="a")) == 1


def test_a_seed_draws_the_same_lines_and_a_small_object_is_taken_whole() -> None:
    assert sample_lines(BLOCKS, most=30, seed="a") == sample_lines(BLOCKS, most=30, seed="a")
    assert sample_lines(BLOCKS, most=30, seed="a") != sample_lines(BLOCKS, most=30, seed="b")
    assert sample_lines(BLOCKS, most=300, seed="a") == [line + b"\n" for line in LINES]


def test_the_lines_of_an_object_give_the_rows_that_the_star_holds() -> None:
    lake = MemoryLake(shipped_contracts())
    key = lake.put_table("sales", "sales_order", 1, [order(number) for number in range(1, 4)])
    lake.process(key)
    question = ReshapeLines("sales", "sales_order", (key, "tables/sales/sales_order/gone"), 10, 4, "run", "audit/x")
    [part] = parts_from_data(reshape_lines(lake.services, reshaping_to_data(question)))
    stored = lake.records.read(part.object)
    assert stored is not None
    rows = pq.read_table(pa.BufferReader(stored.body))
    [path] = lake.paths("fact_sales_order")
    assert (part.folder, part.path, part.rows) == ("fact_sales_order", path, 3)
    star = lake.snapshot("fact_sales_order", path).table.select(rows.column_names)
    assert star.sort_by("sales_order_id").to_pylist() == rows.sort_by("sales_order_id").to_pylist()


@pytest.mark.parametrize("change", [{"table": "none"}, {"dataset": "none"}, {"more": 1}])
def test_what_is_no_question_is_refused(change: dict[str, object]) -> None:
    question = reshaping_to_data(ReshapeLines("sales", "sales_order", (), 10, 4, "run", "audit/x"))
    with pytest.raises(InvalidData):
        reshape_lines(MemoryLake(shipped_contracts()).services, {**question, **change})
