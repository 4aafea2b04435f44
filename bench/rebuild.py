"""Rebuild of 1,000 partitions: by jobs side by side, as the state machine hands them out, and by Spark.

Jobs run in one process, with S3 in memory below the SDK, so that what is measured is our own work and the requests it
needs; a store's latency and the start of functions come on top. Spark runs as processes of its own over the same
objects in a folder, where there is one (``make test-spark`` makes it). The content is that of the incremental
road, by digest.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import os
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

from bench.folder import FolderBucket
from bench.options import Options
from bench.race import ROOT
from bench.record import Record

MONTHS, SYMBOLS, DAYS = 12, 84, 4
TABLE, WORKERS = "fact_quote", 16
SPARK = ROOT / ".venv-spark" / "bin" / "python"
# What tasks are told has to be of a module that they can import, which the program itself is not.
DRIVER = "import sys; from bench.shuffled import main; main(*sys.argv[1:])"
NOW = dt.datetime(2026, 12, 31, 12, tzinfo=dt.UTC)
EVENTS = "events"  # Spark's, in the folder of its run


class FilledLake:
    """A lake of so many symbols and months, filled object by object; ``services`` are processing's."""

    def __init__(self, folder: Path, *, symbols: int, months: int) -> None:
        from bench.calls.deployed import INGEST, DeployedFunctions

        self.names = [f"SYM{number:03d}" for number in range(symbols)]
        self.functions = DeployedFunctions(_contracts(folder, self.names), NOW)
        self.services = self.functions.processing
        self.table = self.services.contracts.table(TABLE)
        keys = []
        for month in range(1, months + 1):
            for day in range(1, DAYS + 1):
                at = dt.datetime(2026, month, day, 15, tzinfo=dt.UTC)
                key = f"feeds/quotes/{at:%Y/%m/%d/%H}/delivery"
                self.functions.now = at
                self.functions.aws.bucket(INGEST).put(key, self.functions.aws.stored(self._lines(at)))
                keys.append(key)
        self.functions.now = NOW
        self.functions.process(*keys)
        self.objects = len(keys)

    def _lines(self, at: dt.datetime) -> bytes:
        text = f"{at:%Y-%m-%dT%H:%M:%SZ}"
        lines = (
            f'{{"symbol":"{name}","minute":"{text}","kind":"live","provenance":"observed","fetched_at":"{text}",'
            f'"dataset":"quotes","c":101.25}}\n'
            for name in self.names
        )
        return gzip.compress("".join(lines).encode(), 1)

    def digests(self) -> dict[str, str]:
        """What each partition holds."""
        return content_of(self.services)

    def lose(self) -> None:
        """All partitions of the fact are gone, objects and pointers."""
        from bench.calls.deployed import WAREHOUSE

        bucket = self.functions.aws.bucket(WAREHOUSE)
        for key in [key for key in bucket.objects if key.startswith("warehouse/") and f"/{TABLE}/" in key]:
            bucket.remove(key)


def content_of(services: Any) -> dict[str, str]:
    """What each partition of the fact holds, by digest, in the stores of these services."""
    from processing.partitions.commit import read_partition
    from processing.restating.rebuild import paths_of_pointers

    table = services.contracts.table(TABLE)
    snapshots = {path: read_partition(services.partitions, table, path) for path in paths_of_pointers(services, table)}
    return {path: snapshot.footer.digest for path, snapshot in snapshots.items() if snapshot}


def _contracts(folder: Path, names: list[str]) -> Any:
    from core.authoring.load import load

    contract = yaml.safe_load((ROOT / "contracts" / "quotes.yaml").read_text(encoding="utf-8"))
    contract["source"] |= {"entities": names, "rate_limit": "600 / minute"}
    del contract["warehouse"]["fact_quote_hourly"]
    # Objects that are copied have the time of the copy, by which every point would be late.
    provenance = contract["warehouse"]["fact_quote"]["columns"]["provenance"]
    provenance["one_of"] = provenance["rank"] = ["observed", "repaired"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "quotes.yaml").write_text(yaml.safe_dump(contract, sort_keys=False), encoding="utf-8")
    return load(folder, today=NOW.date())


def by_jobs(lake: FilledLake, *, workers: int) -> int:
    """Rebuild by jobs, so many at once; how many there were. Raises ``AssertionError`` where one failed."""
    from core.audit.repair_jobs import RepairJob, find_outcome, write_job
    from processing.restating.job import restate_job
    from processing.restating.manifest import plan_rebuild

    records = lake.services.records
    jobs = plan_rebuild(lake.services, lake.table)
    keys = [
        write_job(records, RepairJob(job.dataset, "bench", job), attempt=1, number=number)
        for number, job in enumerate(jobs)
    ]
    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda key: restate_job(lake.services, key), keys))
    outcomes = [find_outcome(records, key) for key in keys]
    failed = [outcome.reason for outcome in outcomes if outcome and outcome.result != "done"]
    assert not failed, failed
    return len(jobs)


def one_by_one(lake: FilledLake, paths: list[str]) -> None:
    """Each partition alone, from all ingest objects: what a job does that nobody told which ones it needs."""
    from processing.restating.rebuild import rebuild_table

    for path in paths:
        list(rebuild_table(lake.services, TABLE, path))


