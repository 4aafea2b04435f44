"""Ten thousand entities of one feed: each part within half a second, and four times as many in four times the time."""

from __future__ import annotations

import pytest
from bench.growth import LINEAR, growth
from bench.many_entities import CASES, ENTITIES, MOST_SECONDS, seconds_of

SIZES = {
    "plan_of_a_minute": 5_000,
    "repairs_of_a_minute": 1_000,
    "grid_of_a_day": 250,
    "mark_absent": 500,
    "triage": 750,
}


@pytest.mark.parametrize("name", CASES)
def test_four_times_the_entities_take_four_times_as_long(name: str) -> None:
    _, times = growth(CASES[name], SIZES[name], turns=6)
    assert times <= LINEAR


@pytest.mark.long
@pytest.mark.parametrize("name", CASES)
def test_ten_thousand_entities_take_half_a_second(name: str) -> None:
    assert seconds_of(CASES[name](ENTITIES), turns=3) <= MOST_SECONDS
