"""The processing Lambda from event to receipt on the emulator: S3 event, queue, function, commits, receipt.

Measured from the moment before the PUT of an ingest object to the moment when its receipt is there. Cold is the first
event of a container that was never called, warm the next ones. The function does what it does on AWS, with its own
package and S3 over HTTP; the emulator's queue and start of a process stand for AWS's, whose own share (some 100 ms of
queue, 200 ms of a container) they do not show. What the function's process used is in the details: processor time by
which a memory size can be chosen, for a Lambda's share of a processor grows with its memory, and its peak of memory.
"""

from __future__ import annotations

import atexit
import datetime as dt
import gzip
import itertools
import json
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from bench.options import Options
from bench.record import Record

INGEST, WAREHOUSE, FUNCTION, QUEUE = "bench-road-ingest", "bench-road-warehouse", "bench-process", "bench-arrivals"
HISTORY_DAYS = 20  # of quotes that the months hold before: 390 minutes a day for each symbol
POLL_SECONDS, LONGEST_SECONDS = 0.004, 120
SIZES = {"11_quotes": 0, "10k_rows": 10_000, "100k_rows": 100_000}
_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Trip:
    """Milliseconds from event to receipt; the receipt; what the function's process used for it."""

    milliseconds: float
    receipt: dict[str, Any]
    cpu_ms: float
    peak_mb: float


@dataclass
class DeployedFunction:
    """The emulator with two buckets, a queue and the function; kept for all measures of a run."""

    clients: Any
    emulator: Any
    code: bytes
    months: Iterator[str] = field(default_factory=lambda: _months())
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 10**6)))
    orders: int = 0
    minute: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC).replace(second=0, microsecond=0))

    def cool(self) -> None:
        """The next event finds no container: those of a function whose code was updated are not used again."""
        self.clients("lambda").update_function_code(FunctionName=FUNCTION, ZipFile=self.code)

    def send(self, key: str, lines: bytes) -> Trip:
        """Put an object and wait for its receipt."""
        from core.landing.zone import landing_of

        landing = landing_of(key)
        assert landing is not None
        body, s3 = gzip.compress(lines, compresslevel=1), self.clients("s3")
        before = self._used()
        started = time.perf_counter()
        s3.put_object(Bucket=INGEST, Key=key, Body=body)
        while not self._is_there(landing.receipt_key):
            if time.perf_counter() - started > LONGEST_SECONDS:
                raise TimeoutError(f"{key} has no receipt after {LONGEST_SECONDS} s; see the emulator's log")
            time.sleep(POLL_SECONDS)
        elapsed = (time.perf_counter() - started) * 1000
        receipt = json.loads(s3.get_object(Bucket=WAREHOUSE, Key=landing.receipt_key)["Body"].read())
        assert receipt["outcome"] == "committed", receipt
        assert receipt["rejected"] == 0, receipt
        after = self._used()
        busy = {pid: cpu - before.get(pid, (0.0, 0.0))[0] for pid, (cpu, _) in after.items()}
        worker = max(busy, key=busy.__getitem__)
        return Trip(elapsed, receipt, busy[worker] * 1000, after[worker][1])

    def _is_there(self, key: str) -> bool:
        listing = self.clients("s3").list_objects_v2(Bucket=WAREHOUSE, Prefix=key, MaxKeys=1)
        return bool(listing.get("KeyCount"))

    def _used(self) -> dict[int, tuple[float, float]]:
        """Of every process of a function: seconds of processor time, and megabytes at its peak."""
        import psutil

        used = {}
        for child in psutil.Process(self.emulator.pid).children(recursive=True):
            try:
                times = child.cpu_times()
                status = Path(f"/proc/{child.pid}/status").read_text()
            except (psutil.Error, OSError):
                continue
            peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
            used[child.pid] = (times.user + times.system, peak * 1024 / _MB)
        return used


