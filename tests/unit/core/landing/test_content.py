"""Lists of hashed columns: their numbers, keys and stored form."""

from __future__ import annotations

import pytest

from core.errors import InvalidData
from core.landing.content import HashList, list_key, list_number, lists_prefix, number_of

LIST = HashList("postgresql 18 UTF8 ca5e", (("id", "bigint"), ("note", "string?")))


def test_a_key_says_its_number_and_lies_in_the_tables_folder() -> None:
    key = list_key("shop", "item", 12)
    assert key == "lists/shop/item/000012.json"
    assert key.startswith(lists_prefix("shop", "item"))
    assert list_number(key) == 12
    assert [list_number(f"lists/shop/item/{name}") for name in ("12.json", "000012.jsonl", "notes")] == [None] * 3


def test_a_list_comes_back_as_it_was_and_anything_else_is_refused() -> None:
    assert HashList.from_json(LIST.to_json()) == LIST
    for body in (b"", b"{}", b"[1]", b'{"server": "x", "columns": [["id"]]}'):
        with pytest.raises(InvalidData, match="read hash list"):
            HashList.from_json(body)


def test_of_two_lists_alike_the_lower_number_counts_and_order_and_server_make_another() -> None:
    assert number_of({3: LIST, 2: LIST}, LIST) == 2
    assert number_of({1: LIST}, HashList("postgresql 19 UTF8 ca5e", LIST.columns)) is None
    assert number_of({1: LIST}, HashList(LIST.server, LIST.columns[::-1])) is None
