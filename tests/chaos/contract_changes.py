"""Generated changes of generated contracts: their class is what the lake needs, and deployed they make a new one."""

from __future__ import annotations

import random
from collections import Counter

from tests.chaos.run import Options, Result
from tests.support.contract_changes import loaded, misjudgement, written_pair
from tests.support.contract_sequences import play

from core.evolution.changes import gravest
from core.evolution.compare import compare_contracts

RUNS_OF_EACH = 5000


def contract_changes(options: Options) -> Result:
    """Sequences of contracts that are deployed over data, and pairs that are judged.

    In every second sequence columns of the sources get other names too.
    ``differing`` are sequences that end otherwise than in an empty lake, and pairs whose class is wrong; each fault has
    the number that brings it back. ``runs`` are the sequences, ``compared`` the lakes in them.
    """
    amount = options.amount(RUNS_OF_EACH)
    deployed: Counter[str] = Counter()
    faults = []
    compared = 0
    for number in range(amount):
        renaming = random.Random(f"{options.seed}/renaming/{number}") if number % 2 else None
        try:
            played = play(random.Random(f"{options.seed}/{number}"), options.scratch, renaming=renaming)
        except Exception as error:  # noqa: BLE001  # a sequence that falls over must not cost the others
            faults.append(f"seed {options.seed}, sequence {number}: fell over: {error!r}")
            continue
        deployed += played.met
        compared += played.compared
        if played.fault:
            faults.append(f"seed {options.seed}, sequence {number}: {played.fault}")
        options.progress(f"{number + 1} of {amount} sequences, {compared} lakes compared")
    judged, wrong = _judged(options, amount)
    faults += wrong
    figures = {"runs": amount, "compared": compared, "deployed": dict(deployed), "pairs": amount, "judged": judged}
    return Result({**figures, "differing": len(faults)}, faults)


def _judged(options: Options, amount: int) -> tuple[dict[str, int], list[str]]:
    """How many pairs were of each class, and those of which it is wrong."""
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
    return dict(met), faults


RUNS = {"contract_changes": contract_changes}
