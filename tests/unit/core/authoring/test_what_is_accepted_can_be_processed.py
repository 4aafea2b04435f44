"""Contracts as a generator writes them: what the check accepts is rendered, and processes objects that fit it."""

from __future__ import annotations

import random
from pathlib import Path

from tests.support.contract_failures import failure_of
from tests.support.generated_contracts import written_contract

SEED, CONTRACTS = 20261128, 30


def test_an_accepted_contract_renders_and_processes_what_fits_it(tmp_path: Path) -> None:
    """``make chaos`` does the same for minutes (``contracts``); a failure there has its seed and number."""
    failures = [
        failure_of(written_contract(random.Random(f"{SEED}/{number}")), tmp_path) for number in range(CONTRACTS)
    ]
    assert [failure for failure in failures if failure] == []
    assert failures.count("") > CONTRACTS // 5
    assert failures.count(None) > CONTRACTS // 5
