"""Lines of one form: what the fast path accepts is what the line parser accepts, value by value; all else it leaves."""

from __future__ import annotations

import datetime as dt
import itertools
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.contract.model import Field, SourceTable
from core.contract.types import parse_type
from processing.lines.blocks import Block
from processing.lines.fast_lines import LEAST_LINES
from processing.lines.line_parser import LineParser, Unparsable

TYPES = {
    "id": "int",
    "big": "bigint",
    "price": "decimal(10,2)",
    "rate": "decimal(38,10)",
    "at": "timestamp",
    "day": "date",
    "flag": "boolean",
    "share": "double",
    "text": "string",
    "body": "json",
}
SOURCE = SourceTable("thing", ("id",), tuple(Field(name, parse_type(kind), False) for name, kind in TYPES.items()))
INTEGERS = ["0", "-0", "7", "-7", "12345678", "123456789", "2147483648", "-9223372036854775808", "9223372036854775807"]
PLAIN = {
    "id": ["1", "-1", "2147483647", "0"],
    "big": INTEGERS,
    "price": ["0.00", "1.10", "-0.01", "99999999.99", "-12345.60"],
    "rate": ["1.0000000001", "-12345678901234567890123456.1234567891", "5", "0.5"],
    "at": ['"2026-11-20T14:30:00"', '"2026-11-20T14:30:00.123456"', '"1969-12-31T23:59:59.999"'],
    "day": ['"2026-11-20"', '"0001-01-01"', '"2024-02-29"'],
    "flag": ["true", "false"],
    "share": ["0.5", "-1.25", "3", "0.1"],
    "text": [
        '""',
        '"a"',
        '"a,b:{}"',
        '"null"',
        '"Ärger, 株"',
        '"' + "long " * 20 + '"',
        '","',
        '"at its end,"',
        '"},{"',
    ],
    "body": ["null"],
}
ODD = [
    *INTEGERS, "007", "-00.5", ".5", "5.", "-", "1-2", "--1", "1.2.3", "1e3", "1E-2", "0x1F", "+1", " 5", "5 ", "1.005",
    "340282366920938463463374607431768211457", "1" * 400, "1.100", "12345678.900",
    "100000000.00", "99999999999999999999", "12345678901234567", "NaN", "Infinity", "null", "nul", "nulll", "true",
    "True", "false", "falsy", '""', '"5"', '"a\\nb"', '"a\\"b"', '"\t"', '"open', '"2026-11-20T14:30:00Z"',
    '"2026-11-20T14:30:00+02:00"', '"2026-02-30"', '"2026-11-20T00:00:00"', '"2026-11-20 "', '"20261120"', "[1]", "{}",
    '"a"b"', '"""', 'a"', '"","x"', 'null"', '"2026-11-31"', '"2026-1-20"', '"0000-01-01"',
    '{"id":1}', '1,"more":2', '1}\n{"id":2', "",
]  # fmt: skip


def parser(timezone: str = "UTC") -> LineParser:
    return LineParser(SOURCE, timezone=timezone)


def block(lines: list[str]) -> Block:
    return Block(("\n".join(lines) + "\n").encode(), 1)


def line(values: dict[str, str]) -> str:
    return "{" + ",".join(f'"{name}":{value}' for name, value in values.items()) + "}"


def many(lines: list[str]) -> list[str]:
    """The lines again and again, until the fast path is taken."""
    return list(itertools.islice(itertools.cycle(lines), max(LEAST_LINES, len(lines))))


