"""Queues share a budget fairly, and go on where they ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.repairs.turns.places import RememberedPlaces
from auditor.repairs.turns.queues import Item, Place, Queue, fair_parts, in_turn, place_after, take_turns


def queue(name: str, count: int, *, per_job: int = 1) -> Queue:
    return Queue("shop", "missing_row", name, [(number,) for number in range(count)], per_job)


def counts(queues: Sequence[Queue], *, most: int, jobs: int = 1_000, after: str = "") -> dict[str, int]:
    shares = take_turns(queues, most=most, jobs=jobs, after=after)
    return {each.place: shares.counts[each.name] for each in queues}


def test_queues_share_a_budget_and_what_a_short_queue_leaves_the_others_get() -> None:
    assert counts([queue("a", 100), queue("b", 1), queue("c", 100)], most=21) == {"a": 10, "b": 1, "c": 10}


def test_who_came_last_is_not_first_again() -> None:
    queues = [queue("a", 9), queue("b", 9), queue("c", 9)]
    first = take_turns(queues, most=2, jobs=9)
    assert counts(queues, most=2, after=first.last) == {"a": 1, "b": 0, "c": 1}


def test_a_queue_whose_next_job_is_one_too_many_fills_those_that_it_has() -> None:
    assert counts([queue("a", 9, per_job=4), queue("b", 9, per_job=4)], most=99, jobs=3) == {"a": 8, "b": 4}


def test_what_is_too_heavy_waits_and_holds_up_no_other_queue() -> None:
    queues = [queue("a", 3), queue("b", 3)]
    shares = take_turns(queues, most=9, jobs=9, weight=4, weigh=lambda each, _: 5 if each.place == "a" else 2)
    assert [shares.counts[each.name] for each in queues] == [0, 2]


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 50)), st.integers(-5, 120))
def test_parts_are_within_the_whole_and_nobody_gets_less_than_his_share_while_he_needs_it(
    needs: dict[str, int], most: int
) -> None:
    parts = fair_parts(needs, most)
    assert parts.keys() == needs.keys()
    assert sum(parts.values()) == min(max(0, most), sum(needs.values()))
    for name, need in needs.items():
        assert min(need, max(0, most) // len(needs)) <= parts[name] <= need


@given(st.sets(st.integers(0, 99), min_size=1, max_size=40), st.integers(1, 7), st.data())
def test_each_item_has_its_turn_within_a_round_whatever_comes_behind_it(
    numbers: set[int], share: int, data: st.DataObject
) -> None:
    """As many new ones as a run serves come in each run, at the end."""
    place, waiting, newest = Place(), {(number,) for number in numbers}, 100
    served: list[Item] = []
    for _ in range(-(-len(waiting) // share)):
        items = in_turn(waiting, place)
        served += items[:share]
        place = place_after(replace(queue("a", 0), items=items), place, {*items[:share]})
        more = data.draw(st.integers(0, share))
        waiting |= {(newest + number,) for number in range(more)}
        newest += more
    assert {*served} >= {(number,) for number in numbers}
    assert RememberedPlaces.from_json(RememberedPlaces({"a": place}).to_json()).places == {"a": place}


def test_what_the_run_did_not_try_goes_before_what_it_did_each_from_the_place_on() -> None:
    items = [(number,) for number in (4, 3, 2, 1)]
    order = in_turn(items, Place((2,), (4,)), tried={(3,), (1,)})
    assert order == [(4,), (2,), (3,), (1,)]


@pytest.mark.parametrize("items", [[("b", 2), ("b", 10), ("a", 3)], [(True,), (2,), ("10",)]])
def test_keys_of_any_kind_have_an_order(items: list[Item]) -> None:
    assert in_turn([*items, *items], Place()) == in_turn(reversed(items), Place())
