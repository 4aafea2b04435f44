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
    assert reason.startswith(f"it disagrees with {len(ours)} of {len(ours)} known values"), "whatever else it tells"
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


def of_fields(**fields: list[object]) -> list[Point]:
    """An answer whose points have these values, one after the other."""
    return [
        Point(dt.datetime.fromtimestamp(START + number * STEP, dt.UTC), dict(zip(fields, values, strict=True)))
        for number, values in enumerate(zip(*fields.values(), strict=True))
    ]


def known_of(field: str, values: list[object], *places: int) -> list[KnownValue]:
    return [KnownValue(START + place * STEP, field, str(values[place])) for place in places]


@pytest.mark.parametrize("closeness", [EXACTLY, NEARLY])
@pytest.mark.parametrize("number", ["1E+999999", "-9.9E+9999999", "1E-9999999", "NaN", "Infinity"])
def test_a_number_that_no_line_holds_is_its_own_records_fault(number: str, closeness: Closeness) -> None:
    ours: list[object] = ["0.01", "2.5", "3.5", "4.5"]
    theirs: list[object] = [Decimal(number), *(Decimal(str(value)) for value in ours[1:])]
    assert contradiction(of_fields(o=theirs), known_of("o", ours, 0, 1, 2, 3), closeness) == ""


@given(answers(), st.integers(1, 20), st.sampled_from(["0.1", "25.4", "100"]), st.sampled_from([EXACTLY, NEARLY]))
def test_zeros_speak_for_no_unit(
    drawn: tuple[dict[int, Decimal], dict[int, Decimal], str], zeros: int, factor: str, closeness: Closeness
) -> None:
    """It seldom rains: most of what is known is nothing, in millimetres as in inches."""
    right, ours, _ = drawn
    dry = {START - number * STEP: Decimal(0) for number in range(1, zeros + 1)}
    scaled = {slot: value * Decimal(factor) for slot, value in right.items()}
    assert contradiction(told({**dry, **scaled}), known({**dry, **ours}), closeness).endswith(f"by {factor}")


@given(answers())
def test_a_column_of_rounded_numbers_agrees_with_what_it_was_rounded_from(
    drawn: tuple[dict[int, Decimal], dict[int, Decimal], str],
) -> None:
    right, ours, _ = drawn
    near = Closeness(Decimal("0.0000001"))
    whole = [KnownValue(slot, "o", str(round(value))) for slot, value in ours.items()]
    assert contradiction(told(right), whole, near) == ""
    others = {slot: value + 2 for slot, value in right.items()}
    assert contradiction(told(others), whole, near) == f"it disagrees with {len(ours)} of {len(ours)} known values"


def test_a_column_that_is_the_same_for_hours_does_not_speak_against_an_answer_of_another_hour() -> None:
    """The rate changes once, and is as it is known at most times, wherever the prices come from."""
    prices, rates = [truth("o", number) for number in range(14)], [Decimal(5)] * 6 + [Decimal(6)] * 8
    ours = [*known_of("o", [*prices], 2, 3, 8, 9), *known_of("r", [*rates], 2, 3, 8, 9)]
    assert contradiction(of_fields(o=[*prices], r=[*rates]), ours, EXACTLY) == ""
    late = of_fields(o=[None, None, *prices[:-2]], r=[None, None, *rates[:-2]])
    reason = "it disagrees with 4 of 4 known values; its times look late by 0:20:00"
    assert contradiction(late, ours, EXACTLY) == reason
    assert contradiction(late, ours, NEARLY) == reason


def test_a_column_that_agrees_at_its_own_times_alone_speaks_against_a_coincidence() -> None:
    """A live candle's volume is of the minute so far, and may be that of another whole minute."""
    prices, volumes = [truth("o", number) for number in range(10)], [truth("v", number) for number in range(10)]
    so_far = [KnownValue(START + place * STEP, "v", str(volumes[place + 3])) for place in (2, 3, 5, 6)]
    answer = of_fields(o=[*prices], v=[*volumes])
    assert contradiction(answer, so_far, NEARLY).endswith("its times look late by 0:30:00")
    assert contradiction(answer, [*so_far, *known_of("o", [*prices], 2, 3, 5, 6)], NEARLY) == ""


def test_a_column_of_which_zeros_alone_agree_speaks_for_no_other() -> None:
    prices, others = [truth("o", number) for number in range(6)], [truth("another", number) for number in range(6)]
    ours = [*known_of("o", [*prices], 0, 1, 2, 3), *known_of("d", ["0.0", "0.0", "0.0", "7.0"], 0, 1, 2, 3)]
    paid: list[object] = [Decimal(0)] * 3 + [Decimal(3)] * 3
    assert contradiction(of_fields(o=[*others], d=paid), ours, NEARLY) == "it disagrees with 4 of 4 known values"
    assert contradiction(of_fields(o=[*prices], d=paid), ours, NEARLY) == ""
