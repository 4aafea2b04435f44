"""Property tests on examples that `make test`, which has the same ones every time, does not try."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.chaos.long_tests import ROOT, result_of
from tests.chaos.run import Options, Result

SEEDS = 3  # two minutes each


def property_tests() -> list[Path]:
    """The files that have any."""
    return [file for file in sorted((ROOT / "tests").rglob("test_*.py")) if "@given(" in file.read_text("utf-8")]


def properties(options: Options) -> Result:
    """``--runs`` is the number of seeds, of which each fault names its own."""
    passed, faults = 0, []
    for seed in range(options.seed, options.seed + options.amount(SEEDS)):
        options.progress(f"property tests, seed {seed}", now=True)
        given = [
            "-m",
            "hypothesis",
            "--hypothesis-profile=fresh",
            f"--hypothesis-seed={seed}",
            "-p",
            "no:cacheprovider",
            "-rfE",
        ]
        command = [sys.executable, "-m", "pytest", *given, *map(str, property_tests())]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        result = result_of(done.returncode, done.stdout, done.stderr)
        passed += result.figures["passed"]
        faults += [f"--hypothesis-profile=fresh --hypothesis-seed={seed}: {fault}" for fault in result.faults]
    return Result({"seeds": options.amount(SEEDS), "passed": passed}, faults)


RUNS: dict[str, Callable[[Options], Result]] = {"properties": properties}
