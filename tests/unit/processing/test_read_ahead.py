"""Reading ahead: the same items in the same order, and never more of them than are promised."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from processing.read_ahead import map_ahead, read_ahead


@settings(max_examples=25, deadline=None)
@given(st.lists(st.none() | st.integers(), max_size=9), st.integers(1, 4))
def test_items_come_in_their_order(items: list[int | None], workers: int) -> None:
    assert list(read_ahead(iter(items))) == items
    assert list(map_ahead(lambda item: (item,), items, workers=workers)) == [(item,) for item in items]


def test_the_next_item_is_made_while_one_is_used_and_no_other() -> None:
    started = [threading.Event() for _ in range(3)]

    def source() -> Iterator[int]:
        for number, event in enumerate(started):
            event.set()
            yield number

    items = read_ahead(source())
    assert next(items) == 0
    assert started[1].wait(60)
    assert not started[2].is_set()
    assert list(items) == [1, 2]


def test_at_most_one_result_waits_for_each_worker() -> None:
    asked: list[int] = []

    def items() -> Iterator[int]:
        for number in range(10):
            asked.append(number)
            yield number

    results = map_ahead(lambda number: number, items(), workers=2)
    assert next(results) == 0
    assert asked == [0, 1, 2]
    assert list(results) == list(range(1, 10))


@pytest.mark.parametrize("bad", [0, 3])
def test_an_error_comes_where_the_result_would_have_come(bad: int) -> None:
    def invert(number: int) -> float:
        return 1 / number

    numbers = [1, 2, 4, 8]
    numbers[bad] = 0
    results = map_ahead(invert, numbers, workers=2)
    for number in numbers[:bad]:
        assert next(results) == 1 / number
    with pytest.raises(ZeroDivisionError):
        next(results)
