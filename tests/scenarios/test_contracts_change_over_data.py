"""Sequences of contract changes of all classes with data between them, against an empty lake with the same history."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from tests.support.contract_sequences import play

# The first two found a fault once: another version rule was refused by the rows that were there, and a narrower type of
# a dimension met rows of the current state that it cannot hold.
SEQUENCES = ("0/120", "0/314", *(f"0/{number}" for number in range(40)))


def test_what_readers_see_after_every_deployment_is_what_an_empty_lake_would_hold(tmp_path: Path) -> None:
    met: Counter[str] = Counter()
    compared = 0
    for seed in SEQUENCES:
        played = play(random.Random(seed), tmp_path)
        assert played.fault == "", seed
        met += played.met
        compared += played.compared
    assert set(met) == {"additive", "restate", "rebuild", "rolled back"}
    assert compared >= len(SEQUENCES)
