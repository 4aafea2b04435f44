"""Numbers that are outstanding: what was added stays until it was seen, however many there are, and has its turn."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.objects import MemoryObjects

from auditor.evidence import outstanding
from auditor.evidence.outstanding import (
    CERTIFICATES,
    Looks,
    Numbers,
    Outstanding,
    bounded,
    each_of,
    in_turn,
    keep_looks,
    kept_looks,
    numbers,
    outstanding_key,
    read_outstanding,
    settle_looks,
    within,
    without,
)

few = settings(max_examples=60, deadline=None)
sets = st.sets(st.integers(0, 40), max_size=25)


def all_of(ranges: Numbers) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


@few
@given(sets, sets, st.integers(0, 40), st.integers(0, 40))
def test_ranges_say_what_sets_say(some_of: set[int], others: set[int], first: int, last: int) -> None:
    ranges = each_of(some_of)
    assert all_of(ranges) == some_of
    assert all(before[1] + 1 < after[0] for before, after in pairwise(ranges))
    assert numbers([*ranges, *each_of(others)]) == each_of(some_of | others)
    assert without(ranges, each_of(others)) == each_of(some_of - others)
    assert within(ranges, first, last) == each_of(number for number in some_of if first <= number <= last)


@few
@given(sets, st.integers(1, 6))
def test_ranges_that_are_too_many_hold_all_that_they_held(places: set[int], most: int) -> None:
    joined = bounded(each_of(places), most)
    assert len(joined) <= most
    assert all_of(joined) >= places
    assert bounded(joined, most) == joined


@few
@given(sets, st.integers(1, 6))
def test_every_number_has_its_turn_in_as_many_looks_as_are_needed(places: set[int], most: int) -> None:
    ranges, after, seen = each_of(places), -1, set()
    for _ in range(2 * -(-len(places) // most)):
        taken = in_turn(ranges, most, after)
        assert len(all_of(taken)) == min(most, len(places))
        after = taken[-1][1]
        seen |= all_of(taken)
    assert seen == places


def look(at: int, **rooms: tuple[set[int], set[int]]) -> Looks:
    """A look by room: the numbers that were seen, and those that were amiss."""
    seen = {room: each_of(pair[0]) for room, pair in rooms.items()}
    amiss = {room: each_of(pair[1]) for room, pair in rooms.items()}
    return Looks(f"2026-11-20T{at:02}:00:00Z", seen, amiss)


@few
@given(st.lists(st.tuples(sets, sets), max_size=6))
def test_what_was_amiss_is_outstanding_until_it_was_seen_to_be_well(turns: list[tuple[set[int], set[int]]]) -> None:
    known, left = Outstanding(), set()
    for at, (seen, amiss) in enumerate(turns):
        looks = look(at, a=(seen, amiss))
        known = known.after(looks, {})
        assert known == known.after(looks, {}), "a step that is run again"
        left = left - seen | amiss
        assert all_of(known.rooms.get("a", ())) == left
        assert Outstanding.from_json(known.to_json()) == known
        waits = bool(left - seen - amiss)
        assert known.still_open(["lost_object", "missing_row"], looks) == (("lost_object",) if waits else ())


def test_a_scan_that_is_older_than_what_is_known_ends_nothing_and_adds_what_it_found() -> None:
    newer = Looks("2026-11-20T02:00:00Z", read={"a": "key"}, partitions=("p",))
    known = Outstanding().after(newer, {"halted": "2026-11-20"})
    older = Looks(
        "2026-11-20T01:00:00Z",
        seen={"a": ((1, 9),)},
        amiss={"b": ((3, 3),)},
        passed=("p",),
        released={"halted": "2026-11-20"},
        read={"a": "earlier"},
    )
    after = known.after(look(3, a=({1}, {2})), {}).after(older, {"another": "2026-11-19"})
    assert after.rooms == {"a": ((2, 2),), "b": ((3, 3),)}
    assert (after.partitions, after.read) == (("p",), {"a": "key"})
    assert after.halted == {"another": "2026-11-19", "halted": "2026-11-20"}


def test_more_partitions_than_are_kept_leave_their_cause_open_until_the_sweep_came_round(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outstanding, "MOST_PARTITIONS", 2)
    known, told = Outstanding(), []
    for at, (partitions, rounded) in enumerate([(("a", "b", "c"), True), ((), False), ((), True), ((), True)]):
        looks = Looks(f"2026-11-20T{at:02}:00:00Z", partitions=partitions, passed=known.partitions, rounded=rounded)
        known = known.after(looks, {})
        known = known.after(looks, {})
        told.append(known.still_open(["unreferenced_object"], looks))
    assert told == [("unreferenced_object",)] * 3 + [()]


def test_the_chain_keeps_no_cause_of_objects_open() -> None:
    known = Outstanding(rooms={CERTIFICATES: ((1, 1),)})
    assert known.still_open(["lost_object"], Looks()) == ()


def test_what_another_release_added_is_passed_over_and_what_cannot_be_read_is_nothing() -> None:
    store = MemoryObjects()
    looks = Looks(
        "2026-11-20T00:00:00Z", {"a": ((1, 2),)}, {"a": ((2, 2),)}, {"a": 2}, ("p",), ("q",), True, {"k": "d"}
    )
    keep_looks(store, "run", looks)
    assert kept_looks(store, "run") == looks
    assert kept_looks(store, "another") is None
    assert Looks.from_data({**looks.to_data(), "later": 1}) == looks
    known = settle_looks(store, "quotes", looks, {"k": "d"})
    assert read_outstanding(store, "quotes") == known
    stored = store.read(outstanding_key("quotes"))
    assert stored is not None
    store.write(outstanding_key("quotes"), json.dumps({**json.loads(stored.body), "later": [1]}).encode())
    assert read_outstanding(store, "quotes") == known
    store.write(outstanding_key("quotes"), b"{")
    assert read_outstanding(store, "quotes") == Outstanding()
