"""datacontract-cli itself lints the exported documents."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.standards.conftest import run
from tests.support.exported import generated, written_by_hand

from cli.exports import export_odcs

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("name", ["own", "stored"])
def test_the_documents_pass_the_lint_of_datacontract_cli(name: str, tmp_path: Path) -> None:
    files = export_odcs(written_by_hand()[name], tmp_path, dataset="")
    assert len(files) >= 2
    for file in files:
        done = run("datacontract", "lint", str(file), folder=tmp_path)
        assert (done.code, "is valid" in done.said) == (0, True), done.said


def test_documents_of_generated_contracts_fit_the_schema_of_datacontract_cli(tmp_path: Path) -> None:
    """By the function that its lint calls: a start of the command takes two seconds."""
    files = []
    for name, contracts in generated(20261130, 60, tmp_path / "contracts"):
        files += export_odcs(contracts, tmp_path / name.rpartition("/")[2], dataset="")
    assert len(files) > 20
    script = tmp_path / "lint.py"
    script.write_text(LINT)
    done = run("python", str(script), *map(str, files), folder=tmp_path)
    assert (done.code, done.said.strip()) == (0, f"{len(files)} valid")


LINT = """
import sys
from datacontract.data_contract import DataContract
runs = {file: DataContract(data_contract_file=file).lint() for file in sys.argv[1:]}
bad = {file: [check.reason for check in run.checks] for file, run in runs.items() if not run.has_passed()}
print(bad or f"{len(runs)} valid")
sys.exit(bool(bad))
"""
