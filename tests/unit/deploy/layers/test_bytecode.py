"""Bytecode of the layers: the same everywhere, and really used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.support.layers import lambda_python, run_alone

from core.errors import InvalidData
from deploy.folders import SOURCES
from deploy.layers.bytecode import compiled

UNCHECKED = b"\x01\x00\x00\x00"  # flags of PEP 552: by hash, and the hash is not looked at


def sources() -> dict[str, bytes]:
    """Some hundred files of real code."""
    return {
        f"python/{path.relative_to(SOURCES).as_posix()}": path.read_bytes()
        for room in ("core", "processing")
        for path in (SOURCES / room).rglob("*.py")
    }


def test_bytecode_is_the_same_wherever_it_is_made_and_names_only_where_it_will_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for name in ("a", "a-much-longer-name"):
        (tmp_path / name).mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / name))
        made.append(compiled(sources(), lambda_python()))
    assert made[0] == made[1]
    assert len(made[0]) == len(sources())
    assert {code[4:8] for code in made[0].values()} == {UNCHECKED}
    assert not any(str(tmp_path).encode() in code for code in made[0].values())
    assert all(b"/opt/python/" in code for code in made[0].values())


def test_bytecode_stands_for_a_source_of_any_time_that_its_folder_cannot_take(tmp_path: Path) -> None:
    """The source is changed after it was compiled: whoever runs the old lines has not compiled the new ones."""
    files = {"python/thing.py": b"VALUE = 'compiled'\n"}
    for name, data in compiled(files, lambda_python()).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    (tmp_path / "python/thing.py").write_text("VALUE = 'read'\n")
    script = "import sys, json; sys.path[:0] = sys.argv[1:]; import thing; print(json.dumps(thing.VALUE))"
    assert json.loads(run_alone(script, str(tmp_path / "python"))) == "compiled"


def test_a_source_that_does_not_compile_hinders_no_other_and_none_at_all_is_an_error() -> None:
    python = lambda_python()
    assert set(compiled({"python/a.py": b"print 1", "python/b.py": b"1", "c.txt": b""}, python)) == {
        "python/__pycache__/b.cpython-312.pyc"
    }
    assert compiled({"c.txt": b""}, python) == {}
    with pytest.raises(InvalidData, match="compiled nothing"):
        compiled({"python/a.py": b"1"}, Path("/bin/false"))