@cache
def deployed_function() -> DeployedFunction:
    """Start it, and fill the months that quotes go into."""
    from aws.clients import Clients
    from core.authoring.load import load
    from core.rendering.render import render
    from deploy.folders import BUILD, ROOT
    from deploy.layers.build import build_layers
    from deploy.packaging import build_code_zip
    from local.emulator import Emulator
    from local.emulator.execution.python import function_python

    folder = Path(tempfile.mkdtemp(prefix="starmend-bench-road-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    layers = ROOT / BUILD / "layers"
    base = build_layers(layers, function_python().platform).base
    emulator = Emulator.start(folder / "emulator", layers=layers / "unpacked")
    atexit.register(emulator.stop)
    contracts = folder / "contracts.json"
    contracts.write_text(render(load(ROOT / "contracts", today=dt.datetime.now(dt.UTC).date())), encoding="utf-8")
    code = build_code_zip(folder / "code.zip", contracts).file
    with _environment(emulator.environment()):
        clients = Clients()
        for service in ("s3", "sqs", "lambda", "ssm"):
            clients(service)  # they keep the endpoint that they were made with
    function = DeployedFunction(clients, emulator, code.read_bytes())
    _deploy(clients, function.code, base.read_bytes())
    function.send(f"feeds/quotes/{function.minute:%Y/%m/%d/%H}/history", _quotes(function.minute, HISTORY_DAYS * 390))
    return function


def _environment(values: dict[str, str]) -> Any:
    from unittest.mock import patch

    return patch.dict("os.environ", values)


def _deploy(clients: Any, code: bytes, layer: bytes) -> None:
    """What Terraform makes of it on AWS, as far as it is needed here."""
    s3, sqs = clients("s3"), clients("sqs")
    for bucket in (INGEST, WAREHOUSE):
        s3.create_bucket(Bucket=bucket)
    url = sqs.create_queue(QueueName=QUEUE, Attributes={"VisibilityTimeout": "360"})["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    newest = "/starmend/bench/sales/sales_order/latest_object"
    clients("ssm").put_parameter(Name=newest, Value="0", Type="String")
    variables = {
        "STARMEND_PROJECT": "starmend",
        "STARMEND_ENV": "bench",
        "STARMEND_INGEST_BUCKET": INGEST,
        "STARMEND_WAREHOUSE_BUCKET": WAREHOUSE,
        "POWERTOOLS_SERVICE_NAME": "process",
        "POWERTOOLS_TRACE_DISABLED": "true",
    }
    published = clients("lambda").publish_layer_version(LayerName="bench-base", Content={"ZipFile": layer})
    clients("lambda").create_function(
        FunctionName=FUNCTION,
        Runtime="python3.12",
        Role="arn:aws:iam::000000000000:role/bench",
        Handler="processing.handler.handle",
        Code={"ZipFile": code},
        Timeout=60,
        MemorySize=1769,
        Environment={"Variables": variables},
        Layers=[published["LayerVersionArn"]],
    )
    clients("lambda").create_event_source_mapping(
        EventSourceArn=queue,
        FunctionName=FUNCTION,
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    notify = {"QueueArn": queue, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(Bucket=INGEST, NotificationConfiguration={"QueueConfigurations": [notify]})


# ---------------------------------------------------------------- what is sent

SYMBOLS = ("AAPL", "AMD", "AMZN", "GOOG", "INTC", "META", "MSFT", "NFLX", "NVDA", "TSLA", "ZM")


def _quotes(last: dt.datetime, minutes: int = 1) -> bytes:
    """A quote of every symbol for each of the minutes that end with ``last``."""
    price = random.Random(minutes)
    lines = []
    for back in range(minutes):
        minute = (last - dt.timedelta(minutes=back)).strftime("%Y-%m-%dT%H:%M:%SZ")
        for symbol in SYMBOLS:
            amount = price.randrange(10_000, 30_000) / 100
            lines.append(
                f'{{"symbol":"{symbol}","minute":"{minute}","kind":"live","provenance":"observed",'
                f'"fetched_at":"{minute}","dataset":"quotes","c":{amount:.2f},"o":{amount:.2f}}}\n'
            )
    return "".join(lines).encode()


def _orders(first: int, rows: int, month: str) -> bytes:
    chance = random.Random(first)
    lines = []
    for number in range(first, first + rows):
        at = f"{month}-{chance.randrange(1, 28):02d}T{chance.randrange(24):02d}:{chance.randrange(60):02d}:07.123"
        lines.append(
            f'{{"sales_order_id":{number},"created_at":"{at}","last_updated":"{at}","design_id":{chance.randrange(400)},'
            f'"staff_id":{chance.randrange(20)},"counterparty_id":{chance.randrange(20)},'
            f'"units_sold":{chance.randrange(1, 99_999)},"unit_price":{chance.randrange(100, 999) / 100:.2f},'
            f'"currency_id":{chance.randrange(1, 4)},"agreed_delivery_date":"{month}-28",'
            f'"agreed_payment_date":"{month}-28","agreed_delivery_location_id":{chance.randrange(30)}}}\n'
        )
    return "".join(lines).encode()


def _months() -> Iterator[str]:
    """Past months, one after another: an object of orders finds a partition of its own, as a first load does."""
    yield from itertools.cycle(f"{year}-{month:02d}" for year in (2024, 2025) for month in range(1, 13))


# ---------------------------------------------------------------- measures


def event_to_receipt(options: Options, *, name: str, rows: int, cold: bool) -> Record:
    """``rows`` 0: eleven quotes, into the eleven months of their symbols; else so many orders, into one month."""
    on = deployed_function()
    times = (2 if cold else 4) if options.quick else (5 if cold else 15)
    trips = []
    if not cold:
        _send(on, rows)
    for _ in range(times):
        if cold:
            on.cool()
        trips.append(_send(on, rows))
    stages = {
        stage: statistics.median(trip.receipt["stages"][stage] for trip in trips)
        for stage in trips[0].receipt["stages"]
    }
    return Record.of_times(
        name,
        statistics.median(trip.milliseconds for trip in trips),
        peak_mb=max(trip.peak_mb for trip in trips),
        details={
            "function_ms": round(statistics.median(trip.receipt["milliseconds"] for trip in trips), 1),
            "stages_ms": {stage: round(spent, 1) for stage, spent in stages.items()},
            "cpu_ms": round(statistics.median(trip.cpu_ms for trip in trips), 1),
            "fastest": round(min(trip.milliseconds for trip in trips), 1),
            "turns": len(trips),
            "peak_mb_is": "of the function's whole process since it was started",
        },
    )


def _send(on: DeployedFunction, rows: int) -> Trip:
    number = next(on.numbers)
    if rows:
        lines = _orders(on.orders, rows, next(on.months))
        on.orders += rows
        return on.send(f"tables/sales/sales_order/{number:012d}.jsonl.gz", lines)
    on.minute += dt.timedelta(minutes=1)
    return on.send(f"feeds/quotes/{on.minute:%Y/%m/%d/%H}/{number}", _quotes(on.minute))


MEASURES: dict[str, Callable[[Options], Record]] = {
    f"lambda_{size}_{how}": partial(event_to_receipt, name=f"lambda_{size}_{how}", rows=rows, cold=how == "cold")
    for size, rows in SIZES.items()
    for how in ("warm", "cold")
}
