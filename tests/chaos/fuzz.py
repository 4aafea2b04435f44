"""Fuzzing of every reader of outside data, guided by coverage: minutes each, in an environment that has atheris."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.chaos.run import Options, Result
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".venv-fuzz/bin/python"
SECONDS = 300  # for each target
PATIENCE = 900  # for a machine on which everything takes longer: imports are instrumented


def fuzz(options: Options) -> Result:
    """Each target for its time. ``--runs``: seconds of each."""
    figures: dict[str, Any] = {}
    faults: list[str] = []
    for number, name in enumerate(TARGETS, 1):
        options.progress(f"{name} ({number} of {len(TARGETS)})", now=True)
        result, problems = _driven(name, options)
        figures[name] = result["inputs"]
        faults += [f"{name}: {problem}" for problem in problems]
    return Result({"targets": len(TARGETS), "seconds_each": options.amount(SECONDS), "inputs": figures}, faults)


def _driven(name: str, options: Options) -> tuple[dict[str, Any], list[str]]:
    folder = options.scratch / name
    folder.mkdir()
    seconds = options.amount(SECONDS)
    command = [str(PYTHON), "-m", "tests.fuzz", name, f"--seconds={seconds}", f"--seed={options.seed}"]
    ended = subprocess.run(
        [*command, f"--folder={folder}"], cwd=ROOT, env=dict(os.environ), timeout=seconds + PATIENCE,
        capture_output=True, check=False,
    )  # fmt: skip
    written = folder / "result.json"
    result = json.loads(written.read_text(encoding="utf-8")) if written.exists() else {"inputs": 0, "faults": []}
    problems = [str(fault) for fault in result["faults"]]
    problems += [f"{left.name}: {left.read_bytes()[:300]!r}" for left in _left_by_libfuzzer(folder)]
    if ended.returncode and not problems:
        problems.append(f"ended with {ended.returncode}: {ended.stderr.decode(errors='replace')[-300:]}")
    return result, problems


def _left_by_libfuzzer(folder: Path) -> list[Path]:
    """Inputs at which it ended: a hang, too much memory, a crash of the process."""
    return sorted(file for kind in ("crash", "timeout", "oom", "leak") for file in folder.glob(f"{kind}-*"))


RUNS: dict[str, Callable[[Options], Result]] = {"fuzz": fuzz}
