"""Tests that ``make test`` leaves out because they take long (the marker ``long``)."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.chaos.run import Options, Result

ROOT = Path(__file__).resolve().parents[2]
_COUNT = re.compile(r"(\d+) (passed|failed|error)")


def long_tests(options: Options) -> Result:
    """Each test once; ``--runs`` does not change how much that is."""
    options.progress("pytest --long", now=True)
    command = [sys.executable, "-m", "pytest", "--long", "-p", "no:cacheprovider", "-rfE", "tests"]
    wide = {**os.environ, "COLUMNS": "400"}  # a fault says its reason on one line
    done = subprocess.run(command, cwd=ROOT, env=wide, capture_output=True, text=True, check=False)
    return result_of(done.returncode, done.stdout, done.stderr)


def result_of(code: int, output: str, errors: str = "") -> Result:
    """What a run of pytest says at its end: how many passed, and each that did not with its reason."""
    counts = {name: int(number) for number, name in _COUNT.findall(output)}
    faults = [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if code and not faults:
        faults = [f"pytest ended with {code}: {(output + errors).strip()[-300:]}"]
    return Result({"tests": counts.get("passed", 0) + len(faults), "passed": counts.get("passed", 0)}, faults)


RUNS: dict[str, Callable[[Options], Result]] = {"long_tests": long_tests}
