"""Ten thousand entities of one feed: each part within half a second, and twice as many in twice the time."""

from __future__ import annotations

import pytest
from bench.growth import LINEAR, growth
from bench.many_entities import CASES, ENTITIES, MOST_SECONDS, seconds_of

SIZES = {
    "plan_of_a_minute": 10_000,
    "repairs_of_a_minute": 2_000,
    "grid_of_a_day": 500,
    "mark_absent": 1_000,
    "triage": 1_500,
}


@pytest.mark.parametrize("name", CASES)
def test_twice_the_entities_take_twice_as_long(name: str) -> None:
    _, times = growth(CASES[name], SIZES[name], turns=6)
    assert times <= LINEAR


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_ten_thousand_entities_take_half_a_second(name: str) -> None:
    assert seconds_of(CASES[name](ENTITIES), turns=3) <= MOST_SECONDS
