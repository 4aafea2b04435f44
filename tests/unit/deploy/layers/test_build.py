"""Layers as they are built for Lambda: their bytes, their size, what they hold."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
from tests.architecture.test_function_packages import functions
from tests.support.layers import built_layers, lambda_python

from core.errors import InvalidData
from deploy.folders import LOCKS, ROOT
from deploy.layers import build
from deploy.layers.build import Layers, build_layer, build_layers, layer_pins, plan_layers, used_services
from deploy.layers.wheels import Platform, read_pins
from deploy.packaging import UNPACKED_LIMIT, build_code_zip
from deploy.zip_files import unpacked_size

EVERYTHING = (
    235_000_000  # bytes unpacked, of the layers of a function and the code; it was 223 MB when this was written
)


@pytest.fixture(scope="module")
def layers() -> Layers:
    return built_layers()


def names(package: Path) -> list[str]:
    with zipfile.ZipFile(package) as opened:
        return opened.namelist()


def with_another_orjson(folder: Path) -> dict[str, Path]:
    """The locks, each with another version of a package of the base."""
    locks = {}
    for name, lock in LOCKS.items():
        locks[name] = folder / lock.name
        locks[name].write_text(lock.read_text().replace("orjson==", "orjson==9."))
    return locks


def test_everything_lies_below_python_and_is_for_lambdas_python_and_processor(layers: Layers) -> None:
    for _, layer in layers:
        held = names(layer)
        assert held == sorted(held)
        assert {name.split("/")[0] for name in held} == {"python"}
        versions = {match[0] for name in held if (match := re.search(r"cpython-\d+-[\w-]+(?=\.so$)", name))}
        assert versions == {"cpython-312-x86_64-linux-gnu"}
        assert {name.split(".")[-2] for name in held if name.endswith(".pyc")} <= {"cpython-312"}


def test_no_file_of_the_base_stands_in_another_layer(layers: Layers) -> None:
    for other in (layers.athena, layers.iceberg):
        assert set(names(layers.base)).isdisjoint(names(other))


def test_a_layer_holds_every_package_of_its_lock_and_no_other(layers: Layers) -> None:
    for layer, file in layers:
        about = {name.split("/")[1] for name in names(file) if ".dist-info/" in name}
        versions = {
            tuple(folder.removesuffix(".dist-info").lower().replace("_", "-").split("-", 1)) for folder in about
        }
        pins = {f"{pin.name}-{pin.version}" for pin in layer_pins()[layer].values()}
        assert {"-".join(version) for version in versions} == pins


def test_every_function_fits_into_lambda_with_its_layers(layers: Layers, tmp_path: Path) -> None:
    contracts = tmp_path / "contracts.json"
    contracts.write_text("{}")
    code = unpacked_size(build_code_zip(tmp_path / "code.zip", contracts).file)
    sizes = {name: unpacked_size(file) for name, file in layers}
    for given in set(functions().values()):
        assert sum(sizes[name] for name in given) + code < EVERYTHING < UNPACKED_LIMIT, given
    assert sizes["athena"] + code < 52_000_000
    assert sizes["iceberg"] + code < 52_000_000


def test_the_same_locks_give_the_same_bytes_in_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A layer of a few of its packages; the rules are the same for all."""
    few = {name: pin for name, pin in layer_pins()["base"].items() if name in ("jmespath", "scramp", "orjson")}
    monkeypatch.setattr(build, "layer_pins", lambda: {"athena": few})
    first = build_layer(tmp_path / "first", "athena")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = build_layer(Path("second"), "athena")
    assert first.read_bytes() == again.read_bytes()
    assert len(names(first)) > 30


def test_what_was_built_is_not_built_again_until_a_lock_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched: list[str] = []

    def fetch(pins: dict[str, object], platform: Platform, folder: Path) -> list[Path]:
        fetched.append(",".join(sorted(pins)))
        wheel = folder / "tiny-1.0-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as opened:
            opened.writestr("tiny.py", f"# {pins}")
        return [wheel]

    monkeypatch.setattr(build, "fetch_wheels", fetch)
    folder = tmp_path / "layers"
    first = build_layers(folder)
    assert build_layers(folder) == first
    assert len(fetched) == 3, "a second build costs nothing"
    assert build_layers(folder, Platform(architecture="arm64")).base == folder / "python3.12-arm64" / "base.zip"
    assert len(fetched) == 6, "another platform is another build"
    monkeypatch.setattr(build, "LOCKS", with_another_orjson(tmp_path))
    build_layers(folder)
    assert len(fetched) == 7, "only the layer that holds the package"


