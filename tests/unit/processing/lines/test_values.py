"""Values on every road: cut, parsed strictly, parsed among bad lines, alone. Each has one fate, and reads back."""

from __future__ import annotations

import random

import pytest
from tests.support.line_values import TYPES, any_text, fates_differ

SEEDS = range(2)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_value_has_one_fate_on_every_road(kind: str, seed: int) -> None:
    draw = random.Random(f"{kind} {seed}")
    texts = [any_text(draw, kind) for _ in range(25)]
    assert fates_differ(texts, kind) == []
