"""Small commits by eight writers on one object store, the emulator's S3: how many a second, and none lost."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bench import data
from bench.options import Options
from bench.race import OURS, Contestant, Runner
from bench.record import Record

WRITERS, PARTITIONS, ROWS = 8, 64, 100
BUCKET = "bench-warehouse"


class LostRows(AssertionError):
    """A table does not hold every row once after its writers have finished."""


@dataclass(frozen=True, slots=True)
class System:
    """Something that commits: ``module`` has ``create``, ``commits`` (a contestant) and ``committed_keys``.

    ``batches`` is how many each writer commits in a round: fewer where it takes long, which keeps that table small and
    so is kind to it.
    """

    name: str
    module: str
    batches: int
    quick: int


SYSTEMS = (
    System(OURS, "bench.ours", 40, 16),
    System("deltalake", "bench.peers.deltalake_", 10, 5),
    System("pyiceberg", "bench.peers.pyiceberg_", 8, 3),
)


def commits_64_partitions_8_writers(options: Options) -> Record:
    """Ours reads, merges and swaps in every commit; the peers append, which asks less of them."""
    from local.emulator import Emulator  # not before it is needed: measures are listed without it

    rates: dict[str, list[float]] = {system.name: [] for system in SYSTEMS}
    with Emulator.start(options.scratch / "emulator") as emulator:
        environment = emulator.environment()
        for _ in range(1 if options.quick else 3):
            for system in SYSTEMS:
                emulator.reset()
                batches = system.quick if options.quick else system.batches
                rates[system.name].append(race_round(system, batches, environment, options))
    medians = {name: statistics.median(rate) for name, rate in rates.items()}
    ours = medians.pop(OURS)
    counts = {system.name: WRITERS * (system.quick if options.quick else system.batches) for system in SYSTEMS}
    return Record.of_rates(
        "commits_64_partitions_8_writers",
        ours,
        unit="commits/s",
        peers=medians,
        details={
            "rates": {name: [round(figure, 1) for figure in rate] for name, rate in rates.items()},
            "commits": counts,
        },
    )


def race_round(system: System, batches: int, environment: Mapping[str, str], options: Options) -> float:
    """Commits per second from the moment all writers are ready to the last one's end; raises where rows are missing."""
    items = data.line_items(options.data, WRITERS * max(system.batches for system in SYSTEMS) * ROWS)
    given = {"bucket": BUCKET, "partitions": PARTITIONS, "rows": ROWS}
    settled = {name: value for name, value in os.environ.items() if name != "AWS_PROFILE"} | dict(environment)
    _call(system, "create", settled, bucket=BUCKET)
    with ExitStack() as running:
        runners = []
        for writer in range(WRITERS):
            path = options.scratch / f"batches-{writer}.parquet"
            pq.write_table(items.slice(writer * batches * ROWS, batches * ROWS), path)
            arguments: dict[str, Any] = given | {"batches": str(path), "writer": writer}
            contestant = Contestant(
                f"{system.name} {writer}", f"{system.module}:commits", arguments, environment=environment
            )
            runners.append(running.enter_context(Runner(contestant, threads=os.cpu_count() or 1)))
        start = time.perf_counter()
        for runner in runners:
            runner.begin()
        for runner in runners:
            runner.finish()
        elapsed = time.perf_counter() - start
    keys = _call(system, "committed_keys", settled, bucket=BUCKET, partitions=PARTITIONS)
    _require_all(system.name, keys, items.slice(0, WRITERS * batches * ROWS))
    rate = WRITERS * batches / elapsed
    options.say(f"{system.name}: {rate:.1f} commits/s ({WRITERS * batches} commits)")
    return rate


def _call(system: System, function: str, environment: Mapping[str, str], **arguments: Any) -> Any:
    """A function of the system's module, with the environment that leads to the emulator."""
    import importlib

    before = dict(os.environ)
    os.environ.clear()
    os.environ.update(environment)
    try:
        called: Callable[..., Any] = getattr(importlib.import_module(system.module), function)
        return called(**arguments)
    finally:
        os.environ.clear()
        os.environ.update(before)


def _require_all(name: str, keys: pa.Table, rows: pa.Table) -> None:
    order = [(column, "ascending") for column in data.KEY]
    stored, expected = keys.select(data.KEY).sort_by(order), rows.select(data.KEY).sort_by(order)
    if not stored.cast(expected.schema).equals(expected):
        raise LostRows(f"{name}: {stored.num_rows} rows, {expected.num_rows} were written")


MEASURES: dict[str, Callable[[Options], Record]] = {"commits_64_partitions_8_writers": commits_64_partitions_8_writers}
