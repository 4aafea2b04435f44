"""Hot partitions: what so many writers bring into so few partitions, over a store as slow as S3.

Latencies are injected below the SDK: a GET 20 ms, a PUT 30, a conditional swap of a pointer 65 (others measured 58 to
68 for S3 in 2026), each with jitter. A writer is an invocation of the process function with one batch of rows, which it
commits; the lag is from the moment at which it has the batch until its rows can be read.
"""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

from bench.options import Options
from bench.record import Record

ROWS, SECONDS = 100, 6.0  # of a batch; of a measure
WRITERS, PARTITIONS = (1, 4, 16, 64), (1, 64, 1_024)
BUCKET = "bench-hot"


def slow_store(seed: int = 7) -> Any:
    """A partition store with S3's latencies."""
    from aws.pointers import S3PartitionStore
    from bench.calls.simulated import SimulatedAws
    from local.emulator.latency import latency

    aws, source = SimulatedAws(), random.Random(seed)

    def wait(operation: str, asked: dict[str, Any]) -> None:
        is_swap = "IfMatch" in asked or "IfNoneMatch" in asked
        time.sleep(latency(writes=operation == "PutObject", conditional=is_swap, chance=source))

    aws.wait = wait
    return S3PartitionStore(aws.client("s3"), BUCKET)


def rates(writers: int, partitions: int, *, seconds: float) -> dict[str, float]:
    """Rows a second that were committed, the lag, and how often a commit had to be tried."""
    import datetime as dt

    import pyarrow as pa

    from core.contract.model import Column, Table, Take
    from core.contract.types import parse_type
    from core.warehouse.arrow_types import stored_schema
    from processing.partitions.commit import CommitContext, SourceRef, commit_rows

    columns = (Column("id", parse_type("bigint"), Take("id")), Column("at", parse_type("timestamp"), Take("at")))
    table = Table("fact_hot", "d", "fact", "hot", ("id",), columns, version=("at",), source="t")
    store, over, lock = slow_store(), time.monotonic() + seconds, threading.Lock()
    lags: list[float] = []
    numbers = iter(range(10**9))
    moment = dt.datetime(2026, 11, 20)  # noqa: DTZ001 - Arrow's timestamps have no zone

    def work(writer: int) -> None:
        source = random.Random(writer)
        while time.monotonic() < over:
            with lock:
                first = next(numbers) * ROWS
            data = {"id": list(range(first, first + ROWS)), "at": [moment] * ROWS}
            rows = pa.table(data, schema=stored_schema(table))
            began = time.monotonic()
            path = f"p={source.randrange(partitions)}"
            context = CommitContext("bench", random=source)
            commit_rows(store, table, path, rows, sources=[SourceRef(str(first), "e")], context=context)
            with lock:
                lags.append(time.monotonic() - began)

    started = time.monotonic()
    threads = [threading.Thread(target=work, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    spent = time.monotonic() - started
    slowest = sorted(lags)[min(len(lags) - 1, int(len(lags) * 0.99))]
    return {
        "rows_per_second": round(len(lags) * ROWS / spent, 1),
        "swaps_per_second_and_partition": round(len(lags) / spent / partitions, 3),
        "lag_ms_median": round(statistics.median(lags) * 1000, 1),
        "lag_ms_99": round(slowest * 1000, 1),
    }


def hot_partitions(options: Options) -> Record:
    """Ours is 16 writers on one partition, rows a second; the details have every number of writers and partitions."""
    seconds = 1.5 if options.quick else SECONDS
    details = {}
    for partitions in PARTITIONS:
        for writers in WRITERS:
            measured = rates(writers, partitions, seconds=seconds)
            details[f"{writers} writers, {partitions} partitions"] = measured
            options.say(f"{writers} writers, {partitions} partitions: {measured}")
    ours = details["16 writers, 1 partitions"]["rows_per_second"]
    return Record.of_rates("hot_partitions", ours, unit="rows/s", details=details)


MEASURES: dict[str, Callable[[Options], Record]] = {"hot_partitions": hot_partitions}
