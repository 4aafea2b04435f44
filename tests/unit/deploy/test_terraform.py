"""How Terraform is found and run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import InvalidData, OutOfReach, TransientFailure
from deploy.terraform import REGISTRIES, Terraform, emulator_backend, find_mirror, find_program

REGISTRY = REGISTRIES["terraform"]


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A root module that needs no provider."""
    root = tmp_path / "module"
    root.mkdir()
    (root / "main.tf").write_text(
        'variable "word" { type = string }\n'
        'resource "terraform_data" "kept" { input = var.word }\n'
        'output "word" { value = terraform_data.kept.output }\n'
    )
    return root


def test_without_terraform_one_line_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(OutOfReach, match=r"neither terraform nor tofu is installed\. Install Terraform 1\.11"):
        find_program(str(tmp_path))


def test_tofu_serves_where_terraform_is_not_installed(tmp_path: Path) -> None:
    tofu = tmp_path / "tofu"
    tofu.write_text("#!/bin/sh\n")
    tofu.chmod(0o755)
    assert find_program(str(tmp_path)) == tofu


def test_a_named_mirror_is_used(tmp_path: Path) -> None:
    (tmp_path / REGISTRY).mkdir()
    assert find_mirror(REGISTRY, {"TF_PLUGIN_MIRROR": str(tmp_path)}) == tmp_path


def test_a_named_mirror_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match=r"holds no registry\.terraform\.io/"):
        find_mirror(REGISTRY, {"TF_PLUGIN_MIRROR": str(tmp_path)})


def test_a_registry_that_nothing_mirrors_is_asked_directly() -> None:
    assert find_mirror("registry.invalid", {}) is None


def test_a_plan_names_what_would_change_and_applying_it_changes_that(module: Path, tmp_path: Path) -> None:
    terraform = Terraform(module, tmp_path / "work", {})
    terraform.init({})
    plan = terraform.plan({"word": "first"})
    assert [(change.address, change.actions) for change in plan.changes] == [("terraform_data.kept", ("create",))]
    terraform.apply(plan)
    assert terraform.output() == {"word": "first"}
    assert terraform.plan({"word": "first"}).changes == ()
    (changed,) = terraform.plan({"word": "second"}).changes
    assert (changed.actions, "input" in changed.attributes) == (("update",), True)


def test_applying_unseen_and_destroying_need_no_plan(module: Path, tmp_path: Path) -> None:
    terraform = Terraform(module, tmp_path / "work", {})
    terraform.init({})
    lines: list[str] = []
    terraform.apply_unseen({"word": "one"}, on_line=lines.append)
    assert any("Apply complete!" in line for line in lines)
    terraform.destroy({"word": "one"})
    assert terraform.output() == {}


def test_a_failure_is_told_in_terraforms_own_words(module: Path, tmp_path: Path) -> None:
    terraform = Terraform(module, tmp_path / "work", {})
    terraform.init({})
    with pytest.raises(TransientFailure, match=r"terraform plan: .*Error: No value for required variable"):
        terraform.plan({})


def test_an_emulators_environment_replaces_the_callers(
    module: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("TF_VAR_word", "from the caller's shell")
    (module / "main.tf").write_text('output "seen" { value = 1 }\n')
    terraform = Terraform(module, tmp_path / "work", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    seen = terraform._environment
    assert seen["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert not {"AWS_PROFILE", "TF_VAR_word"} & set(seen)


def test_everything_that_terraform_writes_lies_in_the_work_directory(module: Path, tmp_path: Path) -> None:
    terraform = Terraform(module, tmp_path / "work", {})
    terraform.init({})
    terraform.plan({"word": "x"})
    assert [path.name for path in module.iterdir()] == ["main.tf"]


def test_the_emulators_backend_locks_and_reaches_nothing_but_the_emulator() -> None:
    backend = emulator_backend("http://127.0.0.1:4566", "state", "us-east-1")
    assert backend["use_lockfile"] is True
    assert set(backend["endpoints"].values()) == {"http://127.0.0.1:4566"}
    assert json.loads(json.dumps(backend)) == backend
