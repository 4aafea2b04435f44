"""Contracts to export: the project's own, the examples, and as many as a generator writes."""

from __future__ import annotations

import datetime as dt
import functools
import random
from collections.abc import Iterator
from pathlib import Path

import yaml
from tests.support.generated_contracts import LOOKUPS, TODAY, good_contract, written_contract

from core.authoring.load import examine, load
from core.contract.model import Contracts

ROOT = Path(__file__).parents[2]
STORED = ROOT / "tests/stored_forms/contracts"


@functools.cache
def written_by_hand() -> dict[str, Contracts]:
    """The folders of contracts that the project has, by name."""
    folders = {"own": ROOT / "contracts", "examples": ROOT / "contracts/examples", "stored": STORED}
    return {name: load(folder, today=dt.date(2026, 11, 20)) for name, folder in folders.items()}


def generated(seed: int, count: int, scratch: Path) -> Iterator[tuple[str, Contracts]]:
    """Generated contracts that the check accepts, with what brings each back."""
    for number in range(count):
        draw = random.Random(f"{seed}/{number}")
        contract = good_contract(draw) if number % 2 else written_contract(draw)
        folder = scratch / str(number)
        (folder / "lookups").mkdir(parents=True)
        (folder / "generated.yaml").write_text(yaml.safe_dump(contract, sort_keys=False))
        for name, text in LOOKUPS.items():
            (folder / "lookups" / f"{name}.csv").write_text(text)
        contracts, problems = examine(folder, today=TODAY)
        if not any(not problem.warning for problem in problems):
            yield f"{seed}/{number}", contracts
