"""Output of commands: tables, JSON and progress."""

from __future__ import annotations

import ast
import datetime as dt
import json
import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from cli.output import print_json, show, show_first, steps, write_file
from core.errors import Misuse


def test_json_keeps_decimals_exact_and_times_readable(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"price": Decimal("0.10"), "at": dt.datetime(2026, 11, 20, tzinfo=dt.UTC), "rows": np.int64(3)}
    print_json(value)
    assert json.loads(capsys.readouterr().out) == {"price": "0.10", "at": "2026-11-20T00:00:00+00:00", "rows": 3}


def test_a_table_writes_numbers_as_they_are_and_nothing_as_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    show("Rows", [{"a_name": "x", "last_id": 12_345, "last": None, "whole": True}], as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "Rows",
        "a name  last id  last  whole",
        "------  -------  ----  -----",
        "x         12345  -     yes",
    ]


def test_of_many_findings_the_first_ten_are_shown_and_the_total(capsys: pytest.CaptureFixture[str]) -> None:
    show_first("Findings", [{"finding": f"number {number}"} for number in range(12)], total="12 rows in 12 findings")
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2:] == ["number 9", "12 rows in 12 findings; the first 10 are shown, all of them: --json"]
    show_first("Findings", [], total="nothing")
    assert capsys.readouterr().out.splitlines() == ["Findings", "nothing"]


def test_an_empty_table_is_a_table_and_an_empty_array(capsys: pytest.CaptureFixture[str]) -> None:
    show("Rows", [], as_json=False)
    assert "nothing" in capsys.readouterr().out
    show("Rows", [], as_json=True)
    assert json.loads(capsys.readouterr().out) == []


def test_without_a_terminal_a_step_says_its_seconds_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    with steps() as progress, progress.step("packaging", total=3) as step:
        step.update(done=1)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("packaging (0.")


def test_a_file_is_written_whole_and_with_its_folder_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "folder/file"
    write_file(file, "text", operation="write it")
    assert file.read_text() == "text"
    for place in (file / "below", tmp_path, Path("/"), tmp_path / "\0"):
        with pytest.raises(Misuse, match=r"write it: .*Name a file that can be written"):
            write_file(place, "text", operation="write it")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder"]


def _ends(block: Sequence[ast.stmt]) -> bool:
    return bool(block) and isinstance(block[-1], ast.Return | ast.Raise)


def _texts(block: Sequence[ast.stmt]) -> Iterator[int]:
    """The lines of a block that write text to standard output where ``as_json`` is true."""
    for statement in block:
        if isinstance(statement, ast.If) and ast.unparse(statement.test) == "as_json":
            yield from _texts(statement.body)
            if _ends(statement.body):
                return
        elif isinstance(statement, ast.If) and any(
            ast.unparse(test) == "not as_json"
            for test in (statement.test.values if isinstance(statement.test, ast.BoolOp) else [statement.test])
        ):
            yield from _texts(statement.orelse)
        elif isinstance(statement, ast.If | ast.For | ast.With | ast.Try | ast.While):
            yield from _texts(statement.body)
            yield from _texts(getattr(statement, "orelse", []))
            if isinstance(statement, ast.If) and _ends(statement.body) and _ends(statement.orelse):
                return
        else:
            texts = (node for node in ast.walk(statement) if isinstance(node, ast.Call))
            texts = (node for node in texts if re.match(r"(out\.print|show)\(", ast.unparse(node)))
            guarded = "as_json=as_json" in ast.unparse(statement) or "if not as_json" in ast.unparse(statement)
            yield from () if guarded else (node.lineno for node in texts)


def test_no_command_writes_text_to_standard_output_where_json_is_wanted() -> None:
    wrong = []
    for file in sorted((Path(__file__).parents[3] / "src/cli").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                names = {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
                wrong += [f"{file.name}:{line}" for line in _texts(node.body)] if "as_json" in names else []
    assert wrong == []
