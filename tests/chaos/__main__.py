"""``python -m tests.chaos [--only NAME] [--runs N] [--seed N] [--jobs N]``: run, tell, write ``build/chaos.json``."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import pkgutil
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tests.chaos
from tests.chaos.beside import Command, carry_out_beside
from tests.chaos.run import SEED, Options, Result

Run = Callable[[Options], Result]
FILE = Path(__file__).resolve().parents[2] / "build" / "chaos.json"
JOBS = 2  # of a whole run
MOST_FAULTS = 20  # of a run, in the file; the count is of all


def discover() -> dict[str, Run]:
    """All runs by name; a name that two modules offer is refused."""
    runs: dict[str, Run] = {}
    for module in pkgutil.iter_modules(tests.chaos.__path__):
        if module.name == "__main__":
            continue
        offered = getattr(importlib.import_module(f"tests.chaos.{module.name}"), "RUNS", {})
        if twice := runs.keys() & offered.keys():
            raise ValueError(f"tests.chaos.{module.name} offers {sorted(twice)} once more")
        runs.update(offered)
    return runs


def write_entry(file: Path, name: str, entry: dict[str, Any]) -> None:
    """Put the entry in place of the one of its name; the others stay. Whole or not at all."""
    entries = json.loads(file.read_text()) if file.exists() else {}
    file.parent.mkdir(parents=True, exist_ok=True)
    unfinished = file.with_name(f"{file.name}.{os.getpid()}")
    unfinished.write_text(json.dumps(entries | {name: entry}, indent=1) + "\n")
    unfinished.replace(file)


def entry_of(result: Result, *, seed: int, seconds: float) -> dict[str, Any]:
    return {
        **result.figures,
        "faults": len(result.faults),
        **({"first_faults": list(result.faults)[:MOST_FAULTS]} if result.faults else {}),
        "seed": seed,
        "seconds": round(seconds, 1),
    }


def carry_out(name: str, run: Run, options: Options, file: Path) -> bool:
    """One run, into the file as soon as it is done. False where it found a fault, or fell over."""
    started = time.monotonic()
    try:
        result = run(options)
    except Exception:  # noqa: BLE001  # one run that falls over must not cost the others; told at the end
        traceback.print_exc()
        result = Result({}, [f"fell over: {traceback.format_exc(limit=1).splitlines()[-1]}"])
    return _tell(name, entry_of(result, seed=options.seed, seconds=time.monotonic() - started), file)


def _tell(name: str, entry: dict[str, Any], file: Path) -> bool:
    write_entry(file, name, entry)
    print(f"{name}: {json.dumps(entry)}", flush=True)  # noqa: T201
    return not entry["faults"]


def _in_turn(chosen: dict[str, Run], given: argparse.Namespace) -> list[str]:
    """One run after the other in this process; returns those with faults."""
    bad = []
    for number, (name, run) in enumerate(chosen.items(), 1):
        print(f"[{number}/{len(chosen)}] {name}", file=sys.stderr, flush=True)  # noqa: T201
        scratch = Path(tempfile.mkdtemp(prefix="starmend-chaos-"))
        try:
            if not carry_out(name, run, Options(given.seed, scratch, given.runs, given.given), given.file):
                bad.append(name)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
    return bad


def _beside(names: list[str], given: argparse.Namespace, jobs: int) -> list[str]:
    """So many runs at once, each within its budget; returns those with faults."""
    arguments = ["--seed", str(given.seed), *(["--runs", str(given.runs)] if given.runs is not None else [])]
    arguments += ["--given", str(given.given)] if given.given else []
    bad = []
    with tempfile.TemporaryDirectory(prefix="starmend-chaos-") as folder:
        command = Command(arguments, Path(folder))
        for number, (name, entry) in enumerate(carry_out_beside(names, command, jobs=jobs), 1):
            print(f"[{number}/{len(names)}] {name} ended", file=sys.stderr, flush=True)  # noqa: T201
            if not _tell(name, entry, given.file):
                bad.append(name)
    return bad


def main(arguments: list[str] | None = None) -> int:
    """0: no fault; 1: some; 2: no such run."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="The long randomised and fault runs.")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this run (may be given again)")
    parser.add_argument("--runs", type=int, help="how much of it; without it each run's full measure")
    parser.add_argument("--seed", type=int, default=SEED, help="everything that is random follows from it")
    parser.add_argument("--list", action="store_true", help="list the runs")
    parser.add_argument(
        "--given", type=Path, metavar="FOLDER", help="scripts of others' databases, for foreign_schemas"
    )
    parser.add_argument(
        "--jobs", type=int, help="runs at once, each in a process of its own (default: 2, but one where runs are named)"
    )
    parser.add_argument("--file", type=Path, default=FILE, help="where the results go (default: build/chaos.json)")
    given = parser.parse_args(arguments)
    runs = discover()
    if given.list:
        print("\n".join(runs))  # noqa: T201
        return 0
    if unknown := set(given.only or ()) - runs.keys():
        print(f"no run {', '.join(sorted(unknown))}; there are: {', '.join(runs)}", file=sys.stderr)  # noqa: T201
        return 2
    chosen = {name: run for name, run in runs.items() if not given.only or name in given.only}
    jobs = given.jobs or (1 if given.only else JOBS)
    bad = _beside(list(chosen), given, jobs) if jobs > 1 else _in_turn(chosen, given)
    if bad:
        print(f"faults in: {', '.join(bad)}", file=sys.stderr)  # noqa: T201
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
