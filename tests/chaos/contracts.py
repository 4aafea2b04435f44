"""Generated contracts against processing: whatever the check accepts has to process an object that fits it."""

from __future__ import annotations

import random

from tests.chaos.run import Options, Result
from tests.support.contract_failures import failure_of
from tests.support.generated_contracts import written_contract

CONTRACTS = 3000


def contracts(options: Options) -> Result:
    """``differing`` are contracts that were accepted and then failed; each fault has the number that brings it back."""
    amount = options.amount(CONTRACTS)
    accepted = 0
    faults = []
    for number in range(amount):
        failure = failure_of(written_contract(random.Random(f"{options.seed}/{number}")), options.scratch)
        accepted += failure is not None
        if failure:
            faults.append(f"seed {options.seed}, contract {number}: {failure}")
        options.progress(f"{number + 1} of {amount} contracts, {accepted} accepted")
    return Result({"runs": amount, "accepted": accepted, "differing": len(faults)}, faults)


RUNS = {"contracts": contracts}