def parsed(one: Block, by: LineParser) -> pa.Table | None:
    try:
        return by.read(one.data, one.lines, strict=True, breaks=one.breaks)
    except Unparsable:
        return None


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_plain_lines_with_and_without_nulls_are_read_as_the_line_parser_reads_them(data: st.DataObject) -> None:
    names = data.draw(st.permutations(list(TYPES)).flatmap(lambda some: st.integers(1, 10).map(lambda n: some[:n])))
    with_nulls = data.draw(st.booleans())
    of = {name: st.sampled_from([*PLAIN[name], *(["null"] if with_nulls else [])]) for name in names}
    rows = data.draw(st.lists(st.fixed_dictionaries(of), min_size=1, max_size=8))
    given_lines = block(many([line({name: row[name] for name in names}) for row in rows]))
    found = parser().read_fast(given_lines)
    assert found is not None
    assert found.equals(parsed(given_lines, parser()))


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_what_is_accepted_is_what_the_line_parser_accepts(data: st.DataObject) -> None:
    names = data.draw(st.permutations(list(TYPES)).flatmap(lambda some: st.integers(1, 5).map(lambda n: some[:n])))
    rows = [{name: PLAIN[name][0] for name in names} for _ in range(data.draw(st.integers(1, 4)))]
    for _ in range(data.draw(st.integers(1, 2))):
        row, name = data.draw(st.sampled_from(rows)), data.draw(st.sampled_from(names))
        row[name] = data.draw(st.sampled_from([*ODD, *PLAIN[name]]))
    timezone = data.draw(st.sampled_from(["UTC", "Europe/Berlin"]))
    given_lines = block(many([line(row) for row in rows]))
    found = parser(timezone).read_fast(given_lines)
    if found is not None:
        read = parsed(given_lines, parser(timezone))
        assert read is not None, "accepted what the line parser refuses"
        assert found.equals(read)


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_a_byte_that_was_changed_anywhere_changes_nothing_of_that(data: st.DataObject) -> None:
    names = data.draw(st.sampled_from([["id", "price", "at", "day", "text", "flag"], ["text", "day", "big", "share"]]))
    text = bytearray(block(many([line({name: PLAIN[name][1] for name in names})])).data)
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(
            st.sampled_from(b'{}[]",:\\\n\r\t 0193-+.eEnul\x00\xff')
        )
    given_lines = Block(bytes(text), 1)
    found = parser().read_fast(given_lines)
    if found is not None:
        read = parsed(given_lines, parser())
        assert read is not None, "accepted what the line parser refuses"
        assert found.equals(read)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ('{"price":1.00,"id":1}', "another order"),
        ('{"id": 1,"price":1.00}', "a space"),
        ('{"id":1,"price":1.00,"more":1}', "an unknown field"),
        ('{"id":1}', "a field less"),
        ('{"id":1,"id":1}', "a name twice"),
        ('{"id":1,"price":1e2}', "an exponent"),
        ("", "a blank line"),
        ('{"id":01,"price":1.00}', "a leading zero"),
    ],
)
def test_lines_of_another_form_are_left_to_the_line_parser(changed: str, why: str) -> None:
    same = [line({"id": "1", "price": "1.00"})] * LEAST_LINES
    assert parser().read_fast(block(same)) is not None
    for place in (0, 7, LEAST_LINES - 1):
        assert parser().read_fast(block([*same[:place], changed, *same[place + 1 :]])) is None, why


@pytest.mark.parametrize(
    "changed",
    [
        '{"id":1,"text":"a"b"}',
        '{"id":1,"text":"a"b"c"}',
        '{"id":1,"text":"""}',
        '{"id":1,"text":"}',
        '{"id":1,"text":"a}',
        '{"id":1,"text":a"}',
        '{"id":1,"text":"","a"}',
        '{"id":"1","text":"a"}',
        '{"id":1,"text":null"}',
    ],
)
def test_quotation_marks_within_a_value_are_left_to_the_line_parser(changed: str) -> None:
    same = [line({"id": "1", "text": '"a"'})] * LEAST_LINES
    fewer = '{"id":1,"text":null}'  # as many marks in both lines as in two others
    for place in (0, 7, LEAST_LINES - 2):
        for others in (same[:2], [same[0], fewer]):
            lines = [*same[:place], changed, *others, *same[place + 2 :]]
            assert parser().read_fast(block(lines)) is None
    assert parser().read_fast(block([*same, fewer])) is not None


def test_a_last_line_that_ends_before_a_long_name_is_left_to_the_line_parser() -> None:
    name = "a_name_as_long_as_databases_allow_names_to_be_which_is_63_bytes"
    fields = tuple(Field(one, parse_type("int"), False) for one in ("id", name))
    by = LineParser(SourceTable("long", ("id",), fields))
    same = [line({"id": "1", name: "2"})] * LEAST_LINES
    assert by.read_fast(block(same)) is not None
    assert by.read_fast(block([*same, '{"id":1}'])) is None


def test_an_extracted_row_has_every_type_and_keeps_its_values() -> None:
    row = {
        "id": "1", "big": "9007199254740993", "price": "-0.10", "rate": "0.3000000001",
        "at": '"2026-11-20T14:30:00.5"', "day": '"2026-11-20"', "flag": "false", "share": "0.1", "text": '"a, b"',
    }  # fmt: skip
    found = parser().read_fast(block([line(row)] * LEAST_LINES))
    assert found is not None
    assert found.slice(LEAST_LINES - 1).to_pylist() == [
        {
            "id": 1,
            "big": 9007199254740993,
            "price": Decimal("-0.10"),
            "rate": Decimal("0.3000000001"),
            "at": dt.datetime(2026, 11, 20, 14, 30, 0, 500_000),  # noqa: DTZ001  # UTC by construction
            "day": dt.date(2026, 11, 20),
            "flag": False,
            "share": 0.1,
            "text": "a, b",
            "body": None,
        }
    ]