def in_one_go(lake: FilledLake) -> None:
    """All partitions by this process, which reads each object once: the work itself, without any engine."""
    from processing.restating.rebuild import rebuild_table

    list(rebuild_table(lake.services, TABLE))


def by_spark(functions: Any, folder: Path) -> dict[str, Any]:
    """Rebuild by a local Spark; its figures, empty where there is none. Seconds of all its processes' cores."""
    from bench.calls.deployed import INGEST as INGEST_BUCKET
    from bench.calls.deployed import WAREHOUSE as WAREHOUSE_BUCKET
    from bench.shuffled import CONTRACTS, INGEST, WAREHOUSE, FolderServices
    from core.audit.repair_jobs import RepairJob, job_key, write_job
    from processing.restating.manifest import plan_shuffle

    if not SPARK.exists():
        return {}
    services = functions.processing
    jobs = plan_shuffle(services, services.contracts.table(TABLE))
    for number, job in enumerate(jobs):
        write_job(services.records, RepairJob(job.dataset, "spark", job), attempt=1, number=number)
    for name, bucket in ((INGEST, INGEST_BUCKET), (WAREHOUSE, WAREHOUSE_BUCKET)):
        for key, stored in functions.aws.bucket(bucket).objects.items():
            FolderBucket(folder / name).write(key, stored.body, metadata=stored.metadata)
    (folder / CONTRACTS).write_bytes(functions.settings.contracts_text or b"")
    (folder / EVENTS).mkdir()
    done = subprocess.run(
        [str(SPARK), "-c", DRIVER, str(folder), job_key("spark", 1, 0).removesuffix("000.json")],
        cwd=ROOT,
        env={**os.environ, **_of_spark(folder)},
        stdout=subprocess.PIPE,
        stderr=(folder / "spark.log").open("wb"),
        check=True,
    )
    told = json.loads(done.stdout)
    assert not told["reasons"], told
    read = sum(len(stored.body) for stored in functions.aws.bucket(INGEST_BUCKET).objects.values())
    return {**told, "shuffled": _shuffled(folder) / read, "content": content_of(FolderServices(str(folder))())}


def _shuffled(folder: Path) -> int:
    """Bytes that were written for the shuffle, as Spark's log of events has them."""
    total = 0
    for file in (folder / EVENTS).iterdir():
        for line in file.read_text(encoding="utf-8").splitlines():
            event = json.loads(line)
            if event["Event"] == "SparkListenerTaskEnd":
                total += event["Task Metrics"]["Shuffle Write Metrics"]["Shuffle Bytes Written"]
    return total


def _of_spark(folder: Path) -> dict[str, str]:
    logged = {"enabled": "true", "dir": f"file:{folder / EVENTS}", "compress": "false", "rolling.enabled": "false"}
    events = " ".join(f"--conf spark.eventLog.{name}={value}" for name, value in logged.items())
    settings = f"--conf spark.ui.enabled=false --conf spark.local.dir={folder} --driver-memory 1g {events}"
    return {
        "PYSPARK_PYTHON": str(SPARK),
        "PYSPARK_SUBMIT_ARGS": f"--master local[{os.cpu_count()}] {settings} pyspark-shell",
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }


def rebuild_1000_partitions(options: Options) -> Record:
    """Ours is the cores' time of all jobs, milliseconds a partition; the peer is a partition alone, by a sample.

    What an engine costs beyond the work itself, which one process does in one go, is its ``overhead_ms``.
    """
    symbols, months = (SYMBOLS // 4, 3) if options.quick else (SYMBOLS, MONTHS)
    lake = FilledLake(options.scratch / "rebuild", symbols=symbols, months=months)
    before = lake.digests()
    sample = sorted(before)[:: max(1, len(before) // 10)]
    lake.lose()
    shuffled = by_spark(lake.functions, options.scratch / "spark")
    alone, _ = _spent(lambda: one_by_one(lake, sample))
    lake.lose()
    whole, _ = _spent(lambda: in_one_go(lake))
    assert lake.digests() == before
    lake.lose()
    asked = lake.functions.aws.calls.copy()
    spent, jobs = _spent(lambda: by_jobs(lake, workers=WORKERS))
    calls = sum((lake.functions.aws.calls - asked).values())
    assert lake.digests() == before
    details = {"partitions": len(before), "jobs": jobs, "objects": lake.objects, "calls": calls, "workers": WORKERS}
    peers = {"one by one": alone * 1000 / len(sample), "in one go": whole * 1000 / len(before)}
    overhead = {"jobs": (spent - whole) * 1000 / len(before)}
    if shuffled:
        assert shuffled.pop("content") == before
        peers["by Spark, its start included"] = shuffled["cores_s"] * 1000 / len(before)
        overhead["Spark"] = (shuffled["cores_s"] - whole) * 1000 / len(before)
        figures = ("started_s", "rebuilt_s", "cores_s", "shuffled")
        details["spark"] = {name: round(shuffled[name], 1) for name in figures}
    details["overhead_ms"] = {name: round(figure, 1) for name, figure in overhead.items()}
    return Record.of_times(
        "rebuild_1000_partitions",
        spent * 1000 / len(before),
        unit="ms a partition",
        peers=peers,
        details=details,
    )


def _spent(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.process_time()
    answer = work()
    return time.process_time() - start, answer


MEASURES: dict[str, Callable[[Options], Record]] = {"rebuild_1000_partitions": rebuild_1000_partitions}
