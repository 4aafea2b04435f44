"""The class of a contract's change against what the lake then needs, for generated changes of generated contracts."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

from tests.support.contract_changes import loaded, misjudgement, written_pair

from core.evolution.changes import gravest
from core.evolution.compare import compare_contracts

PAIRS = 40


def test_the_class_of_a_change_is_what_the_lake_needs(tmp_path: Path) -> None:
    met: Counter[str] = Counter()
    for number in range(PAIRS):
        before, after = (loaded(each, tmp_path) for each in written_pair(random.Random(f"pairs/{number}")))
        if before is None or after is None:
            continue
        met[gravest(compare_contracts(before, after)) or "none"] += 1
        assert misjudgement(before, after) == "", f"pair {number}"
    assert set(met) >= {"additive", "restate", "rebuild"}
