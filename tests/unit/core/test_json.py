"""JSON as it is stored and hashed: one text for one value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from core.json import as_plain, canonical_json, canonical_text, readable_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(VALUES)
@settings(max_examples=50, deadline=None)
def test_every_form_is_read_back_as_the_value(value: object) -> None:
    assert json.loads(canonical_text(value)) == json.loads(canonical_json(value)) == json.loads(readable_json(value))
    assert json.loads(canonical_text(value)) == value


def test_equal_values_are_equal_bytes_on_one_line_of_ascii() -> None:
    assert canonical_json({"b": "é", "a": [1]}) == canonical_json({"a": [1], "b": "é"}) == b'{"a":[1],"b":"\\u00e9"}\n'


def test_a_file_that_people_compare_has_a_value_a_line() -> None:
    assert readable_json({"b": 1, "a": 2}) == '{\n "a": 2,\n "b": 1\n}\n'


@dataclass(frozen=True, slots=True)
class Inner:
    name: str = "a"
    numbers: tuple[int, ...] = (1, 2)


@dataclass(frozen=True)
class Outer:
    inner: Inner = field(default_factory=Inner)
    by_name: Mapping[str, tuple[Inner, ...]] = field(default_factory=lambda: {"b": (Inner("c", ()), Inner())})
    share: float | None = 0.5


def test_a_dataclass_becomes_the_json_that_asdict_makes_of_it() -> None:
    for value in (Outer(), Outer(share=None, by_name={}), Inner()):
        assert json.dumps(as_plain(value)) == json.dumps(asdict(value))
