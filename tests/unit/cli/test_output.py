"""Output of commands: tables, JSON and progress."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal

import numpy as np
import pytest

from cli.output import print_json, show, steps


def test_json_keeps_decimals_exact_and_times_readable(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"price": Decimal("0.10"), "at": dt.datetime(2026, 11, 20, tzinfo=dt.UTC), "rows": np.int64(3)}
    print_json(value)
    assert json.loads(capsys.readouterr().out) == {"price": "0.10", "at": "2026-11-20T00:00:00+00:00", "rows": 3}


def test_a_table_writes_numbers_in_thousands_and_nothing_as_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    show("Rows", [{"a_name": "x", "rows": 12_345, "last": None, "whole": True}], as_json=False)
    text = capsys.readouterr().out
    assert all(part in text for part in ("Rows", "a name", "12,345", "-", "yes"))


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
