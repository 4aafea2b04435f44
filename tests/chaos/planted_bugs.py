"""A test of the simulation: bugs that are planted in the product, each of which some seed has to find."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.chaos.run import Options, Result
from tests.simulation.planted import PLANTED, Planted
from tests.simulation.shrinking import command
from tests.simulation.simulation import simulate

SEEDS, DAYS = 12, 1.0


def search(bug: Planted, seeds: int, *, first: int = 1) -> dict[str, Any]:
    """What finds a bug, within so many seeds: the seed, what was seen first, and seconds of CPU until then."""
    began, days = time.process_time(), 0.0
    told = {"place": bug.place, "wrong": bug.wrong, **({"peer": bug.peer} if bug.peer else {})}
    for seed in range(first, first + seeds):
        with bug.planted():
            outcome = simulate(seed, DAYS, stops=True)
        days += outcome.days
        if outcome.wrong:
            seconds = round(time.process_time() - began, 1)
            return {**told, "seed": seed, "seen": outcome.wrong[0], "cpu_seconds": seconds}
    return {**told, "seed": None, "cpu_seconds": round(time.process_time() - began, 1)}


def planted_bugs(options: Options) -> Result:
    """``--runs`` is how many seeds each bug has."""
    table, faults = {}, []
    for bug in PLANTED:
        table[bug.name] = search(bug, options.amount(SEEDS))
        options.progress(f"{bug.name}: {table[bug.name].get('seen', 'not found')}", now=True)
        if table[bug.name]["seed"] is None:
            faults.append(f"{bug.name} ({bug.wrong}) was not found [{command(1, DAYS)} with it planted]")
    found = sum(row["seed"] is not None for row in table.values())
    peers = sum(bool(bug.peer) for bug in PLANTED)
    return Result({"planted": len(PLANTED), "found": found, "of_peers": peers, "table": table}, faults)


RUNS: dict[str, Callable[[Options], Result]] = {"planted_bugs": planted_bugs}
