"""Time without a bound: twice the input takes at most 2.3 times as long, whatever is wrong with it."""

from __future__ import annotations

import pytest
from bench.growth import CASES, LINEAR, growth

SIZES = {"bad_lines": 200, "broken_lines": 800, "joined_objects": 20_000, "wide_lines": 400}


@pytest.mark.parametrize("name", CASES)
def test_twice_the_input_takes_twice_as_long(name: str) -> None:
    _, times = growth(CASES[name][0], SIZES[name], turns=6)
    assert times <= LINEAR
