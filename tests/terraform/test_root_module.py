"""What Terraform itself says of the root module: form, types, and the module's own offline tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.terraform.conftest import MODULE, ROOT

from deploy.terraform import Terraform


def test_every_file_is_formatted(terraform: Terraform) -> None:
    assert terraform.unformatted() == []


def test_the_modules_keep_their_promises_offline(terraform: Terraform) -> None:
    lines: list[str] = []
    terraform.test(on_line=lines.append)
    summary = next(line for line in lines if line.startswith("Success!"))
    assert summary.endswith("0 failed.")
    assert sum(line.startswith("  run ") for line in lines) >= 9


@pytest.mark.parametrize("file", sorted(MODULE.glob("environments/*.tfvars")), ids=lambda file: file.stem)
def test_each_environment_plans_as_its_file_says(terraform: Terraform, file: Path) -> None:
    lines: list[str] = []
    terraform.test(folder="tests/environments", var_file=file, on_line=lines.append)
    assert any(line.startswith("Success! 1 passed, 0 failed.") for line in lines), lines


def test_terraform_writes_nothing_beside_the_module(terraform: Terraform) -> None:
    """Not even its lock file: providers are installed below the work directory, and the lock is read only."""
    told = subprocess.run(
        ["git", "status", "--porcelain", "--ignored", "--", "terraform/.terraform", "terraform/.terraform.lock.hcl"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout == ""
    assert not list(MODULE.glob("*.tfstate*"))
