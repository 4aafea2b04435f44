"""The workflows of .github: what they run exists, and a plan is carried out only after approval, as it was saved."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from cli.deploy import app

ROOT = Path(__file__).parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTION = ROOT / ".github" / "actions" / "prepare" / "action.yml"


def jobs(file: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(file.read_text(encoding="utf-8"))["jobs"])


def commands(file: Path) -> list[str]:
    return [step["run"] for job in jobs(file).values() for step in job.get("steps", []) if "run" in step]


def options() -> dict[str, set[str]]:
    """The options of each command of ``starmend deploy``."""
    group: Any = typer.main.get_command(app)
    return {
        name: {option for parameter in command.params for option in parameter.opts}
        for name, command in group.commands.items()
    }


def schema_breaks(schema: str, *files: Path) -> str:
    """What breaks the schema that GitHub's editors and linters share for workflows or for actions; empty: nothing."""
    command = [
        sys.executable,
        "-m",
        "check_jsonschema",
        "--builtin-schema",
        f"vendor.github-{schema}",
        *map(str, files),
    ]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout if done.returncode else ""


def test_workflows_and_actions_keep_to_their_schemas() -> None:
    assert schema_breaks("workflows", *WORKFLOWS) == ""
    assert schema_breaks("actions", ACTION) == ""


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("    runs-on:", "    run-on:", "jobs.drift"),
        ("    timeout-minutes: 30", "    timeout-minutes: soon", "'soon'"),
        ("  id-token: write", "  id-token: writes", "'writes'"),
        ("on:\n  schedule:", "on:\n  schedules:", "'schedules'"),
        ("      - run: .venv", "      - runs: .venv", "steps"),
    ],
)
def test_a_workflow_with_a_slip_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    text = (ROOT / ".github/workflows/drift.yml").read_text(encoding="utf-8")
    assert text.count(old) == 1
    file = tmp_path / "drift.yml"
    file.write_text(text.replace(old, new), encoding="utf-8")
    assert says in schema_breaks("workflows", file)


def test_every_command_of_a_workflow_and_its_options_exist() -> None:
    known, run = options(), set()
    for line in (line for file in WORKFLOWS for line in commands(file)):
        for name, rest in re.findall(r"starmend deploy (\w+)([^|]*)", line):
            assert set(re.findall(r"--[a-z-]+", rest)) <= known[name]
            run.add(name)
    assert run == {"plan", "apply", "drift"}


def test_every_local_workflow_and_action_that_is_used_is_there() -> None:
    texts = [file.read_text(encoding="utf-8") for file in WORKFLOWS]
    used = {place for text in texts for place in re.findall(r"uses: \./(\S+)", text)}
    assert used == {".github/workflows/plan.yml", ".github/workflows/apply.yml", ".github/actions/prepare"}
    assert all((ROOT / place).exists() for place in used)
    needs = {(file, need) for file in WORKFLOWS for job in jobs(file).values() for need in [job.get("needs")] if need}
    assert all(need in jobs(file) for file, need in needs)


def test_the_environment_that_the_jobs_run_in_is_a_target_of_the_makefile() -> None:
    targets = re.findall(r"^([^\s:#]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    [made] = re.findall(r"run: make (\S+)", ACTION.read_text(encoding="utf-8"))
    assert made in {target.replace("$(VENV)", ".venv") for target in targets}


def test_what_is_applied_is_the_plan_that_was_saved_dev_before_prod_and_behind_reviewers() -> None:
    [apply] = jobs(WORKFLOWS[0].with_name("apply.yml")).values()
    assert apply["environment"] == "${{ inputs.env }}"
    applies = [line for file in WORKFLOWS for line in commands(file) if "deploy apply" in line]
    assert all("--plan" in line for line in applies)
    assert applies
    deploy = jobs(WORKFLOWS[0].with_name("deploy.yml"))
    assert [deploy[name].get("needs") for name in ("apply-dev", "plan-prod", "apply-prod")] == [
        "plan-dev", "apply-dev", "plan-prod",
    ]  # fmt: skip


def test_no_workflow_keeps_keys_of_an_account() -> None:
    for file in (*WORKFLOWS, ACTION):
        assert not re.search(r"AKIA|secrets\.AWS|aws-secret-access-key", file.read_text(encoding="utf-8")), file
