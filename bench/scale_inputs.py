"""What ``docs/scale`` takes for measured, measured: seconds and calls of pieces of big work, beside what is written.

Seconds are those of a core, and S3's for each request as if it came after the other; S3 is in memory below the SDK. So
neither the machine's load nor its disk is in them. What differs from what is written by more than 30 % is named.
"""

from __future__ import annotations

import datetime as dt
import gzip
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bench.options import Options
from bench.race import ROOT
from bench.record import Record

SCENARIOS = ROOT / "docs" / "scale" / "scenarios.yaml"
WITHIN = 0.3
OPENS = dt.datetime(2026, 11, 20, 14, 30, tzinfo=dt.UTC)
MINUTES = 150  # that lie in the partitions before a minute is added
TABLE, SIXTEEN = "fact_quote", ["bucket(symbol, 16)", "day(minute)"]


@dataclass(frozen=True)
class Spent:
    """Seconds of a core, seconds that S3 would take, and the calls by service and name."""

    cores_s: float
    waited_s: float
    calls: Mapping[str, int]

    @property
    def s(self) -> float:
        return self.cores_s + self.waited_s

    @property
    def side_by_side(self) -> float:
        """Seconds where requests are made sixteen at once, as processing and the auditor make those of partitions."""
        return self.cores_s + self.waited_s / 16

    def called(self, *names: str) -> int:
        return sum(self.calls.get(f"s3 {name}", 0) for name in names)


class MeasuredFeed:
    """A feed with so many entities in so many buckets, whose functions are measured."""

    def __init__(self, folder: Path, *, entities: int, partition_by: list[str]) -> None:
        from bench.calls.deployed import DeployedFunctions
        from core.authoring.load import load

        self.names = [f"SYM{number:05d}" for number in range(entities)]
        contract = yaml.safe_load((ROOT / "contracts" / "quotes.yaml").read_text(encoding="utf-8"))
        contract["source"] |= {"entities": self.names, "calendar": "always", "rate_limit": f"{60 * entities} / minute"}
        contract["warehouse"][TABLE]["partition_by"] = partition_by
        del contract["warehouse"]["fact_quote_hourly"]
        folder.mkdir(parents=True)
        (folder / "quotes.yaml").write_text(yaml.safe_dump(contract, sort_keys=False), encoding="utf-8")
        self.functions = DeployedFunctions(load(folder, today=OPENS.date()), OPENS)
        self.waited = 0.0
        self.functions.aws.wait = self._wait
        self._chance = random.Random(entities)

    def _wait(self, operation: str, asked: Mapping[str, Any]) -> None:
        from local.emulator.latency import GET, PUT, SWAP

        if operation != "PutObject":
            self.waited += GET
        else:
            self.waited += SWAP if "IfMatch" in asked or "IfNoneMatch" in asked else PUT

    def measure(self, work: Callable[[], Any]) -> Spent:
        from bench.calls.simulated import counted

        cores, waited = time.process_time(), self.waited
        calls = counted(self.functions.aws, work)
        named = {" ".join(call): count for call, count in calls.items()}
        return Spent(time.process_time() - cores, self.waited - waited, named)

    def put(self, first: dt.datetime, minutes: int, *, entities: int | None = None) -> str:
        """An object with points of so many minutes, of all entities; its key."""
        from bench.calls.deployed import INGEST

        lines = b"".join(self._lines(first + dt.timedelta(minutes=number), entities) for number in range(minutes))
        self.functions.now = first + dt.timedelta(minutes=1)
        key = f"feeds/quotes/{first:%Y/%m/%d/%H}/delivery-{first:%M}"
        self.functions.aws.bucket(INGEST).put(key, self.functions.aws.stored(gzip.compress(lines, 1)))
        return key

    def _lines(self, at: dt.datetime, entities: int | None) -> bytes:
        draw, text = self._chance, f"{at:%Y-%m-%dT%H:%M:%SZ}"
        rest = f'"minute":"{text}","kind":"live","provenance":"observed","fetched_at":"{text}","dataset":"quotes"'
        traded = f"{at - dt.timedelta(minutes=1):%Y-%m-%dT%H:%M}"
        return "".join(
            f'{{"symbol":"{name}",{rest},'
            f'"c":{draw.randrange(1000, 90000) / 100},"t":"{traded}:{draw.randrange(10, 60)}Z"}}\n'
            for name in self.names[:entities]
        ).encode()

    def restate(self) -> Iterator[tuple[int, Spent]]:
        """Rebuild the fact by jobs, one after the other: the partitions of each, and what it took."""
        from core.audit.repair_jobs import RepairJob, find_outcome, write_job
        from processing.restating.job import restate_job
        from processing.restating.manifest import plan_rebuild

        services = self.functions.processing
        for number, job in enumerate(plan_rebuild(services, services.contracts.table(TABLE))):
            key = write_job(services.records, RepairJob(job.dataset, "bench", job), attempt=1, number=number)
            self._lose(job.partitions)
            spent = self.measure(lambda key=key: restate_job(services, key))  # type: ignore[misc]
            outcome = find_outcome(services.records, key)
            assert outcome is not None
            assert (outcome.result, outcome.counts["changed"]) == ("done", len(job.partitions)), outcome
            yield len(job.partitions), spent

    def _lose(self, paths: tuple[str, ...]) -> None:
        from bench.calls.deployed import WAREHOUSE

        bucket = self.functions.aws.bucket(WAREHOUSE)
        places = [f"/{TABLE}/{path}/" for path in paths]
        for key in [key for key in bucket.objects if key.startswith("warehouse/")]:
            if any(place in key for place in places):
                bucket.remove(key)


