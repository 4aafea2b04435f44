"""A batch, half updates and half new rows, into a partition's Parquet; and a batch that is there already."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from bench import data
from bench.options import Options
from bench.race import FLOOR, OURS, Contestant, race
from bench.record import Record
from bench.same import same_rows

THREADS = 2


def _inputs(options: Options, rows: int, batch: int) -> tuple[Path, Path]:
    """The partition's object as a first commit of ours writes it, and the batch. Made once in every run: the form of
    the objects is the project's, and may have changed since the last one."""
    from bench.ours import first_object  # not before it is needed: measures are listed without it

    partition, incoming = options.scratch / f"partition-{rows}.parquet", options.scratch / f"batch-{batch}.parquet"
    if incoming.exists():
        return partition, incoming
    items = data.line_items(options.data, rows)
    partition.write_bytes(first_object(items))
    pq.write_table(data.batch_for(items, batch), incoming)
    return partition, incoming


def merge(options: Options, *, name: str, rows: int, batch: int) -> Record:
    """The floor reads and writes the partition's object and merges nothing."""
    partition, incoming = _inputs(options, rows, batch)

    def given(peer: str) -> dict[str, Any]:
        out = options.scratch / f"{peer}.parquet"
        return {"partition": str(partition), "batch": str(incoming), "out": str(out)}

    contestants = [
        Contestant(OURS, "bench.ours:merge", given("ours")),
        Contestant(FLOOR, "bench.peers.floor:merge", given("floor"), compared=False),
        Contestant("polars", "bench.peers.polars_:merge", given("polars")),
        Contestant("duckdb", "bench.peers.duckdb_:merge", given("duckdb")),
        Contestant("pandas", "bench.peers.pandas_:merge", given("pandas")),
    ]
    result = race(contestants, threads=THREADS, options=options, check=same_rows)
    return result.record(name, partition_mb=round(partition.stat().st_size / 1e6, 1))


def replay(options: Options, *, name: str, rows: int, batch: int) -> Record:
    """A batch that is there already, from an object that nobody knows: recognised by what the footer says of its rows.

    The details have the two other ways: ``source_known_ms`` where the footer knows the object too (the same message
    again, which is the most frequent), and ``from_rows_ms`` where it knows neither, so that the batch is compared with
    the stored rows, content included.
    """
    from bench.ours import first_object
    from bench.ours import merge as merged

    partition, incoming = _inputs(options, rows, batch)
    after, forgetful = options.scratch / "merged.parquet", options.scratch / "forgetful.parquet"
    after.write_bytes(merged(partition=str(partition), batch=str(incoming))())
    forgetful.write_bytes(first_object(pq.read_table(after)))
    given, floor = {"partition": str(after), "batch": str(incoming)}, "bench.peers.floor:merge"
    contestants = [
        Contestant(OURS, "bench.ours:replay", given, compared=False),
        Contestant("known", "bench.ours:replay", given | {"source_known": True}, compared=False),
        Contestant("rows", "bench.ours:replay", given | {"partition": str(forgetful)}, compared=False),
        Contestant(FLOOR, floor, given, compared=False),
    ]
    result = race(contestants, threads=THREADS, options=options)
    others = {"source_known_ms": round(result.median("known"), 2), "from_rows_ms": round(result.median("rows"), 2)}
    return result.without("known").without("rows").record(name, **others)


MEASURES = {
    "merge_10k_into_1m": partial(merge, name="merge_10k_into_1m", rows=1_000_000, batch=10_000),
    "merge_1k_into_10k": partial(merge, name="merge_1k_into_10k", rows=10_000, batch=1_000),
    "replay_10k_of_1m": partial(replay, name="replay_10k_of_1m", rows=1_000_000, batch=10_000),
}
