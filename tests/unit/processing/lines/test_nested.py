"""Nested values as text: character by character what the source sent."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.lines.nested import MOST_NESTED, REFUSED, members, nested_as_text

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6),
    lambda value: st.lists(value, max_size=3) | st.dictionaries(st.text(max_size=4), value, max_size=3),
    max_leaves=4,
)


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.sampled_from(["id", "body", "other"]), JSON, max_size=3), st.booleans(), st.booleans())
def test_a_named_field_becomes_its_own_text_and_null_stays(
    row: dict[str, object], spaced: bool, ascii_only: bool
) -> None:
    separators = (" , ", " :\t") if spaced else (",", ":")
    line = json.dumps(row, separators=separators, ensure_ascii=ascii_only).encode()
    replaced = json.loads(nested_as_text(line, ["body"]))
    assert replaced.keys() == row.keys()
    for name, value in row.items():
        if name != "body" or value is None:
            assert replaced[name] == value
        else:
            assert replaced[name] == json.dumps(value, separators=separators, ensure_ascii=ascii_only)


def test_the_null_of_a_databases_document_is_a_text_where_its_line_says_so() -> None:
    line = b'{"a":\tnull,"body":\tnull,"other":null,"text":"\\tnull","words":[\tnull],"b": null}'
    names = ["body", "other", "text", "words", "b"]
    whole = json.loads(line)
    kept = {"text": r'"\tnull"', "words": "[\tnull]"}
    assert json.loads(nested_as_text(line, names)) == whole | kept
    assert json.loads(nested_as_text(line, names, documents=True)) == whole | kept | {"body": "null"}
    assert b'"body":"null"' in nested_as_text(line, names, documents=True)


def test_numbers_keep_their_digits() -> None:
    line = b'{"body": {"a": 1.10, "b": 123456789012345678901234567890}}'
    assert json.loads(nested_as_text(line, ["body"])) == {"body": '{"a": 1.10, "b": 123456789012345678901234567890}'}


NO_OBJECTS = [b"[1]", b'{"body": }', b'{"body" 1}', b'{"body": 1 2}', b"{'body': 1}", b"\xff"]
TOO_DEEP = [b'{"body":%s}' % (b"[" * levels + b"]" * levels) for levels in (MOST_NESTED, 990, 100_000)]
CONSTANTS = [b'{"body":NaN}', b'{"body":[{"a":-Infinity}]}']


@pytest.mark.parametrize("line", [*NO_OBJECTS, *TOO_DEEP, *CONSTANTS])
def test_a_line_that_is_no_object_or_nested_too_deep_is_marked_to_be_refused(line: bytes) -> None:
    assert nested_as_text(line, ["body"]) == REFUSED + line
    assert nested_as_text(b"", ["body"]) == b""


def test_what_only_looks_like_a_constant_or_a_bracket_is_text() -> None:
    value = b'["NaN", {"-Infinity": "%s"}]' % (b"[" * 5000)
    assert json.loads(nested_as_text(b'{"body":%s}' % value, ["body"])) == {"body": value.decode()}


def test_a_value_of_the_deepest_level_that_is_allowed_is_text() -> None:
    value = "[" * (MOST_NESTED - 1) + "]" * (MOST_NESTED - 1)
    assert json.loads(nested_as_text(b'{"body":%s}' % value.encode(), ["body"])) == {"body": value}


def test_members_say_where_each_value_lies() -> None:
    text = ' { "a" : [1, 2] , "b\\"": null } '
    assert [(name, text[start:end]) for name, start, end in members(text)] == [("a", "[1, 2]"), ('b"', "null")]
