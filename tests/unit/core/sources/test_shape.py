"""Looks at a catalog compared: whatever sequence of changes lies between, replaying them gives the second look."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.extraction import source_table

from core.errors import InvalidData
from core.sources.catalog import CatalogColumn, SourceType
from core.sources.shape import changes_between, changes_of_tables, refuse_other_columns

TYPES = {
    "integer": SourceType("integer", 32),
    "bigint": SourceType("integer", 64),
    "text": SourceType("text"),
    "boolean": SourceType("boolean"),
}
NAMES = st.sampled_from("abcdefgh")
KINDS = st.sampled_from([*TYPES])
TABLE = source_table("thing", key=["a"], a="int", b="string?", c="int")


@st.composite
def looks(draw: st.DrawFn) -> tuple[list[CatalogColumn], list[CatalogColumn]]:
    """Two looks at a table; columns keep their numbers, and a number is never given again."""
    names = draw(st.lists(NAMES, unique=True, min_size=1))
    kinds = draw(st.lists(KINDS, min_size=8, max_size=8))
    before = [
        CatalogColumn(name, TYPES[kind], kind, number=number)
        for number, (name, kind) in enumerate(zip(names, kinds, strict=False), 1)
    ]
    kept = [column for column in before if draw(st.booleans())]
    free = [name for name in "abcdefgh" if name not in {column.name for column in kept}]
    now = []
    for column in kept:
        if free and draw(st.booleans()):
            column = replace(column, name=free.pop())
        if draw(st.booleans()):
            kind = draw(KINDS)
            column = replace(column, type=TYPES[kind], stated=kind)
        now.append(column)
    for number in range(draw(st.integers(0, 2))):
        if free:
            kind = draw(KINDS)
            now.append(CatalogColumn(free.pop(), TYPES[kind], kind, number=100 + number))
    return before, now


@given(looks())
def test_the_changes_replayed_over_the_first_look_give_the_second(pair: tuple[list[CatalogColumn], ...]) -> None:
    before, now = pair
    shape = {column.name: column.stated for column in before}
    changes = [*changes_between(TABLE, before, now)]
    renamed = {change.now: shape.pop(change.was) for change in changes if change.kind == "renamed"}
    promised = {field.name for field in TABLE.fields}
    numbers = {column.number: column.name for column in now}
    for column in before:  # what got the name that the contract knows is no news
        name = numbers.get(column.number, column.name)
        is_lost = column.name not in numbers.values() and name not in {column.name for column in before}
        if is_lost and column.name not in promised and name in promised:
            renamed[name] = shape.pop(column.name)
    for change in changes:
        if change.kind == "dropped":
            shape.pop(change.column)
    shape |= renamed
    for change in changes:
        if change.kind == "retyped":
            assert shape[change.column] == change.was
            shape[change.column] = change.now
        elif change.kind == "added":
            shape[change.column] = change.now
    assert {name: kind for name, kind in shape.items() if name not in promised} == {
        column.name: column.stated for column in now if column.name not in promised
    }
    assert {change.kind for change in changes_between(TABLE, now, now)} == set()


def test_what_was_there_at_the_first_look_is_no_change_and_a_table_that_comes_back_is_compared() -> None:
    columns = [CatalogColumn("a", TYPES["integer"], "integer", number=1)]
    assert [*changes_of_tables([TABLE], {}, {"thing": columns, "other": ()})] == []
    kinds = [change.kind for change in changes_of_tables([TABLE], {"thing": columns}, {"other": ()})]
    assert kinds == ["gone", "new table"]


def test_a_promised_column_that_comes_back_is_told_where_it_is_of_another_type() -> None:
    first = CatalogColumn("a", TYPES["integer"], "integer", number=1)
    same = CatalogColumn("c", TYPES["integer"], "integer", number=2)
    assert [*changes_between(TABLE, [first], [first, same])] == []
    (change,) = changes_between(TABLE, [first], [first, replace(same, type=TYPES["bigint"], stated="bigint")])
    assert (change.kind, change.line) == ("added", "c: bigint?")


def test_the_line_of_a_change_forgets_no_former_name() -> None:
    fields = tuple(replace(field, was=("first",)) if field.name != "a" else field for field in TABLE.fields)
    table = replace(TABLE, fields=fields)
    before = CatalogColumn("b", TYPES["text"], "text", number=2)
    (change,) = changes_between(table, [before], [replace(before, name="third")])
    assert change.line == 'third: {type: "string?", was: [b, first]}'
    (change,) = changes_between(table, [before], [replace(before, name="first")])
    assert change.line == 'first: {type: "string?", was: b}'
    number = CatalogColumn("c", TYPES["integer"], "integer", number=3)
    (change,) = changes_between(table, [number], [replace(number, type=TYPES["text"], stated="text")])
    assert change.line == 'c: {type: "string?", was: first}'


def test_a_type_that_would_refuse_every_value_is_refused_by_name() -> None:
    wrong = [CatalogColumn("a", TYPES["text"], "text"), CatalogColumn("c", TYPES["bigint"], "bigint")]
    with pytest.raises(InvalidData, match="a is text, which no int can hold"):
        refuse_other_columns(TABLE, wrong, place="thing")
