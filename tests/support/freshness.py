"""How long the local stack takes until a value can be queried and a gap is certified, by S3's and Firehose's time.

Functions, queues, streams and Terraform are the deployment's; S3 takes S3's time, Firehose's buffer and the auditor's
wait last as long as on AWS. Schedules are not waited for: what they add is added to each value, by the schedule that is
deployed.
"""

from __future__ import annotations

import datetime as dt
import gzip
import json
import re
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from aws.objects import S3ObjectStore
from aws.pointers import S3PartitionStore
from core.contract.model import Database
from core.errors import of_kind
from core.time import format_second
from core.warehouse.partition_objects import open_object
from core.warehouse.pointer import version_of
from local.database.changes import Changes
from local.demo import SALES, await_horizon
from local.healing import audit
from local.invoking import await_receipts, invoke
from local.market.prices import candles, dollars
from local.provisioning import Plan
from local.stack import Stack
from local.trading import AFTER_THE_MINUTE, QUOTES
from processing.partitions.layout import Layout

ROOT = Path(__file__).resolve().parents[2]
BUCKETS, OBJECTS, LOOK_SECONDS = 8, 4, 0.25
MINUTE, HOUR = 60, 3600


def plan_of(folder: Path, entities: int) -> Plan:
    """A stack of the project's own contracts, whose feed has so many entities, without a closing time."""
    folder.mkdir(parents=True)
    quotes = yaml.safe_load((ROOT / "contracts/quotes.yaml").read_text(encoding="utf-8"))
    names = [f"SIM{number}" for number in range(entities)]
    quotes["source"] |= {"entities": names, "calendar": "always", "rate_limit": f"{60 * entities} / minute"}
    quotes["warehouse"]["fact_quote"]["partition_by"] = [f"bucket(symbol, {BUCKETS})", "day(minute)"]
    del quotes["warehouse"]["fact_quote_hourly"]
    (folder / "quotes.yaml").write_text(yaml.safe_dump(quotes, sort_keys=False), encoding="utf-8")
    (folder / "sales.yaml").write_text((ROOT / "contracts/sales.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "lookups").symlink_to(ROOT / "contracts/lookups")
    variables = {"audit_wait_seconds": 90, "audit_retry_seconds": 10, "pull_concurrency": 5}
    return Plan(folder, sales_orders=1_000, firehose_scale=1, s3_scale=1, variables=variables)


# ---------------------------------------------------------------- what can be queried


WRITTEN = 1.1  # seconds from the time that S3 shows of an object, which has no fractions, until its pointer is swapped


def readable(stack: Stack, table: str, *columns: str) -> dict[tuple[Any, ...], float]:
    """Rows of a fact by when a reader could first find them, as the partitions' versions tell it; by these columns."""
    deployment, contract = stack.deployment, stack.deployment.contracts.table(table)
    s3, bucket = deployment.clients("s3"), deployment.warehouse_bucket
    partitions, seen = S3PartitionStore(s3, bucket), dict[tuple[Any, ...], float]()
    for info in S3ObjectStore(s3, bucket).list(f"warehouse/{contract.folder}/"):
        partition = info.key.removeprefix("warehouse/").rpartition("/")[0]
        for key in sorted(partitions.list_objects(partition), key=version_of):
            stored = partitions.read_object(key)
            assert stored is not None
            rows = open_object(key, stored.body).read(Layout.of(contract).schema).select(columns)
            at = stored.modified.timestamp() + WRITTEN
            for row in zip(*(rows[name].to_pylist() for name in columns), strict=True):
                seen.setdefault(row, at)
    return seen


def await_quiet(stack: Stack, prefix: str, *, seconds: float, within: float) -> None:
    """Wait until no object has come below a prefix of the ingest bucket for so long, and all have their receipts."""
    until, known, since = time.monotonic() + within, -1, time.monotonic()
    ingest = S3ObjectStore(stack.deployment.clients("s3"), stack.deployment.ingest_bucket)
    while time.monotonic() - since < seconds:
        if time.monotonic() > until:
            raise TimeoutError(f"objects still come below {prefix}")
        time.sleep(LOOK_SECONDS)
        if (count := sum(1 for _ in ingest.list(prefix))) != known:
            known, since = count, time.monotonic()
    await_receipts(stack.deployment, prefix, within=within)


# ---------------------------------------------------------------- from quote to queryable


def quotes(stack: Stack, minutes: int, say: Callable[[str], None]) -> list[float]:
    """Of each quote of so many minutes the seconds from the time at which it was asked for."""
    stack.market.clock.real()
    first = time.time()
    for number in range(minutes):
        second = (dt.datetime.now(dt.UTC) - AFTER_THE_MINUTE).timestamp()
        time.sleep(MINUTE - second % MINUTE)
        due = dt.datetime.now(dt.UTC).replace(second=0, microsecond=0)
        invoke(stack.deployment, "request", {"dataset": QUOTES, "time": format_second(due)})
        say(f"minute {number + 1} of {minutes} is asked for")
    await_quiet(stack, f"feeds/{QUOTES}/", seconds=1.5 * MINUTE, within=10 * MINUTE)
    seen = readable(stack, "fact_quote", "minute", "fetched_at", "symbol")
    return [at - _epoch(fetched) for (_, fetched, _), at in seen.items() if _epoch(fetched) >= first]


# ---------------------------------------------------------------- from committed row to queryable


def rows(stack: Stack, passes: int, orders: int, say: Callable[[str], None]) -> list[float]:
    """Of each order that was committed the seconds from the start of the pass that is the first to take it."""
    deployment, contract = stack.deployment, stack.deployment.contracts.dataset(SALES)
    invoke(deployment, "extract", {"dataset": SALES})
    await_receipts(deployment, "tables/", within=10 * MINUTE)
    began: dict[int, float] = {}
    changes = Changes(stack.database.connect, seed=21)
    try:
        for number in range(passes):
            keys = changes.insert_orders(orders)["sales_order"]
            await_horizon(stack, contract)
            began |= dict.fromkeys(keys, time.time())
            invoke(deployment, "extract", {"dataset": SALES})
            await_receipts(deployment, "tables/", within=10 * MINUTE)
            say(f"pass {number + 1} of {passes}: all of its rows can be read")
    finally:
        changes.close()
    seen = readable(stack, "fact_sales_order", "sales_order_id")
    return [seen[(key,)] - start for key, start in began.items()]


def with_schedule(taken: Sequence[float], source: Database) -> np.ndarray:
    """Seconds from commit: the margin of the horizon, and the wait for a pass, which a commit meets at any time."""
    waits = np.arange(0.5, source.every)
    return (np.asarray(taken)[:, None] + waits[None, :] + source.margin).ravel()


# ---------------------------------------------------------------- from gap to certificate


def heal(stack: Stack, entities: int, say: Callable[[str], None]) -> tuple[list[float], float]:
    """Of each gap of an hour, one entity's in every minute, the seconds until its certificate; and those of the audit.

    The hour is loaded through processing; then the state machine runs as it does at the minute of its schedule.
    """
    first = dt.datetime.now(dt.UTC).replace(minute=0, second=0, microsecond=0) - dt.timedelta(hours=3)
    client = stack.deployment.clients("s3")
    for part, lines in enumerate(_hour(stack, first, entities)):
        key = f"feeds/{QUOTES}/{first:%Y/%m/%d/%H}/freshness-{part}.gz"
        client.put_object(Bucket=stack.deployment.ingest_bucket, Key=key, Body=gzip.compress(lines, 1))
    await_receipts(stack.deployment, f"feeds/{QUOTES}/{first:%Y/%m/%d/%H}/", within=5 * MINUTE)
    began = time.monotonic()
    done = audit(stack, QUOTES, first, first + dt.timedelta(hours=1), say=say)
    seconds = time.monotonic() - began
    if (done.missing, done.certificates) != (0, 1):
        raise AssertionError(f"the hour was not healed and certified at once: {done}")
    waits = [HOUR - minute * MINUTE + audit_minute(stack) * MINUTE for minute in range(60)]
    return [wait + seconds for wait in waits], seconds


def audit_minute(stack: Stack) -> int:
    """The minute of the hour at which the feed's audit is scheduled, as it is deployed."""
    scheduler = stack.deployment.clients("scheduler")
    for schedule in scheduler.list_schedules(MaxResults=100)["Schedules"]:
        if schedule["Name"] == f"audit-{QUOTES}":
            of = scheduler.get_schedule(GroupName=schedule["GroupName"], Name=schedule["Name"])
            return int(re.findall(r"cron\((\d+) \*", of["ScheduleExpression"])[0])
    raise AssertionError("no schedule starts the feed's audit")


def _hour(stack: Stack, first: dt.datetime, entities: int) -> Iterator[bytes]:
    """The lines of an hour in a few objects; in each minute one entity's is missing."""
    start = int(first.timestamp()) // MINUTE
    prices = [
        candles(f"SIM{number}", np.arange(start, start + 60), seed=stack.market.seed).open for number in range(entities)
    ]
    ends = [60 * part // OBJECTS for part in range(OBJECTS + 1)]
    for begin, end in pairwise(ends):
        lines = []
        for minute in range(begin, end):
            text = format_second(first + dt.timedelta(minutes=minute))
            for number in range(entities):
                if number != minute:
                    line = {"symbol": f"SIM{number}", "minute": text, "kind": "live", "provenance": "observed"}
                    line |= {"fetched_at": text, "dataset": QUOTES, "c": float(dollars(prices[number][minute]))}
                    lines.append(json.dumps(line))
        yield "".join(f"{line}\n" for line in lines).encode()


def _epoch(at: dt.datetime) -> float:
    return at.replace(tzinfo=dt.UTC).timestamp()


# ---------------------------------------------------------------- as figures


def percentiles(seconds: Sequence[float] | np.ndarray) -> dict[str, float]:
    """The median and the 99th percentile, in seconds."""
    half, most = np.percentile(np.asarray(seconds), [50, 99])
    return {"p50_s": round(float(half), 1), "p99_s": round(float(most), 1)}


def database_of(stack: Stack) -> Database:
    """The database that rows are committed to."""
    return of_kind(stack.deployment.contracts.dataset(SALES).source, Database, "measure", SALES)
