"""Random harm on tables of random shapes: key types, nullability, partitions, clocks set wrong, zones."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.run import Options, Result
from tests.support.random_schemas import SchemaTally, harm_schema

SCHEMAS, BATCHES = 10, 3


def random_schemas(options: Options) -> Result:
    """``--runs`` is the number of schemas."""
    count, tally = options.amount(SCHEMAS), SchemaTally()
    for seed in range(options.seed, options.seed + count):
        harm_schema(seed, batches=BATCHES, tally=tally)
        options.progress(f"{tally.schemas} of {count} schemas, {tally.found} of {tally.made} mutations found")
    names = ("schemas", "made", "found", "healed", "invented")
    return Result({name: getattr(tally, name) for name in names}, tally.faults)


RUNS: dict[str, Callable[[Options], Result]] = {"random_schemas": random_schemas}
