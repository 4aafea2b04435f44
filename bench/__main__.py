"""``python -m bench [--quick] [--only NAME ...]``: measure, print a table, write ``build/bench.json``."""

from __future__ import annotations

import argparse
import importlib
import os
import pkgutil
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import bench
from bench.options import Options
from bench.race import ROOT
from bench.record import Record, write_file
from bench.report import table

Measure = Callable[[Options], Record]
FILE = ROOT / "build" / "bench.json"


def discover() -> dict[str, Measure]:
    """All measures by name; a name that two modules offer is refused."""
    measures: dict[str, Measure] = {}
    for module in pkgutil.iter_modules(bench.__path__):
        if module.name == "__main__":
            continue
        offered = getattr(importlib.import_module(f"bench.{module.name}"), "MEASURES", {})
        if twice := measures.keys() & offered.keys():
            raise ValueError(f"bench.{module.name} offers {sorted(twice)} once more")
        measures.update(offered)
    return measures


def measure(chosen: dict[str, Measure], options: Options, file: Path) -> list[str]:
    """Run the measures one by one, each into the file as soon as it is done; the names of those that failed."""
    failed = []
    for number, (name, run) in enumerate(chosen.items(), 1):
        print(f"[{number}/{len(chosen)}] {name}{_disturbed()}", file=sys.stderr, flush=True)  # noqa: T201
        start = time.monotonic()
        try:
            record = run(options)
        except Exception:  # noqa: BLE001  # one failure must not cost the figures of all others; told at the end
            traceback.print_exc()
            failed.append(name)
            continue
        write_file(file, [record])
        print(table([record]), flush=True)  # noqa: T201
        options.say(f"{time.monotonic() - start:.1f} s")
    return failed


def _disturbed() -> str:
    """What must be known of figures that other programs disturb; the first measure is told before it begins."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    return f" (load {load:.1f} on {cores} cores: trust the cores' time, not the clock's)" if load > 1.5 * cores else ""


def main(arguments: list[str] | None = None) -> int:
    """0: all measured; 1: some failed; 2: no such measure."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds: about two minutes for all of it")
    parser.add_argument("--only", action="append", metavar="NAME", help="measure only this (may be given again)")
    parser.add_argument("--list", action="store_true", help="list the measures")
    parser.add_argument("--file", type=Path, default=FILE, help="where the records go (default: build/bench.json)")
    given = parser.parse_args(arguments)
    measures = discover()
    if given.list:
        print("\n".join(measures))  # noqa: T201
        return 0
    if unknown := set(given.only or ()) - measures.keys():
        print(f"no measure {', '.join(sorted(unknown))}; there are: {', '.join(measures)}", file=sys.stderr)  # noqa: T201
        return 2
    chosen = {name: run for name, run in measures.items() if not given.only or name in given.only}
    scratch = Path(tempfile.mkdtemp(prefix="starmend-bench-"))
    try:
        options = Options(data=ROOT / "build" / "bench-data", scratch=scratch)
        if given.quick:
            options = replace(options, quick=True, rounds=3, least=1, budget=1.5)
        failed = measure(chosen, options, given.file)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)  # noqa: T201
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
