"""Lines tried in memory, held against processing itself: the same lines put, processed, and read back."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.support.contract_failures import LOOKUPS
from tests.support.contracts import TODAY
from tests.support.fitting_lines import lines_of
from tests.support.generated_contracts import good_contract
from tests.support.lake import NOW, MemoryLake

from cli.trying.lines import Body, try_bodies
from core.authoring.load import load
from core.contract.model import Contracts, Feed

BAD = [b"no json", b"{", b'{"nobody": [1, 2]}', b"[]", b"null"]


def contracts_of(seed: int, folder: Path) -> Contracts:
    (folder / "lookups").mkdir()
    for name, text in LOOKUPS.items():
        (folder / "lookups" / f"{name}.csv").write_text(text)
    (folder / "shop.yaml").write_text(yaml.safe_dump(good_contract(random.Random(seed)), sort_keys=False))
    return load(folder, today=TODAY)


def comparable(rows: list[dict[str, Any]], names: set[str]) -> list[str]:
    return sorted({repr(sorted((name, value) for name, value in row.items() if name in names)) for row in rows})


@pytest.mark.parametrize("seed", [*range(1), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 20))])
def test_a_trial_takes_and_refuses_what_processing_does_and_shows_its_rows(seed: int, tmp_path: Path) -> None:
    draw, contracts = random.Random(seed), contracts_of(seed, tmp_path)
    lake = MemoryLake(contracts)
    (contract,) = [contract for contract in contracts if contract.source]
    bodies, keys = [], []
    for source in contract.source.tables if contract.source else ():
        lines = [*lines_of(contract, contracts, source)[:-1], *draw.sample(BAD, 2)]
        draw.shuffle(lines)
        lines = [line.rstrip() + b"\n" for line in lines]
        if isinstance(contract.source, Feed):
            keys.append(lake.put(f"feeds/{contract.dataset}/2026/11/20/14/part", lines))
        else:
            keys.append(lake.put_table(contract.dataset, source.name, 1, lines))
        bodies.append(Body(source.name, keys[-1], b"".join(lines)))
    trial = try_bodies(contracts, contract.dataset, bodies, now=NOW, shown=1_000)
    assert lake.process(*keys) == {}
    for source, key in zip(trial.sources, keys, strict=True):
        receipt = lake.receipt(key)
        assert (source.lines, len(source.refused)) == (receipt["lines_in"], receipt["rejected"])
        kept = {(line["line"], line["reason"]) for line in lake.quarantined(key)}
        assert {(refusal.line, refusal.reason) for refusal in source.refused} == kept
    assert not trial.fine
    for name, rows in trial.rows.items():
        stored = lake.rows(name)
        names = {*stored[0]} & {*rows[0]}
        assert comparable(list(map(dict, rows)), names) == comparable(stored, names), name
        assert trial.counts[name] >= len(stored)
