"""Types as a contract writes them and as the catalog spells them."""

from __future__ import annotations

import pytest

from core.contract.types import PLAIN_TYPES, ColumnType, parse_type


@pytest.mark.parametrize("text", [*PLAIN_TYPES, "decimal(18,6)", "decimal(38,0)"])
def test_a_type_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_type(text)) == text


def test_json_is_text_to_the_catalog() -> None:
    assert parse_type("json").catalog == "string"
    assert parse_type("decimal(10, 2)").catalog == "decimal(10,2)"
    assert parse_type("decimal(10, 2)") == ColumnType("decimal", 10, 2)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("integer", "unknown type 'integer'; use one of string, int"),
        ("decimal(39,2)", "precision is 1 to 38"),
        ("decimal(2,3)", "scale at most precision"),
        ("decimal(10", 'is cut at a comma or misspelt; inside braces write "decimal(10,2)" in quotes'),
    ],
)
def test_what_is_no_type_is_refused_with_what_is_one(text: str, problem: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_type(text)
    assert problem in str(refused.value)