def test_a_layer_is_planned_from_its_lock_alone_and_named_as_what_is_built(layers: Layers, tmp_path: Path) -> None:
    planned = plan_layers(tmp_path / "nothing")
    assert not (tmp_path / "nothing").exists()
    assert {plan.name: plan.file.name for plan in planned} == {name: file.name for name, file in layers}
    notes = [json.loads(file.with_suffix(".json").read_text()) for _, file in layers]
    assert [plan.hash for plan in planned] == [note["origin"] for note in notes]
    elsewhere = plan_layers(tmp_path / "nothing", Platform(architecture="arm64"))
    assert {plan.hash for plan in elsewhere}.isdisjoint(plan.hash for plan in planned)


def test_a_planned_layer_has_another_hash_where_its_lock_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = plan_layers(tmp_path)
    monkeypatch.setattr(build, "LOCKS", with_another_orjson(tmp_path))
    changed = {new.name for old, new in zip(before, plan_layers(tmp_path), strict=True) if old.hash != new.hash}
    assert changed == {"base"}, "only the layer that holds the package"


def test_a_layer_without_bytecode_is_built_again_once_it_can_have_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = {name: pin for name, pin in layer_pins()["base"].items() if name == "jmespath"}
    monkeypatch.setattr(build, "layer_pins", lambda: {"base": few})
    python = lambda_python()

    def bytecode(compiler: Path | None) -> set[str]:
        monkeypatch.setattr(build, "find_compiler", lambda _: compiler)
        (planned,) = plan_layers(tmp_path)
        hashes.add(planned.hash)
        return {Path(name).name for name in names(build_layer(tmp_path, "base")) if name.endswith(".pyc")}

    hashes: set[str] = set()
    assert bytecode(None) == set()
    whole = bytecode(python)
    assert "parser.cpython-312.pyc" in whole
    assert bytecode(None) == whole, "what is there is better than what would be built"
    assert len(hashes) == 1, "a machine without that Python plans the same layer"


def test_locks_that_contradict_each_other_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("athena", "iceberg"):
        monkeypatch.setattr(build, "LOCKS", {**LOCKS, name: with_another_orjson(tmp_path)[name]})
        with pytest.raises(InvalidData, match=rf"pins orjson .*, requirements-lambda-{name}.lock 9\."):
            build_layers(tmp_path)


def test_the_layers_are_the_versions_that_development_is_locked_to() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8").lower().replace("_", "-")
    development = dict(re.findall(r"^([a-z0-9.-]+)==(\S+)$", text, re.MULTILINE))
    for lock in LOCKS.values():
        whole = read_pins(lock)
        assert {name: pin.version for name, pin in whole.items()} == {name: development[name] for name in whole}


def test_locks_name_no_index_and_hold_wheels_of_both_processors() -> None:
    for lock in LOCKS.values():
        assert "://" not in lock.read_text(encoding="utf-8")
    assert all(len(read_pins(LOCKS["athena"])[name].hashes) > 10 for name in ("numpy", "pandas", "pyarrow"))
    assert all(len(read_pins(LOCKS["iceberg"])[name].hashes) > 10 for name in ("pydantic-core", "mmh3", "zstandard"))


def test_botocore_describes_the_services_that_the_functions_use_and_no_others(layers: Layers) -> None:
    described = {
        name.split("/")[4 - 1] for name in names(layers.base) if re.match(r"python/botocore/data/[^/]+/", name)
    }
    assert described == used_services()
    assert {"s3", "sqs", "ssm", "athena", "kinesis", "secretsmanager"} <= described


def test_what_no_function_reaches_is_left_out_and_what_arrow_is_linked_to_is_not(layers: Layers) -> None:
    held = [name for _, layer in layers for name in names(layer) if ".dist-info/" not in name]
    for pattern in (
        "flight",
        "/include/",
        "/tests/",
        r"\.pxd$",
        r"\.pyi$",
        "libarrow_python.so$",
        r"\.so\.2500\.1\.0$",
    ):
        assert [name for name in held if re.search(pattern, name)] == [], pattern
    assert any("libarrow_substrait" in name for name in held)
    assert any(".dist-info/" in name and "LICENSE" in name for name in names(layers.base))
