"""Tables that fit, and records where they do not: whatever the cells say, nothing of them is lost."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cli.rows.cells import data_cell, printable, said_cell
from cli.rows.table import BLOCK, Heading, cells_wide, table_lines, wrapped

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NUMBERS = st.integers(-(10**18), 10**18).map(str)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Heading], list[list[str]]]:
    numeric = draw(st.lists(st.booleans(), min_size=1, max_size=7))
    headings = [Heading(f"column {index}", number) for index, number in enumerate(numeric)]
    cells = [NUMBERS if number else TEXTS.map(data_cell) for number in numeric]
    return headings, draw(st.lists(st.tuples(*cells).map(list), max_size=5))


def words(text: str) -> str:
    """The text without its spaces, which wrapping may change."""
    return "".join(text.split())


@settings(max_examples=60, deadline=None)
@given(tables(), st.integers(20, 120), st.booleans())
@example(([Heading("a text", False)], [["0" * 29 + " \\x1f\u2f00"]]), 35, True)
def test_every_cell_is_there_whole_and_columns_are_never_wider_than_the_terminal(
    table: tuple[list[Heading], list[list[str]]], width: int, wrap: bool
) -> None:
    headings, rows = table
    lines = list(table_lines(headings, rows, width=width, wrap=wrap))
    is_records = any(line.startswith("-[ 1 ]") for line in lines)
    text = words("".join(lines))
    if is_records:
        values = [words(line[max(len(heading.name) for heading in headings) :]) for line in lines]
        joined = "".join(values)
        assert all(words(cell) in joined for row in rows for cell in row)
        return
    assert all(cells_wide(line) <= width for line in lines)
    for row in rows:
        for heading, cell in zip(headings, row, strict=True):
            if heading.numeric:
                assert any(cell in line for line in lines), "a number is never in two lines"
            elif not wrap:
                assert any(cell.rstrip() in line for line in lines)
            else:
                assert all(words(word) in text for word in cell.split())


def test_columns_that_do_not_fit_become_records() -> None:
    headings = [Heading("object"), Heading("rows", numeric=True)]
    rows = [["tables/sales/currency/000000000001.jsonl.gz", "1234567"], ["b", "2"]]
    assert list(table_lines(headings, rows, width=40, wrap=False)) == [
        "-[ 1 ]------------------",
        "object  tables/sales/currency/000000000001.jsonl.gz",
        "rows    1234567",
        "-[ 2 ]------------------",
        "object  b",
        "rows    2",
    ]


def test_texts_wrap_between_words_where_somebody_reads_them() -> None:
    headings = [Heading("finding"), Heading("rows", numeric=True), Heading("what")]
    rows = [["missing point", "60", "AAPL: 60 points between here and there, none of them late"]]
    assert list(table_lines(headings, rows, width=50, wrap=True)) == [
        "finding        rows  what",
        "-------------  ----  -----------------------------",
        "missing point    60  AAPL: 60 points between here",
        "                     and there, none of them late",
    ]


def test_a_later_block_that_needs_more_room_gets_a_header_of_its_own() -> None:
    rows = [["1"]] * BLOCK + [["12345678"]]
    lines = list(table_lines([Heading("n", numeric=True)], rows, width=80, wrap=False))
    assert lines[:3] == ["n", "-", "1"]
    assert lines[-4:] == ["", "       n", "--------", "12345678"]


def test_characters_of_two_columns_are_counted_as_two() -> None:
    lines = list(table_lines([Heading("name"), Heading("n")], [["東京", "1"], ["Oslo", "2"]], width=80, wrap=False))
    assert lines[2:] == ["東京  1", "Oslo  2"]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("[draft] order", "[draft] order"),
        ("[/b]", "[/b]"),
        (":smile:", ":smile:"),
        ("two\nlines\tand\x1b[31mred", "two\\nlines\\tand\\x1b[31mred"),
        ("\u202eright to left", "\\u202eright to left"),
        ("NULL", '"NULL"'),
        (None, "NULL"),
        ("-", "-"),
        (1234567, "1234567"),
        (True, "true"),
        (dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC), "2026-11-20 14:30:00.000 UTC"),
        (Decimal("1E+3"), "1000"),
    ],
)
def test_a_cell_is_text_and_null_is_no_text(value: object, cell: str) -> None:
    assert data_cell(value) == cell


def test_what_a_command_says_has_a_dash_for_nothing() -> None:
    assert [said_cell(value) for value in (None, False, 12345)] == ["-", "no", "12345"]


@settings(max_examples=60, deadline=None)
@given(TEXTS)
def test_whatever_a_text_holds_it_is_one_line_that_no_terminal_obeys(text: str) -> None:
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown
    assert wrapped(shown, 10)
