"""Answers held against what is known: those of another time, entity or unit are told, and revised values are not."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Mapping
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.audit.history import KnownValue
from ingestion.providers.answers import Point
from ingestion.providers.reading.known_values import Closeness, contradiction

START, STEP = 1_793_000_000 // 600 * 600, 600
EXACTLY, NEARLY = Closeness(), Closeness(Decimal("0.005"))


def truth(seed: str, slot: int) -> Decimal:
    return Decimal(random.Random(f"{seed}/{slot}").randint(10_000, 10**8)).scaleb(-4)


def told(values: Mapping[int, Decimal]) -> list[Point]:
    return [Point(dt.datetime.fromtimestamp(slot, dt.UTC), {"o": value}) for slot, value in values.items()]


def known(values: Mapping[int, Decimal]) -> list[KnownValue]:
    return [KnownValue(slot, "o", f"{value:.6f}") for slot, value in values.items()]


@st.composite
def answers(draw: st.DrawFn) -> tuple[dict[int, Decimal], dict[int, Decimal], str]:
    """What an answer should say, with holes, what of it is known, and the seed of the truth."""
    seed = f"{draw(st.integers(0, 10**6))}"
    count = draw(st.integers(24, 150))
    slots = [START + number * STEP for number in range(count)]
    holes = draw(st.sets(st.sampled_from(slots), max_size=count // 12))
    right = {slot: truth(seed, slot) for slot in slots if slot not in holes}
    chosen = draw(st.lists(st.sampled_from(sorted(right)), min_size=4, max_size=12, unique=True))
    return right, {slot: right[slot] for slot in chosen}, seed


@given(answers(), st.integers(0, 3), st.sampled_from([EXACTLY, NEARLY]))
def test_a_right_answer_and_a_few_revised_values_are_data(
    drawn: tuple[dict[int, Decimal], dict[int, Decimal], str], revised: int, closeness: Closeness
) -> None:
    right, ours, seed = drawn
    changed = dict(right)
    for slot in sorted(ours)[: min(revised, len(ours) // 2)]:
        changed[slot] = truth(f"{seed} revised", slot)
    assert contradiction(told(changed), known(ours), closeness) == ""


@given(answers(), st.integers(-140, 140).filter(bool), st.sampled_from([EXACTLY, NEARLY]))
def test_an_answer_of_another_time_is_told_with_its_distance(
    drawn: tuple[dict[int, Decimal], dict[int, Decimal], str], steps: int, closeness: Closeness
) -> None:
    right, ours, _ = drawn
    moved = {slot + steps * STEP: value for slot, value in right.items() if START <= slot + steps * STEP < max(right)}
    assume(sum(slot + steps * STEP in moved for slot in ours) >= 2)
    reason = contradiction(told(moved), known(ours), closeness)
    distance = dt.timedelta(seconds=abs(steps) * STEP)
    assert reason.endswith(f"its times look {'early' if steps < 0 else 'late'} by {distance}")


@given(answers(), st.sampled_from(["0.01", "0.1", "0.5", "2", "7", "100", "-1"]), st.sampled_from([EXACTLY, NEARLY]))
def test_an_answer_in_another_unit_is_told_with_its_factor(
    drawn: tuple[dict[int, Decimal], dict[int, Decimal], str], factor: str, closeness: Closeness
) -> None:
    right, ours, _ = drawn
    scaled = {slot: value * Decimal(factor) for slot, value in right.items()}
    assert contradiction(told(scaled), known(ours), closeness).endswith(f"look multiplied by {factor}")


@given(answers())
def test_values_of_another_entity_are_told_where_the_contract_says_how_near_they_should_be(
    drawn: tuple[dict[int, Decimal], dict[int, Decimal], str],
) -> None:
    right, ours, _ = drawn
    others = {slot: truth("another", slot) for slot in right}
    near = sum(abs(ours[slot] - others[slot]) <= others[slot] / 200 for slot in ours)
    assume(not near)
    reason = contradiction(told(others), known(ours), NEARLY)
    assert reason == f"it disagrees with {len(ours)} of {len(ours)} known values"
    assert contradiction(told(others), known(ours), EXACTLY) == "", "all of them may have been revised"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ([5, 5, 5, 5], [5, 5, 7, 5]),  # a price that stands still tells nothing of time
        ([0, 0, 1, 0], [0, 1, 0, 0]),  # nor do values that are found at several distances
        ([1, 2, 3, 4], []),
        ([1, 2], [1, 9]),  # one of two was revised
        (["1.123457", "2.7", "9", "4"], ["1.1234567", "2.70000004", "9", "4"]),  # digits that a column does not hold
    ],
)
def test_what_may_be_right_is_believed(ours: list[object], theirs: list[object]) -> None:
    values = [KnownValue(START + number * STEP, "o", str(value)) for number, value in enumerate(ours)]
    points = {START + number * STEP: Decimal(str(value)) for number, value in enumerate(theirs)}
    assert contradiction(told(points), values, EXACTLY) == ""


def test_one_column_that_agrees_speaks_for_the_time_of_all() -> None:
    """A live candle's volume is of the minute so far, and no reason to wait for another answer."""
    slots = [START + number * STEP for number in range(6)]
    points = [
        Point(dt.datetime.fromtimestamp(slot, dt.UTC), {"o": truth("o", slot), "v": truth("v", slot)}) for slot in slots
    ]
    ours = known({slot: truth("o", slot) for slot in slots})
    volumes = [KnownValue(slot, "v", str(truth("so far", slot))) for slot in slots]
    assert contradiction(points, [*ours, *volumes], NEARLY) == ""
    assert contradiction(points, volumes, NEARLY) == "it disagrees with 6 of 6 known values"
