"""Exit codes of the command: 0 fine, 1 findings, 2 usage, 3 failure."""

from __future__ import annotations

from pathlib import Path

from tests.support.commands import Command


def test_a_bad_contract_is_a_usage_error(starmend: Command, tmp_path: Path) -> None:
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts/bad.yaml").write_text("dataset: bad\nkey: 1\n")
    said = starmend("contract", "show")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: ")


def test_a_failure_is_one_line_with_its_remedy(starmend: Command) -> None:
    said = starmend("status", "--env", "local")
    assert (said.code, len(said.err.strip().splitlines())) == (3, 1)
    assert said.err.startswith("error: find the deployment")
    assert "starmend up" in said.err


def test_an_option_that_is_not_there_is_a_usage_error(starmend: Command) -> None:
    assert starmend("status", "--nothing").code == 2
