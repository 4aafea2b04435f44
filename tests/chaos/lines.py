"""Values as somebody may write them, on every road that reads lines: each must have one fate, and read back."""

from __future__ import annotations

import random

from tests.chaos.run import Options, Result
from tests.support.line_values import TYPES, any_text, fates_differ

RUNS_IN_FULL = 400  # of 25 values each, on two clocks and five roads
VALUES = 25


def lines(options: Options) -> Result:
    """``--runs`` is the number of blocks; types take turns."""
    runs = options.amount(RUNS_IN_FULL)
    faults: list[str] = []
    differing = 0
    for number in range(runs):
        draw = random.Random(f"{options.seed} {number}")
        kind = TYPES[number % len(TYPES)]
        wrong = fates_differ([any_text(draw, kind) for _ in range(VALUES)], kind)
        differing += bool(wrong)
        faults += [f"run {number}: {text}" for text in wrong]
        options.progress(f"{number + 1} of {runs} blocks, {differing} differing")
    return Result({"runs": runs, "differing": differing}, faults)


RUNS = {"lines": lines}
