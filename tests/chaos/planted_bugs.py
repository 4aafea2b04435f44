"""A test of the simulation: bugs that are planted in the product, each of which some seed has to find."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tests.chaos.run import SEED, Options, Result
from tests.simulation.planted import PLANTED, Planted, keep_row
from tests.simulation.shrinking import command
from tests.simulation.simulation import simulate

SEEDS, DAYS = 12, 1.0


def search(bug: Planted, seeds: int, *, first: int = 1) -> dict[str, Any]:
    """What finds a bug, within so many seeds: the seed, what was seen first, and seconds of CPU until then."""
    began, days = time.process_time(), 0.0
    row: dict[str, Any] = {"place": bug.place, "wrong": bug.wrong, **({"peer": bug.peer} if bug.peer else {})}
    row |= {"seed": None}
    for seed in range(first, first + seeds):
        with bug.planted():
            outcome = simulate(seed, DAYS, stops=True)
        days += outcome.days
        if outcome.wrong:
            row |= {"seed": seed, "seen": outcome.wrong[0]}
            break
    return row | {"days": round(days, 1), "cpu_seconds": round(time.process_time() - began, 1)}


def planted_bugs(options: Options) -> Result:
    """``--runs`` is how many seeds each bug has, ``--seed`` the first. The table is kept beside the bugs."""
    table, faults = {}, []
    first = 1 if options.seed == SEED else options.seed
    for bug in PLANTED:
        row = table[bug.name] = search(bug, options.amount(SEEDS), first=first)
        keep_row(bug.name, row)
        options.progress(f"{bug.name}: {row.get('seen', 'not found')}", now=True)
        if row["seed"] is None:
            faults.append(f"{bug.name} ({bug.wrong}) was not found [{command(first, DAYS)} with it planted]")
    found = sum(row["seed"] is not None for row in table.values())
    peers = sum(bool(bug.peer) for bug in PLANTED)
    return Result({"planted": len(PLANTED), "found": found, "of_peers": peers, "table": table}, faults)


RUNS: dict[str, Callable[[Options], Result]] = {"planted_bugs": planted_bugs}
