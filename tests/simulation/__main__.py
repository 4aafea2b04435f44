"""``python -m tests.simulation --seed N --days D [--without NAME] [--shrink]``: one run, and what it saw."""

from __future__ import annotations

import argparse
import json
import sys

from tests.simulation.shrinking import command, shrink
from tests.simulation.simulation import simulate


def main() -> int:
    """0: all promises were kept; 1: not."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=float, default=2.0)
    parser.add_argument("--without", action="append", default=[], metavar="NAME", help="leave out an actor or a fault")
    parser.add_argument("--log", action="store_true", help="what the functions logged, counted")
    parser.add_argument("--shrink", action="store_true", help="of a seed that fails: the least that still does")
    given = parser.parse_args()
    outcome = simulate(given.seed, given.days, off=frozenset(given.without))
    told = {"seed": outcome.seed, "days": outcome.days, "events": outcome.events, "cpu": round(outcome.cpu, 2)}
    told |= {"faults": dict(outcome.faults), "counts": dict(outcome.counts), "trace": outcome.trace}
    if given.log:
        told["logged"] = dict(outcome.logged)
    print(json.dumps(told, indent=1))  # noqa: T201
    for problem in outcome.wrong:
        print(problem)  # noqa: T201
    if given.shrink and outcome.wrong:
        print(command(given.seed, *shrink(given.seed, given.days, told=print)))  # noqa: T201
    return 1 if outcome.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
