"""Generated changes of generated contracts: their class is what the lake needs to be as a new one."""

from __future__ import annotations

import random
from collections import Counter

from tests.chaos.run import Options, Result
from tests.support.contract_changes import loaded, misjudgement, written_pair

from core.evolution.changes import gravest
from core.evolution.compare import compare_contracts

PAIRS = 5000


def contract_changes(options: Options) -> Result:
    """``differing`` are pairs of contracts whose class is wrong; each fault has the number that brings it back."""
    amount = options.amount(PAIRS)
    met: Counter[str] = Counter()
    faults = []
    for number in range(amount):
        pair = written_pair(random.Random(f"{options.seed}/{number}"))
        before, after = (loaded(each, options.scratch) for each in pair)
        if before is None or after is None:
            continue
        met[gravest(compare_contracts(before, after)) or "none"] += 1
        if fault := misjudgement(before, after):
            faults.append(f"seed {options.seed}, pair {number}: {fault}")
        options.progress(f"{number + 1} of {amount} pairs, {sum(met.values())} of them accepted")
    return Result({"runs": amount, "accepted": sum(met.values()), **met, "differing": len(faults)}, faults)


RUNS = {"contract_changes": contract_changes}
