"""Output of commands: tables, JSON and progress."""

from __future__ import annotations

import datetime as dt
import json
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
