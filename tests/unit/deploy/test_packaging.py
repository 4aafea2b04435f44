"""Packages that go up to Lambda."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from core.errors import InvalidData
from deploy import packaging
from deploy.folders import MODULE
from deploy.packaging import (
    MANAGED_LAYERS,
    UNPACKED_LIMIT,
    build_code_zip,
    build_layer_zip,
    locked_version,
    unpacked_size,
)
from local.emulator.lambda_packages import OUR_LAYER, lay_out


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    file = tmp_path / "contracts.json"
    file.write_text("{}\n")
    return file


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_layer_zip(tmp_path_factory.mktemp("layer") / "layer.zip")


def names(package: Path) -> list[str]:
    with zipfile.ZipFile(package) as opened:
        return opened.namelist()


def test_the_same_sources_give_the_same_bytes(tmp_path: Path, contracts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_code_zip(tmp_path / "first.zip", contracts)
    os.utime(contracts, (0, 0))
    contracts.chmod(0o600)
    second = build_code_zip(tmp_path / "elsewhere" / "second.zip", contracts)
    assert first.read_bytes() == second.read_bytes()


def test_a_changed_contract_is_another_package(tmp_path: Path, contracts: Path) -> None:
    first = build_code_zip(tmp_path / "first.zip", contracts).read_bytes()
    contracts.write_text('{"changed": true}\n')
    assert build_code_zip(tmp_path / "second.zip", contracts).read_bytes() != first


def test_the_code_package_holds_the_functions_and_the_contracts_and_nothing_of_the_operators(
    tmp_path: Path, contracts: Path
) -> None:
    package = build_code_zip(tmp_path / "code.zip", contracts)
    held = names(package)
    assert {name.split("/")[0] for name in held} == {*packaging.ROOMS, "contracts.json"}
    assert {"processing/handler.py", "ingestion/extract/handler.py", "aws/settings.py"} <= set(held)
    assert held == sorted(held)
    assert package.stat().st_size < packaging.CODE_LIMIT


def test_a_package_that_outgrew_its_limit_is_refused(
    tmp_path: Path, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packaging, "CODE_LIMIT", 1000)
    with pytest.raises(InvalidData, match="more than 1 MB"):
        build_code_zip(tmp_path / "code.zip", contracts)
    assert not (tmp_path / "code.zip").exists()


def test_the_layer_holds_our_dependencies_for_lambdas_platform(layer: Path) -> None:
    held = names(layer)
    assert all(name.startswith("python/") for name in held)
    compiled = [name for name in held if name.endswith(".so")]
    assert {name.split("/")[1] for name in compiled} == set(packaging.LAYER_PACKAGES)
    assert all("cpython-312-x86_64-linux-gnu" in name for name in compiled)


def test_the_layer_is_the_same_bytes_again(layer: Path, tmp_path: Path) -> None:
    assert build_layer_zip(tmp_path / "again.zip").read_bytes() == layer.read_bytes()


def test_everything_unpacked_fits_into_a_function(layer: Path, tmp_path: Path, contracts: Path) -> None:
    code = build_code_zip(tmp_path / "code.zip", contracts)
    assert unpacked_size(code) + unpacked_size(layer) + MANAGED_LAYERS < UNPACKED_LIMIT


def test_a_package_that_the_lock_does_not_pin_is_refused() -> None:
    assert locked_version("orjson").count(".") == 2
    with pytest.raises(InvalidData, match="does not pin leftpad"):
        locked_version("leftpad")


# The modules of every handler that Terraform deploys; the auditor's steps share one.
HANDLERS = {
    module
    for path in MODULE.rglob("*.tf")
    for module in re.findall(r'^  handler += "([a-z.]+)\.[^"]+"$', path.read_text(encoding="utf-8"), re.MULTILINE)
}
IMPORT_ALL = """
import importlib, json, sys
code, packages, modules = sys.argv[1:]
sys.path[:] = [code, *sys.path, packages]
for name in modules.split(","):
    importlib.import_module(name)
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def test_every_handler_imports_with_only_what_the_layers_hold(tmp_path: Path, contracts: Path) -> None:
    """In an interpreter without this environment's packages: what is only here is not found."""
    package = build_code_zip(tmp_path / "code.zip", contracts)
    with zipfile.ZipFile(package) as opened:
        opened.extractall(tmp_path / "code")
    modules = [name.removesuffix(".py").replace("/", ".") for name in names(package) if name.endswith("handler.py")]
    assert set(modules) == HANDLERS
    arguments = [str(tmp_path / "code"), str(lay_out(tmp_path / "packages")), ",".join(modules)]
    command = [sys.executable, "-I", "-S", "-c", IMPORT_ALL, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env={"AWS_LAMBDA_FUNCTION_NAME": "any"})
    assert done.returncode == 0, done.stderr
    imported = set(json.loads(done.stdout))
    assert {"pyarrow", "orjson", "botocore", "pg8000"} <= imported
    assert imported.isdisjoint({"pydantic", "yaml", "exchange_calendars", "typer", "rich", "duckdb", "pandas"})


def test_our_layer_holds_what_the_emulators_functions_find() -> None:
    assert set(OUR_LAYER) == set(packaging.LAYER_PACKAGES)
