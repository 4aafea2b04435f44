"""A lake in a folder, rebuilt by Spark: what ``bench.rebuild`` starts in the environment that has it (.venv-spark)."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

from bench.folder import FolderBucket
from bench.quiet import Quiet
from core.contract.codec import load_rendered
from core.json import canonical_json
from processing.services import Services
from processing.spark.driver import carry_out

CONTRACTS, INGEST, WAREHOUSE = "contracts.json", "ingest", "warehouse"


@dataclass(frozen=True)
class FolderServices:
    """Processing over a folder with both buckets, for every process that is told of it."""

    folder: str

    def __call__(self) -> Services:
        return _services(self.folder)


@cache
def _services(folder: str) -> Services:
    records = FolderBucket(Path(folder) / WAREHOUSE)
    return Services(
        contracts=load_rendered((Path(folder) / CONTRACTS).read_bytes()),
        ingest=FolderBucket(Path(folder) / INGEST),
        records=records,
        partitions=records,
        parameters=cast(Any, None),  # a rebuild has no use for them
        parameter_prefix="",
        metrics=lambda _dataset: Quiet(),
        log=Quiet(),
        code_version="bench",
        ingest_bucket=INGEST,
        now=lambda: datetime.now(UTC),
        timer=time.perf_counter,
    )


def cores_seconds(root: int) -> float:
    """Seconds of cores that a process and all below it took, Java and Python's workers, those that ended among them."""
    below: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for file in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = file.read_text().rpartition(")")[2].split()
            below.setdefault(int(fields[1]), []).append(int(file.parent.name))
            ticks[int(file.parent.name)] = sum(map(int, fields[11:15]))
    waiting, total = [root], 0
    while waiting:
        process = waiting.pop()
        total += ticks.get(process, 0)
        waiting += below.get(process, [])
    return total / os.sysconf("SC_CLK_TCK")


def main(folder: str, jobs: str) -> None:
    from pyspark.sql import SparkSession

    started = time.monotonic()
    session = SparkSession.builder.appName("bench").getOrCreate()
    ready = time.monotonic()
    done = carry_out(session, FolderServices(folder), jobs)
    took = {"started_s": ready - started, "rebuilt_s": time.monotonic() - ready, "cores_s": cores_seconds(os.getpid())}
    sys.stdout.write(canonical_json({**asdict(done), **took}).decode() + "\n")
