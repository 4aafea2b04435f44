"""Gzip JSON lines to the newest rows, typed and in key order, as Parquet: ours with zstd, the others' with snappy."""

from __future__ import annotations

from functools import partial
from typing import Any

from bench import data
from bench.options import Options
from bench.race import FLOOR, OURS, Contestant, race
from bench.record import Record
from bench.same import same_rows

SMALL = 100_000  # lines


def transform(options: Options, *, name: str, lines: int, threads: int, dlt: bool) -> Record:
    """The same file for all; a floor that does not sort makes other rows and is not compared."""
    path = data.extracted(options.data, lines)

    def given(peer: str) -> dict[str, Any]:
        return {"path": str(path), "out": str(options.scratch / f"{peer}.parquet")}

    contestants = [
        Contestant(OURS, "bench.ours:transform", given("ours")),
        Contestant("polars", "bench.peers.polars_:transform", given("polars")),
        Contestant("duckdb", "bench.peers.duckdb_:transform", given("duckdb")),
        Contestant("pandas", "bench.peers.pandas_:transform", given("pandas"), slow=lines > SMALL),
        Contestant(FLOOR, "bench.peers.floor:transform", given("floor"), compared=False),
    ]
    if dlt:
        contestants.append(Contestant("dlt", "bench.peers.dlt_:transform", given("dlt"), once=True, slow=threads > 1))
    return race(contestants, threads=threads, options=options, check=same_rows).record(name, lines=lines)


def _measure(name: str, lines: int, threads: int, *, dlt: bool) -> tuple[str, Any]:
    return name, partial(transform, name=name, lines=lines, threads=threads, dlt=dlt)


MEASURES = dict(
    [
        _measure("transform_100k_1thread", 100_000, 1, dlt=True),
        _measure("transform_100k_2threads", 100_000, 2, dlt=True),
        _measure("transform_1m_2threads", 1_000_000, 2, dlt=False),
    ]
)
