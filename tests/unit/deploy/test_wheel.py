"""The built wheel, installed in an environment of its own: a command that works anywhere, a checkout or not."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest
from tests.support.wheels import install_wheel, run

from deploy.folders import MODULE, ROOT
from deploy.layers.build import plan_layers
from deploy.packaging import build_code_zip

# Several commands in one process: what is tested is where they look, not how soon they start.
COMMANDS = """
import contextlib, io, json, sys
from pathlib import Path
from cli.running import run
from deploy import folders
from deploy.layers.build import plan_layers
from deploy.packaging import build_code_zip
from local.provisioning import LAYERS

given = [
    ["contract", "check"], ["contract", "render", "--output", "build/contracts.json"], ["contract", "show", "--json"],
    ["deploy", "apply", "--env", "prod"], ["init", "../.."],
]
said = []
for arguments in given:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(arguments)
    said.append([code, out.getvalue(), err.getvalue()])
contracts = Path(sys.argv[1])
print(json.dumps({
    "said": said, "sources": str(folders.SOURCES), "module": str(folders.MODULE), "layers_of_stacks": str(LAYERS),
    "layers": {layer.name: layer.hash for layer in plan_layers(Path("build/layers"))},
    "code": build_code_zip(Path("build/code.zip"), contracts).hash,
}))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of an environment that holds the wheel and borrows what it depends on."""
    return install_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def project(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("somewhere")
    said = run(installed / "starmend", "init", "shop", cwd=folder)
    assert said.endswith("next: cd shop, then: starmend contract check\n")
    return folder / "shop"


def digests(folder: Path) -> dict[str, str]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_an_installed_command_works_from_a_project_with_nothing_but_its_wheel(installed: Path, project: Path) -> None:
    before = digests(project)
    deep = project / "notes" / "of mine"
    deep.mkdir(parents=True)
    contracts = ROOT / "terraform/tests/fixtures/contracts.json"
    environment = {"HOME": str(project.parent), "PATH": os.environ["PATH"]}
    answer = json.loads(run(installed / "python", "-c", COMMANDS, contracts, cwd=deep, env=environment))
    check, render, show, apply, again = answer["said"]
    assert check == [0, "1 contracts, 1 tables of the warehouse: fine\n", ""]
    assert render[0] == 0
    assert [table["table"] for table in json.loads(show[1])] == ["fact_weather"]
    assert (apply[0], "Use one of: dev, or write" in apply[2]) == (2, True)
    assert (again[0], "stays as it is" in again[2]) == (2, True)
    assert answer["sources"].startswith(str(installed.parent.resolve()))
    assert answer["module"].startswith(str(installed.parent.resolve()))
    assert answer["layers_of_stacks"].startswith(str(project.parent)), "it would write beside its sources"
    assert answer["layers"] == {layer.name: layer.hash for layer in plan_layers(project / "build/layers")}
    assert answer["code"] == build_code_zip(project.parent / "code.zip", contracts).hash
    assert {name: digest for name, digest in digests(project).items() if name in before} == before


def test_the_wheel_holds_terraform_s_files_as_they_are_here(installed: Path) -> None:
    (packed,) = installed.parent.glob("lib/python*/site-packages/deploy/files/terraform")
    listed = run("git", "ls-files", cwd=MODULE).splitlines()
    ours = [name for name in listed if not name.startswith(("environments/", "tests/"))]
    there = digests(packed)
    assert sorted(there) == sorted(ours)
    assert there == {name: hashlib.sha256((MODULE / name).read_bytes()).hexdigest() for name in ours}


def test_the_wheel_holds_what_the_page_is_drawn_with(installed: Path) -> None:
    (packed,) = installed.parent.glob("lib/python*/site-packages/auditor/page/templates")
    assert digests(packed) == digests(ROOT / "src/auditor/page/templates")


def test_the_wheel_names_what_it_needs_and_the_lock_of_a_checkout_holds_it(installed: Path) -> None:
    (metadata,) = installed.parent.glob("lib/python*/site-packages/starmend-*.dist-info/METADATA")
    needed = {
        line.removeprefix("Requires-Dist: ") for line in metadata.read_text().splitlines() if "Requires-D" in line
    }
    stated = (line.partition("#")[0].strip() for line in (ROOT / "requirements.in").read_text().splitlines())
    assert needed == set(filter(None, stated))
    assert {"ministack[full]==1.5.33", "pg8000==1.31.6"} <= needed
