"""The parser of lines: a run of lines is accepted whole, with exact values, or refused whole."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.contract.model import Field, SourceTable
from core.contract.types import parse_type
from processing.lines.blocks import Block
from processing.lines.fast_lines import LEAST_LINES
from processing.lines.line_parser import THREAD_BYTES, LineParser, Unparsable

TYPES = {"id": "int", "price": "decimal(10,2)", "at": "timestamp", "day": "date", "body": "json"}
SOURCE = SourceTable("thing", ("id",), tuple(Field(name, parse_type(kind), False) for name, kind in TYPES.items()))
GOOD = [b'{"id":1}', b'{"id":2,"price":1.10}', b'{"day":"2026-11-20","id":3}', b"{}"]
BAD = [
    b"",
    b"[1]",
    b'{"id":1}{"id":2}',
    b'{"id":"x"}',
    b'{"id":1',
    b'{"price":1.005}',
    b'{"day":"2026-11-20T01:00:00"}',
    b'{"at":"\xff"}',
]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.sampled_from(GOOD), max_size=4), st.lists(st.sampled_from(BAD), max_size=1), st.randoms())
def test_lines_are_accepted_together_unless_one_is_bad(good: list[bytes], bad: list[bytes], source: object) -> None:
    lines = [*good, *bad]
    source.shuffle(lines)  # type: ignore[attr-defined]
    data = b"".join(line + b"\n" for line in lines)
    if bad:
        with pytest.raises(Unparsable):
            LineParser(SOURCE).read(data, len(lines))
    elif good:
        rows = LineParser(SOURCE).read(data, len(lines))
        ids = [int(line[6:7]) if b'{"id"' in line else 3 if b"day" in line else None for line in lines]
        assert rows.column("id").to_pylist() == ids


def test_values_have_the_types_of_the_contract() -> None:
    line = b'{"id":1,"price":1.10,"at":"2026-11-20T14:30:00+02:00","day":"2026-11-20","body":"{}"}\n'
    assert LineParser(SOURCE).read(line, 1).to_pylist() == [
        {
            "id": 1,
            "price": Decimal("1.10"),
            "at": dt.datetime(2026, 11, 20, 12, 30),  # noqa: DTZ001
            "day": dt.date(2026, 11, 20),
            "body": "{}",
        }
    ]
    winter = LineParser(SOURCE, timezone="Europe/Berlin").read(b'{"at":"2026-11-20T14:30:00"}\n', 1)
    assert winter.column("at").to_pylist() == [dt.datetime(2026, 11, 20, 13, 30)]  # noqa: DTZ001


def test_a_field_that_no_contract_knows_is_passed_over_unless_it_is_asked_for() -> None:
    parser = LineParser(SOURCE)
    lines = [b'{"id":1,"new":[{"deep":1}]}', b"nonsense", b'{"other":null}']
    assert parser.read(lines[0], 1).column("id").to_pylist() == [1]
    with pytest.raises(Unparsable):
        parser.read(lines[0], 1, strict=True)
    assert parser.unknown_in(lines) == {"new", "other"}


def test_lines_are_prepared_by_their_newlines_and_nested_values() -> None:
    assert LineParser(SOURCE).prepared(b'{"body":{"a":1}}\r\n{}\r\n') == b'{"body":"{\\"a\\":1}"}\n{}\n'


def test_only_many_lines_without_control_characters_take_the_fast_path() -> None:
    parser, line = LineParser(SOURCE), b'{"id":1,"price":1.10}\n'
    rows = parser.read_fast(Block(line * LEAST_LINES, 1))
    assert rows is not None
    assert rows == parser.read(line * LEAST_LINES, LEAST_LINES)
    assert parser.read_fast(Block(line * (LEAST_LINES - 1), 1)) is None
    assert parser.read_fast(Block(line * LEAST_LINES + b'{"id":\t1}\n', 1)) is None


@pytest.mark.parametrize("size", [THREAD_BYTES - 100, THREAD_BYTES + 1, 3 * THREAD_BYTES])
def test_a_long_line_is_read_with_threads_as_without(size: int) -> None:
    data = b'{"id":1,"body":"%s"}\n{"id":2}\n' % (b"x" * size)
    one, many = LineParser(SOURCE).read(data, 2), LineParser(SOURCE, threads=True).read(data, 2)
    assert one.equals(many)
    assert one.column("id").to_pylist() == [1, 2]


def test_a_double_of_the_key_has_one_zero() -> None:
    source = SourceTable("point", ("at",), (Field("at", parse_type("double")), Field("value", parse_type("double"))))
    rows = LineParser(source).read(b'{"at":-0.0,"value":-0.0}\n{"at":0,"value":0}', 2)
    assert str(rows.to_pydict()) == "{'at': [0.0, 0.0], 'value': [-0.0, 0.0]}"
