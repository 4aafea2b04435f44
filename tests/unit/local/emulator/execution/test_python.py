"""Python of the functions: which one, and what is said of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import OutOfReach
from deploy.layers.wheels import LAMBDA_PYTHON
from local.emulator.execution import python
from local.emulator.execution.python import FunctionPython, function_python

ROOT = Path(__file__).resolve().parents[5]


@pytest.fixture(autouse=True)
def _looked_for_anew() -> Iterator[None]:
    function_python.cache_clear()
    yield
    function_python.cache_clear()


def test_lambdas_version_is_taken_and_nothing_is_said_of_it() -> None:
    taken = function_python()
    assert taken.version in (LAMBDA_PYTHON, f"{sys.version_info[0]}.{sys.version_info[1]}")
    assert FunctionPython("/python", LAMBDA_PYTHON, "").remarks == ()


def test_the_version_is_the_one_that_terraform_names() -> None:
    assert f'"python{LAMBDA_PYTHON}"' in (ROOT / "terraform/modules/function/main.tf").read_text(encoding="utf-8")


def test_without_it_the_users_own_python_is_taken_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(python, "find_python", lambda _: None)
    taken = function_python()
    assert taken.version == f"{sys.version_info[0]}.{sys.version_info[1]}"
    if taken.version != LAMBDA_PYTHON:
        assert [remark.split(",")[0] for remark in taken.remarks] == [f"functions run under Python {taken.version}"]


def test_that_functions_are_not_shut_in_is_said() -> None:
    remark = "functions see this machine's files (no namespaces); whether they change their code is checked"
    assert FunctionPython("/python", LAMBDA_PYTHON, "no namespaces").remarks == (remark,)


def test_a_python_that_does_not_start_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(python, "find_python", lambda _: tmp_path / "gone")
    monkeypatch.setattr(sys, "_base_executable", str(tmp_path / "gone"), raising=False)
    with pytest.raises(OutOfReach, match="does not start"):
        function_python()
