"""What Terraform itself says of the root module: form, types, and the module's own offline tests."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.support.planning import Change
from tests.terraform.conftest import MODULE, ROOT

from auditor.page.report import VALID
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


def test_a_page_is_valid_until_the_next_one_is_promised(changes: list[Change]) -> None:
    """A start by its schedule, the retries of the start, and all the time that the function may take."""

    def only(kind: str, part: str) -> dict[str, Any]:
        [change] = [each for each in changes if each["type"] == kind and part in each["address"]]
        return dict(change["change"]["after"])

    schedule, function = only("aws_scheduler_schedule", "page_schedule"), only("aws_lambda_function", ".page[")
    [retry] = schedule["target"][0]["retry_policy"]
    assert schedule["schedule_expression"] == "cron(3 * * * ? *)", "every hour"
    late = retry["maximum_event_age_in_seconds"] + function["timeout"]
    assert 3600 + late <= VALID.total_seconds() < 2 * 3600


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
