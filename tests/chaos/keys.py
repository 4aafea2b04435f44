"""Rows of tables with keys of every type, deleted, changed and late, healed: random values, a seed for each zoo."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.run import Options, Result
from tests.support.zoo_keys import KEYS, check

ZOOS = 10
TIMEZONES = ("UTC", "America/New_York", "Asia/Kolkata")


def keys(options: Options) -> Result:
    """``--runs`` is the number of databases; each has a table for every type."""
    figures = {"zoos": 0, "tables": 0, "wrong": 0}
    faults: list[str] = []
    for seed in range(options.seed, options.seed + options.amount(ZOOS)):
        timezone = TIMEZONES[seed % len(TIMEZONES)]
        try:
            check(seed, list(KEYS), timezone=timezone)
        except AssertionError as error:
            figures["wrong"] += 1
            faults.append(f"seed {seed}, {timezone}: {str(error)[:500]}")
        figures["zoos"] += 1
        figures["tables"] += len(KEYS)
        options.progress(f"{figures['zoos']} zoos")
    return Result(figures, faults)


RUNS: dict[str, Callable[[Options], Result]] = {"keys": keys}
