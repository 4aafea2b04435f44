"""Databases that nobody has seen: their contracts are proposed, pass the check unedited, load whole and heal."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.run import Options, Result
from tests.support.own_databases import Tally, try_own_database

DATABASES = 60


def own_databases(options: Options) -> Result:
    """``--runs`` is the number of databases."""
    count, tally = options.amount(DATABASES), Tally()
    for seed in range(options.seed, options.seed + count):
        try:
            try_own_database(seed, options.scratch, tally)
        except Exception as error:  # noqa: BLE001 - a database that falls over is a fault, and the others go on
            tally.faults.append(f"seed {seed}: fell over: {type(error).__name__}: {error}"[:600])
        options.progress(f"{tally.databases} of {count} databases, {tally.rows} rows, {len(tally.faults)} faults")
    names = ("databases", "tables", "star_tables", "rows", "changes")
    return Result({name: getattr(tally, name) for name in names}, tally.faults)


RUNS: dict[str, Callable[[Options], Result]] = {"own_databases": own_databases}
