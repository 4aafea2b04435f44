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
        return self.digests_by(self.services)

    def digests_by(self, services: Any) -> dict[str, str]:
        """What each partition holds in the stores of these services."""
        from processing.partitions.commit import read_partition
        from processing.restating.rebuild import paths_of_pointers

        snapshots = {
            path: read_partition(services.partitions, self.table, path)
            for path in paths_of_pointers(services, self.table)
        }
        return {path: snapshot.footer.digest for path, snapshot in snapshots.items() if snapshot}

    def lose(self) -> None:
        """All partitions of the fact are gone, objects and pointers."""
        from bench.calls.deployed import WAREHOUSE

        bucket = self.functions.aws.bucket(WAREHOUSE)
        for key in [key for key in bucket.objects if key.startswith("warehouse/") and f"/{TABLE}/" in key]:
            bucket.remove(key)


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


def by_spark(lake: FilledLake, folder: Path) -> dict[str, Any]:
    """Rebuild by a local Spark; its figures, empty where there is none. Seconds of all its processes' cores."""
    from bench.calls.deployed import INGEST as INGEST_BUCKET
    from bench.calls.deployed import WAREHOUSE as WAREHOUSE_BUCKET
    from bench.shuffled import CONTRACTS, INGEST, WAREHOUSE, FolderServices
    from core.audit.repair_jobs import RepairJob, job_key, write_job
    from processing.restating.manifest import plan_shuffle

    if not SPARK.exists():
        return {}
    jobs = plan_shuffle(lake.services, lake.table)
    for number, job in enumerate(jobs):
        write_job(lake.services.records, RepairJob(job.dataset, "spark", job), attempt=1, number=number)
    for name, bucket in ((INGEST, INGEST_BUCKET), (WAREHOUSE, WAREHOUSE_BUCKET)):
        for key, stored in lake.functions.aws.bucket(bucket).objects.items():
            FolderBucket(folder / name).write(key, stored.body, metadata=stored.metadata)
    (folder / CONTRACTS).write_bytes(lake.functions.settings.contracts_text or b"")
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
    return {**told, "content": lake.digests_by(FolderServices(str(folder))())}


def _of_spark(folder: Path) -> dict[str, str]:
    settings = f"--conf spark.ui.enabled=false --conf spark.local.dir={folder} --driver-memory 1g"
    return {
        "PYSPARK_PYTHON": str(SPARK),
        "PYSPARK_SUBMIT_ARGS": f"--master local[{os.cpu_count()}] {settings} pyspark-shell",
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        "SPARK_LOCAL_IP": "127.0.0.1",
    }


def rebuild_1000_partitions(options: Options) -> Record:
    """Ours is the cores' time of all jobs, milliseconds a partition; the peer is a partition alone, by a sample."""
    symbols, months = (SYMBOLS // 4, 3) if options.quick else (SYMBOLS, MONTHS)
    lake = FilledLake(options.scratch / "rebuild", symbols=symbols, months=months)
    before = lake.digests()
    sample = sorted(before)[:: max(1, len(before) // 10)]
    alone, _ = _spent(lambda: one_by_one(lake, sample))
    lake.lose()
    shuffled = by_spark(lake, options.scratch / "spark")
    asked = lake.functions.aws.calls.copy()
    spent, jobs = _spent(lambda: by_jobs(lake, workers=WORKERS))
    calls = sum((lake.functions.aws.calls - asked).values())
    assert lake.digests() == before
    details = {"partitions": len(before), "jobs": jobs, "objects": lake.objects, "calls": calls, "workers": WORKERS}
    peers = {"one by one": alone * 1000 / len(sample)}
    if shuffled:
        assert shuffled.pop("content") == before
        peers["by Spark, its start included"] = shuffled["cores_s"] * 1000 / len(before)
        details["spark"] = {name: round(shuffled[name], 1) for name in ("started_s", "rebuilt_s", "cores_s")}
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
