"""Contracts checked, shown and rendered from a folder."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.commands import Command

CONTRACTS = str(Path(__file__).parents[3] / "contracts")


def test_contracts_that_can_be_kept_are_fine(starmend: Command) -> None:
    said = starmend("contract", "check", "--contracts", CONTRACTS)
    assert (said.code, "tables of the warehouse: fine" in said.out) == (0, True)


def test_every_problem_is_named_with_file_and_remedy(starmend: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("dataset: bad\nwarehouse: {}\nkey: 1\n")
    said = starmend("contract", "check", "--contracts", str(tmp_path), "--json")
    assert said.code == 2
    assert {problem["file"] for problem in said.data} == {"bad.yaml"}
    assert all(problem["remedy"] for problem in said.data)


def test_the_tables_are_shown_with_grain_and_key(starmend: Command) -> None:
    tables = {row["table"]: row for row in starmend("contract", "show", "--contracts", CONTRACTS, "--json").data}
    assert tables["fact_quote"]["key"] == "symbol, minute"
    assert tables["dim_currency"]["partitions"] == "one"


def test_the_rendered_file_is_json_of_every_dataset(starmend: Command, tmp_path: Path) -> None:
    file = tmp_path / "out/contracts.json"
    assert starmend("contract", "render", "--contracts", CONTRACTS, "--output", str(file)).code == 0
    assert {"sales", "quotes"} <= set(json.loads(file.read_text())["datasets"])