# ---------------------------------------------------------------- the pieces


def minute_of(options: Options, entities: int, buckets: int) -> tuple[Spent, Spent]:
    """A minute of so many entities processed, in the middle of a day; and a scan of an hour of them."""
    by = [f"bucket(symbol, {buckets})", "day(minute)"]
    feed = MeasuredFeed(options.scratch / f"minute-{entities}", entities=entities, partition_by=by)
    half = MINUTES // 2
    feed.functions.process(*(feed.put(OPENS + dt.timedelta(minutes=half * part), half) for part in range(2)))
    minute = min(_minutes(feed), key=lambda spent: spent.cores_s)
    feed.functions.now = OPENS + dt.timedelta(hours=4)
    bounds = {"start": "2026-11-20T15:00:00Z", "end": "2026-11-20T16:00:00Z"}
    scan = feed.measure(lambda: feed.functions.audit("quotes", "scan", **bounds))
    return minute, scan


def _minutes(feed: MeasuredFeed) -> Iterator[Spent]:
    """Three minutes, one after the other: the first finds everything cold."""
    for number in range(3):
        key = feed.put(OPENS + dt.timedelta(minutes=MINUTES + number), 1)
        yield feed.measure(lambda key=key: feed.functions.process(key))  # type: ignore[misc]


