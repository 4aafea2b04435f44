"""Packages that go up to Lambda."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path

import pytest
from tests.support.packages import compile_once

from aws.settings import VERSION_FILE, packaged_version
from core.errors import InvalidData, Misuse
from deploy import packaging
from deploy.layers.build import ROOMS, LayerPlan
from deploy.layers.bytecode import compiled
from deploy.layers.wheels import LAMBDA
from deploy.packaging import CodePackage, Packages, build_code_zip


@pytest.fixture
def contracts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    compile_once(monkeypatch)
    file = tmp_path / "contracts.json"
    file.write_text("{}\n")
    return file


def names(package: Path) -> list[str]:
    with zipfile.ZipFile(package) as opened:
        return opened.namelist()


def version(code: CodePackage) -> bytes:
    with zipfile.ZipFile(code.file) as opened:
        return opened.read(VERSION_FILE)


def test_the_same_sources_give_the_same_bytes(tmp_path: Path, contracts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_code_zip(tmp_path / "first.zip", contracts)
    os.utime(contracts, (0, 0))
    contracts.chmod(0o600)
    monkeypatch.setattr(packaging, "compiled", compiled)
    second = build_code_zip(tmp_path / "elsewhere" / "second.zip", contracts)
    assert (first.hash, first.file.read_bytes()) == (second.hash, second.file.read_bytes())


def test_line_ends_of_a_checkout_are_none_of_the_package(
    tmp_path: Path, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = tmp_path / "src"
    packages = []
    for end in (b"\n", b"\r\n"):
        (sources / "core").mkdir(parents=True, exist_ok=True)
        (sources / "core/time.py").write_bytes(end.join([b"import time", b"NOW = time.time", b""]))
        monkeypatch.setattr(packaging, "SOURCES", sources)
        packages.append(build_code_zip(tmp_path / "code.zip", contracts).file.read_bytes())
    assert packages[0] == packages[1]


def test_another_zlib_gives_the_same_bytes(tmp_path: Path, contracts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine whose Python is linked to another build of it, which packs the same bytes otherwise."""
    first = build_code_zip(tmp_path / "first.zip", contracts).file.read_bytes()
    deflate = zlib.compressobj
    monkeypatch.setattr(zlib, "compressobj", lambda _, *rest: deflate(1, *rest))
    assert build_code_zip(tmp_path / "second.zip", contracts).file.read_bytes() == first


def test_a_changed_contract_is_another_package(tmp_path: Path, contracts: Path) -> None:
    first = build_code_zip(tmp_path / "first.zip", contracts)
    contracts.write_text('{"changed": true}\n')
    second = build_code_zip(tmp_path / "second.zip", contracts)
    assert second.hash != first.hash
    assert version(second) != version(first)


def test_a_machine_without_the_functions_python_deploys_nothing_anew(
    tmp_path: Path, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor does one with another release of it, which writes other bytecode."""
    whole = build_code_zip(tmp_path / "whole.zip", contracts)
    monkeypatch.setattr(packaging, "find_compiler", lambda _: None)
    bare = build_code_zip(tmp_path / "bare.zip", contracts)
    assert (bare.hash, version(bare)) == (whole.hash, version(whole))
    sources = [name for name in names(whole.file) if name.endswith(".py")]
    assert len(names(whole.file)) - len(names(bare.file)) == len(sources) > 200


def test_a_function_knows_the_version_that_its_deployment_is_described_by(tmp_path: Path, contracts: Path) -> None:
    code = build_code_zip(tmp_path / "code.zip", contracts)
    with zipfile.ZipFile(code.file) as opened:
        opened.extractall(tmp_path / "task")
    assert packaged_version(tmp_path / "task") == code.hash[:12]
    assert packaged_version(tmp_path) == "unknown"


def test_the_code_package_holds_the_functions_and_the_contracts_and_nothing_of_the_operators(
    tmp_path: Path, contracts: Path
) -> None:
    package = build_code_zip(tmp_path / "code.zip", contracts).file
    held = names(package)
    assert {name.split("/")[0] for name in held} == {*ROOMS, "contracts.json", VERSION_FILE}
    assert {"processing/handler.py", "ingestion/extract/handler.py", "aws/settings.py"} <= set(held)
    assert held == sorted(held)
    assert package.stat().st_size < 3 * packaging.SOURCES_LIMIT


def test_a_package_that_outgrew_its_limit_is_refused(
    tmp_path: Path, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packaging, "SOURCES_LIMIT", 1000)
    with pytest.raises(InvalidData, match=r"is more than 0\.001 MB"):
        build_code_zip(tmp_path / "code.zip", contracts)
    assert not (tmp_path / "code.zip").exists()


def test_a_layer_that_is_another_by_now_is_not_built_under_the_planned_one_s_name(tmp_path: Path) -> None:
    """Between the plan and its agreement somebody checks out other locks."""
    planned = LayerPlan("base", "0" * 64, tmp_path / "base.zip")
    packages = Packages(tmp_path, CodePackage("", tmp_path), LAMBDA, (planned,))
    with pytest.raises(Misuse, match="another than was planned"):
        packages.build_layer("base")
    assert list(tmp_path.iterdir()) == []
