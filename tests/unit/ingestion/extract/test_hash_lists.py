"""Numbered lists of hashed columns: each list has one number for ever, whoever adds it."""

from __future__ import annotations

from tests.fakes.objects import MemoryObjects

from core.landing.content import HashList, list_key
from ingestion.extract.hash_lists import HashLists

FIRST = HashList("postgresql 17 UTF8 abc", (("id", "bigint"), ("note", "string?")))
SECOND = HashList("postgresql 18 UTF8 abc", FIRST.columns)


def test_a_list_keeps_its_number_and_another_server_has_another() -> None:
    objects = MemoryObjects()
    lists = HashLists(objects, "shop")
    assert [lists.number("item", wanted) for wanted in (FIRST, SECOND, FIRST)] == [1, 2, 1]
    assert HashLists(objects, "shop").number("item", SECOND) == 2
    assert HashLists(objects, "shop").known("item", 1) == FIRST
    assert lists.known("item", 3) is None
    assert lists.number("other", SECOND) == 1


def test_who_is_beaten_to_a_number_takes_the_next_one_or_finds_his_list_there() -> None:
    objects = MemoryObjects()
    slow, fast = HashLists(objects, "shop"), HashLists(objects, "shop")
    assert slow.read("item") == {}
    assert fast.number("item", FIRST) == 1
    assert slow.number("item", SECOND) == 2
    assert fast.number("item", SECOND) == 2
    stored = objects.read(list_key("shop", "item", 2))
    assert stored is not None
    assert HashList.from_json(stored.body) == SECOND


def test_a_list_that_cannot_be_read_keeps_its_number_and_nobody_from_the_others() -> None:
    objects = MemoryObjects()
    lists = HashLists(objects, "shop")
    assert [lists.number("item", wanted) for wanted in (FIRST, SECOND)] == [1, 2]
    objects.write(list_key("shop", "item", 2), b"<html>")
    anew = HashLists(objects, "shop")
    assert (anew.known("item", 1), anew.known("item", 2)) == (FIRST, None)
    assert anew.number("item", SECOND) == 3
