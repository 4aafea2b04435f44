"""Time without a bound: four times the input takes some four times as long, whatever is wrong with it."""

from __future__ import annotations

import pytest
from bench.growth import CASES, LINEAR, growth

SIZES = {"bad_lines": 150, "broken_lines": 400, "joined_objects": 20_000, "wide_lines": 200}


@pytest.mark.parametrize("name", CASES)
def test_four_times_the_input_takes_four_times_as_long(name: str) -> None:
    _, times = growth(CASES[name][0], SIZES[name], turns=6)
    assert times <= LINEAR
