"""Packages that go up to Lambda."""

from __future__ import annotations

import os
import zipfile
import zlib
from pathlib import Path

import pytest

from core.errors import InvalidData
from deploy import packaging
from deploy.layers.build import ROOMS
from deploy.packaging import build_code_zip


@pytest.fixture
def contracts(tmp_path: Path) -> Path:
    file = tmp_path / "contracts.json"
    file.write_text("{}\n")
    return file


def names(package: Path) -> list[str]:
    with zipfile.ZipFile(package) as opened:
        return opened.namelist()


def test_the_same_sources_give_the_same_bytes(tmp_path: Path, contracts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_code_zip(tmp_path / "first.zip", contracts)
    os.utime(contracts, (0, 0))
    contracts.chmod(0o600)
    second = build_code_zip(tmp_path / "elsewhere" / "second.zip", contracts)
    assert first.read_bytes() == second.read_bytes()


def test_line_ends_of_a_checkout_are_none_of_the_package(
    tmp_path: Path, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = tmp_path / "src"
    packages = []
    for end in (b"\n", b"\r\n"):
        (sources / "core").mkdir(parents=True, exist_ok=True)
        (sources / "core/time.py").write_bytes(end.join([b"import time", b"NOW = time.time", b""]))
        monkeypatch.setattr(packaging, "SOURCES", sources)
        packages.append(build_code_zip(tmp_path / "code.zip", contracts).read_bytes())
    assert packages[0] == packages[1]


def test_another_zlib_gives_the_same_bytes(tmp_path: Path, contracts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine whose Python is linked to another build of it, which packs the same bytes otherwise."""
    first = build_code_zip(tmp_path / "first.zip", contracts).read_bytes()
    deflate = zlib.compressobj
    monkeypatch.setattr(zlib, "compressobj", lambda _, *rest: deflate(1, *rest))
    assert build_code_zip(tmp_path / "second.zip", contracts).read_bytes() == first


def test_a_changed_contract_is_another_package(tmp_path: Path, contracts: Path) -> None:
    first = build_code_zip(tmp_path / "first.zip", contracts).read_bytes()
    contracts.write_text('{"changed": true}\n')
    assert build_code_zip(tmp_path / "second.zip", contracts).read_bytes() != first


def test_the_code_package_holds_the_functions_and_the_contracts_and_nothing_of_the_operators(
    tmp_path: Path, contracts: Path
) -> None:
    package = build_code_zip(tmp_path / "code.zip", contracts)
    held = names(package)
    assert {name.split("/")[0] for name in held} == {*ROOMS, "contracts.json"}
    assert {"processing/handler.py", "ingestion/extract/handler.py", "aws/settings.py"} <= set(held)
    assert held == sorted(held)
    assert package.stat().st_size < packaging.CODE_LIMIT


def test_a_package_that_outgrew_its_limit_is_refused(
    tmp_path: Path, contracts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packaging, "CODE_LIMIT", 1000)
    with pytest.raises(InvalidData, match="more than 2 MB"):
        build_code_zip(tmp_path / "code.zip", contracts)
    assert not (tmp_path / "code.zip").exists()
