"""Tests that ``make test`` leaves out because they take long (the marker ``long``)."""

from __future__ import annotations

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
    command = [sys.executable, "-m", "pytest", "--long", "-q", "-p", "no:cacheprovider", "-rfE", "tests"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    counts = {name: int(number) for number, name in _COUNT.findall(done.stdout)}
    faults = [line for line in done.stdout.splitlines() if line.startswith(("FAILED", "ERROR"))]
    if done.returncode and not faults:
        faults = [f"pytest ended with {done.returncode}: {(done.stdout + done.stderr).strip()[-300:]}"]
    return Result({"tests": counts.get("passed", 0) + len(faults), "passed": counts.get("passed", 0)}, faults)


RUNS: dict[str, Callable[[Options], Result]] = {"long_tests": long_tests}
