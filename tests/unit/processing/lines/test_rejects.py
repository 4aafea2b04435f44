"""Rejected lines: the bad ones of a block, each with the reason that it has alone."""

from __future__ import annotations

import json
import re
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.contract.model import Field, SourceTable
from core.contract.types import parse_type
from processing.lines import line_parser
from processing.lines.blocks import Block
from processing.lines.line_parser import LineParser, Unparsable
from processing.lines.parsed import shortened
from processing.lines.rejects import misfit, separate_rejects

TYPES = {"id": "int", "price": "decimal(10,2)", "flag": "boolean"}
SOURCE = SourceTable("thing", ("id",), tuple(Field(name, parse_type(kind), False) for name, kind in TYPES.items()))
REASONS = {
    b"nonsense": "no JSON: ",
    b"[1]": "no JSON object: [1]",
    b"null": "no JSON object: null",  # where it comes first, Arrow would end the process
    b"true": "no JSON object: true",
    b'{"id":"x"}': 'id: "x" is no int',
    b'{"price":1.005}': "price: 1.005 is no decimal(10,2)",
    b'{"id":1,"id":2}': "id: given twice",
    b'{"flag":"\xff"}': "no UTF-8: byte 9 is 0xff",
}
SEVERAL = [b'{"id":3}%s{"id":4}%s' % (blanks, blanks) for blanks in (b"", b" ", b"\t", b"\r", b" \t\r ")]
LINES = [b'{"id":1}', b'{"id":2,"new":1}', b"", *SEVERAL, *REASONS]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=12), st.integers(1, 9))
def test_every_record_is_a_row_or_a_rejected_line_with_its_reason(lines: list[bytes], first: int) -> None:
    parsed = separate_rejects(LineParser(SOURCE), Block(b"\n".join(lines), first))
    numbered = list(enumerate(lines, first))
    bad = [(number, line) for number, line in numbered if line in REASONS]
    assert [(rejected.line, rejected.raw) for rejected in parsed.rejected] == bad
    assert all(rejected.reason.startswith(REASONS[rejected.raw]) for rejected in parsed.rejected)
    good = [
        (number, row["id"])
        for number, line in numbered
        if line and line not in REASONS
        for row in json.loads(b"[" + re.sub(rb"}\s*{", b"},{", line) + b"]")
    ]
    assert list(zip(parsed.lines.tolist(), parsed.rows.column("id").to_pylist(), strict=True)) == good
    assert parsed.unknown == ({"new"} if LINES[1] in lines else set())


@pytest.mark.parametrize("blanks", [b"", b" ", b"\t\r "])
def test_only_so_many_objects_may_stand_on_one_line(monkeypatch: pytest.MonkeyPatch, blanks: bytes) -> None:
    monkeypatch.setattr(line_parser, "MOST_JOINED", 5)
    objects = [b'{"id":%d}' % number for number in range(8)]
    for count in (6, 7):  # five and six times one behind another
        lines = [b'{"id":100}', blanks.join(objects[:count]), b'{"id":101}']
        with pytest.raises(Unparsable, match="not one object per line" if count == 6 else "too many objects"):
            LineParser(SOURCE).read(b"\n".join(lines), 3)
        parsed = separate_rejects(LineParser(SOURCE), Block(b"\n".join(lines), 1))
        ids = parsed.rows.column("id").to_pylist()
        assert ids == ([100, *range(6), 101] if count == 6 else [100, 101])
        assert [(rejected.line, rejected.raw) for rejected in parsed.rejected] == [(2, lines[1])] * (count - 6)
        assert all("objects without a newline between them" in rejected.reason for rejected in parsed.rejected)


@pytest.mark.parametrize("constant", ["NaN", "-NaN", "Inf", "-Inf", "Infinity", "-Infinity"])
def test_what_arrow_reads_beside_json_is_read_beside_bad_lines_too(constant: str) -> None:
    lines = [b"nonsense", b'{"id":1,"new":[%s]}' % constant.encode(), b'{"id":"x","new":%s}' % constant.encode()]
    parsed = separate_rejects(LineParser(SOURCE), Block(b"\n".join(lines), 1))
    assert parsed.rows.column("id").to_pylist() == [1]
    assert [rejected.line for rejected in parsed.rejected] == [1, 3]


def test_a_long_value_is_quoted_in_part() -> None:
    assert shortened("x" * 80) == "x" * 80
    assert shortened("x" * 81) == "x" * 80 + "... (81 characters)"
    assert misfit("id", '"é"', parse_type("int")) == 'id: "é" is no int'


def test_a_bad_value_costs_one_call_of_the_parser_and_a_repeated_one_none(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    read = LineParser.read

    def counted(parser: LineParser, data: bytes, lines: int, **more: Any) -> pa.Table:
        calls.append(lines)
        return read(parser, data, lines, **more)

    monkeypatch.setattr(LineParser, "read", counted)
    lines = [b'{"id":%d,"price":%d.005}' % (number, number % 40) for number in range(400)] + [b"{", b'{"id":1.5}'] * 100
    parsed = separate_rejects(LineParser(SOURCE), Block(b"\n".join(lines), 1))
    assert len(parsed.rejected) == len(lines)
    assert len(calls) <= 40 + 3 * len(lines) / 100  # a value is tried once; a part of 100 lines takes a few calls