def job_of(options: Options, *, objects: int, rows: int) -> tuple[int, Spent, float]:
    """A job of a rebuild: the partitions, what it took, and the seconds of a core for reading one of its objects."""
    from processing.plan import plan_source
    from processing.restating.history import read_rows

    feed = MeasuredFeed(options.scratch / "job", entities=rows // 10, partition_by=SIXTEEN)
    keys = [feed.put(OPENS + dt.timedelta(minutes=10 * number), 10) for number in range(objects)]
    feed.functions.process(*keys)
    services = feed.functions.processing
    plan = plan_source(services.contracts.dataset("quotes"), "quotes")
    table = services.contracts.table(TABLE)
    read = feed.measure(lambda: [read_rows(services, plan, table, key) for key in keys])
    [(partitions, spent)] = feed.restate()
    return partitions, spent, read.cores_s / objects


def large_object(options: Options, rows: int) -> dict[str, float]:
    """Compressed megabytes that a core reads and merges in a second, and bytes that Spark shuffles for one of them."""
    from bench.calls.deployed import INGEST
    from bench.rebuild import by_spark

    feed = MeasuredFeed(options.scratch / "large", entities=rows // 100, partition_by=SIXTEEN)
    key = feed.put(OPENS, 100)
    feed.functions.process(key)
    [(_, spent)] = feed.restate()
    megabytes = len(feed.functions.aws.bucket(INGEST).objects[key].body) / 1e6
    shuffled = by_spark(feed.functions, options.scratch / "spark")
    figures = {"megabytes_a_second": megabytes / spent.cores_s}
    return figures | ({"shuffled": shuffled["shuffled"]} if shuffled else {})


def minute_calls(minute: Spent, partitions: int, *, of: int) -> dict[str, float]:
    """What a minute's object asks of S3 by so many partitions, where one of so few was measured."""
    return {f"minute of 10,000 entities: {name}": count * of / partitions for name, count in _priced(minute).items()}


def version_calls(job: Spent, partitions: int, *, objects: int) -> dict[str, float]:
    """What a job asks of S3 for each of its partitions, beside its objects."""
    priced = _priced(job)
    return {
        "version made by a job: s3_get": (priced["s3_get"] - objects) / partitions,
        "version made by a job: s3_put": priced["s3_put"] / partitions,
    }


def _priced(spent: Spent) -> dict[str, int]:
    """Calls by what AWS charges for them."""
    gets = spent.called("GetObject", "HeadObject")
    return {"s3_get": gets, "s3_put": spent.called("PutObject", "ListObjectsV2", "ListObjectVersions")}


def measured(options: Options) -> dict[str, float]:
    """What was measured, by the names under which ``written`` has it."""
    small, scan_small = minute_of(options, 1_000, 8)
    large, scan_large = minute_of(options, 10_000, 128)
    partitions, job, read = job_of(options, objects=12, rows=10_000)
    return {
        "minute of 1,000 entities: cores_s": small.cores_s,
        "minute of 10,000 entities: cores_s": large.cores_s,
        "minute of 10,000 entities: s": large.side_by_side,
        **minute_calls(large, 128, of=128),
        "commit": large.s / 128,
        "audit_of_1000": 2 * (scan_large.side_by_side - scan_small.side_by_side) / 9,
        "object of 10,000 rows read: s": read + 0.02,
        "version made by a job: s": (job.s - 12 * (read + 0.02)) / partitions,
        **version_calls(job, partitions, objects=12),
        **large_object(options, 100_000),
    }


def written(given: Mapping[str, Any]) -> dict[str, float]:
    """What ``docs/scale/scenarios.yaml`` says of the same."""
    steps = {(name, step["step"]): step for name, scenario in given["scenarios"].items() for step in scenario["steps"]}
    minute = steps["10,000 entities, two hours lost", "points committed by minute"]
    rebuild, seconds = given["rebuild"], given["freshness"]["seconds"]
    fixed, row, commit = seconds["invocation"], seconds["row"], seconds["commit_cpu"]
    return {
        "minute of 1,000 entities: cores_s": fixed + 1_000 * row + 8 * commit,
        "minute of 10,000 entities: cores_s": fixed + 10_000 * row + 128 * commit,
        "minute of 10,000 entities: s": minute["seconds"],
        "minute of 10,000 entities: s3_get": minute["usd"]["s3_get"],
        "minute of 10,000 entities: s3_put": minute["usd"]["s3_put"],
        "commit": seconds["commit"],
        "audit_of_1000": seconds["audit_of_1000"],
        "object of 10,000 rows read: s": rebuild["object"],
        "version made by a job: s": rebuild["version"],
        "version made by a job: s3_get": rebuild["version_calls"]["s3_get"],
        "version made by a job: s3_put": rebuild["version_calls"]["s3_put"],
        "megabytes_a_second": given["engines"]["megabytes_a_second"],
        "shuffled": given["engines"]["shuffled"],
    }


def beyond(ours: Mapping[str, float], theirs: Mapping[str, float]) -> list[str]:
    """What is written and differs from what was measured by more than it may."""
    return [
        f"{name}: {ours[name]:.3g}, where {value:.3g} is written"
        for name, value in theirs.items()
        if name in ours and abs(ours[name] - float(value)) > WITHIN * ours[name]
    ]


def scale_inputs(options: Options) -> Record:
    """Ours is the number of inputs that are written otherwise; the details have each, measured and written."""
    ours, theirs = measured(options), written(yaml.safe_load(SCENARIOS.read_text(encoding="utf-8")))
    wrong = beyond(ours, theirs)
    for name, value in ours.items():
        options.say(f"{name}: {value:.4g} measured, {theirs.get(name, 'not')} written")
    rounded = {name: float(f"{value:.4g}") for name, value in ours.items()}
    details = {"measured": rounded, "written": theirs, "beyond": wrong}
    return Record.of_times(
        "scale_inputs", len(wrong), unit="inputs written otherwise", details={**details, "beyond": wrong}
    )


MEASURES: dict[str, Callable[[Options], Record]] = {"scale_inputs": scale_inputs}
