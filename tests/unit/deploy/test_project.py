"""A project of one's own: what it is made of, what it refuses, and that commands find it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Misuse
from deploy.folders import MODULE, build_folder, contracts_folder, environments_folder, is_project
from deploy.project.files import project_files, project_name, refuse_existing, write_files
from deploy.target import KEPT_BY_AWS, NAMES, Target


def made(folder: Path) -> Path:
    write_files(project_files(folder, {}, year=2026))
    return folder


def test_a_project_holds_contracts_environments_a_page_and_an_example_of_ci(tmp_path: Path) -> None:
    project = made(tmp_path / "Shop Pipeline 2")
    files = {str(file.relative_to(project)) for file in project.rglob("*") if file.is_file()}
    assert files == {
        "README.md", ".gitignore", ".github/workflows/starmend.yml", "contracts/example.yaml",
        "environments/dev.tfvars",
    }  # fmt: skip
    assert 'project     = "shop-pipeline-2"' in (project / "environments/dev.tfvars").read_text()
    assert "@" not in (project / "README.md").read_text(), "a word was not filled in"


@pytest.mark.parametrize("deep", [".", "contracts", "queries/of/mine"])
def test_commands_find_the_project_from_wherever_in_it(
    deep: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = made(tmp_path / "shop")
    (project / deep).mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(project / deep)
    assert contracts_folder().resolve() == project / "contracts"
    assert environments_folder().resolve() == project / "environments"
    assert build_folder().resolve() == project / "build"
    assert Target.named("dev").project == "shop"
    with pytest.raises(Misuse, match=r"Use one of: dev, or write .*environments/prod.tfvars"):
        Target.named("prod")


def test_in_the_project_itself_paths_are_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(made(tmp_path / "shop"))
    assert (str(contracts_folder()), str(build_folder())) == ("contracts", "build")


@pytest.mark.parametrize("there", ["README.md", ".gitignore", "contracts/mine.yaml", "environments/prod.tfvars", None])
def test_a_folder_that_holds_any_of_it_is_refused_and_stays_as_it_is(there: str | None, tmp_path: Path) -> None:
    if there is None:
        made(tmp_path)
    else:
        (tmp_path / there).parent.mkdir(exist_ok=True)
        (tmp_path / there).write_text("mine")
    before = {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")}
    with pytest.raises(Misuse, match="stays as it is" if there is None else there.split("/")[0]):
        refuse_existing(tmp_path)
    assert {file: file.stat().st_mtime_ns for file in tmp_path.rglob("*")} == before
    assert there is None or not is_project(tmp_path)


def test_a_file_that_came_in_between_is_not_overwritten(tmp_path: Path) -> None:
    files = project_files(tmp_path, {}, year=2026)
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(Misuse, match=r"README.md: cannot be written"):
        write_files(files)
    assert (tmp_path / "README.md").read_text() == "mine"


@given(st.text(max_size=40))
def test_whatever_a_folder_is_called_its_deployment_can_have_the_name(text: str) -> None:
    assert taken_by_terraform("project", project_name(text))


def conditions(variable: str) -> list[tuple[bool, str]]:
    """Whether a variable of Terraform's has to match, or not to, and what."""
    text = (MODULE / "variables.tf").read_text(encoding="utf-8")
    (block,) = re.findall(rf'^variable "{variable}" {{$(.*?)^}}$', text, re.MULTILINE | re.DOTALL)
    pattern = rf'condition += (!?)can\(regex\("([^"]+)", var\.{variable}\)\)'
    return [(not negated, form) for negated, form in re.findall(pattern, block)]


def taken_by_terraform(variable: str, value: str) -> bool:
    return all(bool(re.search(form, value)) == positive for positive, form in conditions(variable))


@pytest.mark.parametrize("folder", ["aws-sales", "AWS pipeline", "sg-warehouse", "ssm_data", "amzn-s3-demo-9"])
def test_a_folder_named_by_what_aws_keeps_for_itself_gets_a_name_that_terraform_takes(folder: str) -> None:
    name = project_name(folder)
    assert (taken_by_terraform("project", name), name.startswith("data-")) == (True, True)


def test_the_command_refuses_the_names_that_terraform_refuses() -> None:
    forms = {name: (True, form) for name, form in NAMES.items()}
    assert {name: conditions(name)[0] for name in NAMES} == forms
    assert conditions("project")[1:] == [(False, KEPT_BY_AWS)]


@pytest.mark.parametrize(
    ("name", "value"), [("project", "aws-sales"), ("project", "ab"), ("project", "Shop"), ("name_suffix", "us-2")]
)
def test_a_name_that_terraform_refuses_is_refused_before_a_state_bucket_has_it(
    name: str, value: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made(tmp_path / "shop"))
    own = "dev-us-2" if name == "name_suffix" else "dev"
    text = Path("environments/dev.tfvars").read_text()
    Path(f"environments/{own}.tfvars").write_text(f'{text}\n{name} = "{value}"\n')
    with pytest.raises(Misuse, match=f"{name} '{value}' "):
        Target.named(own)


def test_the_example_of_ci_keeps_to_github_s_schema_and_names_commands_that_there_are(tmp_path: Path) -> None:
    file = made(tmp_path / "shop") / ".github/workflows/starmend.yml"
    schema = ["--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", *schema, str(file)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout
    jobs = yaml.safe_load(file.read_text())["jobs"]
    runs = {step["run"] for job in jobs.values() for step in job["steps"] if "run" in step}
    assert runs == {
        'pipx install "$STARMEND"', "starmend contract check", "starmend deploy apply --env dev --yes",
    }  # fmt: skip
