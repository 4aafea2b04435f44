"""The auditor from end to end: five days looked at over the emulator's S3, and an hour healed on the local stack."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.audit import DAYS, MINUTES, SHARE
from bench.options import Options
from bench.quiet import Quiet
from bench.race import OURS, ROOT, Contestant, race
from bench.record import Record

ENTITIES, BUCKETS = 1_000, 64
BUCKET = "bench-audit"
FIRST = dt.datetime(2026, 11, 16, tzinfo=dt.UTC)
AUDITED_AT = FIRST + dt.timedelta(days=DAYS, hours=1)
AUDIT_LIMIT_SECONDS, HEAL_LIMIT_SECONDS = 10, 20


def audit_2m_points_from_s3(options: Options) -> Record:
    """1,000 entities and five trading days in 64 buckets a day: 320 objects, read, checked and compared with the grid.

    Measured is the audit's whole first step, its papers included. Raises ``AssertionError`` where it does not find
    exactly what was left out.
    """
    import botocore.session

    from local.emulator.process import Emulator

    entities = 100 if options.quick else ENTITIES
    folder = _contracts(options.scratch / "contracts", entities)
    with Emulator.start(options.scratch / "emulator") as emulator:
        os.environ.update(emulator.environment())
        botocore.session.get_session().create_client("s3").create_bucket(Bucket=BUCKET)
        objects, lost = _fill(folder)
        options.say(f"{objects} objects, {lost} points left out")
        given = {"folder": str(folder), "lost": lost}
        result = race([Contestant(OURS, "bench.heal:looked", given, compared=False)], threads=2, options=options)
    seconds = result.median(OURS) / 1000
    return result.record(
        "audit_2m_points_from_s3",
        points=entities * MINUTES * DAYS,
        objects=objects,
        seconds=round(seconds, 3),
        limit_seconds=AUDIT_LIMIT_SECONDS,
    )


def _contracts(folder: Path, entities: int) -> Path:
    """The quotes of many symbols, as the design has it for so many: by bucket and day."""
    import yaml

    contract = yaml.safe_load((ROOT / "contracts" / "quotes.yaml").read_text())
    contract["source"]["entities"] = [f"SYM{number:05d}" for number in range(entities)]
    contract["source"]["rate_limit"] = f"{entities} / minute"
    contract["warehouse"]["fact_quote"]["partition_by"] = [f"bucket(symbol, {BUCKETS})", "day(minute)"]
    del contract["warehouse"]["fact_quote_hourly"]
    folder.mkdir(parents=True)
    (folder / "quotes.yaml").write_text(yaml.safe_dump(contract, sort_keys=False))
    return folder


def _loaded(folder: str | Path) -> Any:
    from core.authoring.load import load

    return load(Path(folder), today=AUDITED_AT.date())


def _fill(folder: Path) -> tuple[int, int]:
    """Commit every partition, a thousandth of its points left out; how many objects, and how many points are lost."""
    from concurrent.futures import ThreadPoolExecutor

    import numpy as np
    import pyarrow as pa

    from auditor.windows import Window, partitions_of
    from aws.clients import Clients
    from aws.pointers import S3PartitionStore
    from core.feeds.grid import expected_slots
    from core.feeds.partitions import entities_in, period_of
    from core.warehouse.arrow_types import stored_schema
    from processing.partitions.commit import CommitContext, restate

    contracts = _loaded(folder)
    feed, table = contracts.feed("quotes"), contracts.table("fact_quote")
    calendar = contracts.calendar(feed.calendar)
    store = S3PartitionStore(Clients()("s3"), BUCKET)
    start = int(FIRST.timestamp())
    random = np.random.default_rng(7)
    by_path: dict[str, Any] = {}
    lost = 0
    for path in partitions_of(table, feed, [Window(start, start + DAYS * 86_400)]):
        first, last = period_of(table, feed, path)
        slots = expected_slots(calendar, every=feed.every, start=first, end=last)
        names = entities_in(table, feed, path)
        rows, places = np.nonzero(random.random((len(names), len(slots))) >= SHARE)
        lost += len(names) * len(slots) - len(rows)
        minutes = pa.array(slots[places] * 1_000_000).cast(pa.timestamp("us"))
        values = {
            "symbol": pa.array(np.array(names)[rows]),
            "minute": minutes,
            "trade_date": minutes.cast(pa.date32()),
            "price": pa.array((100 + places % 7).astype(np.int32)).cast(pa.decimal128(18, 6)),
            "provider_time": minutes,
            "provenance": pa.repeat("observed", len(rows)),
            "fetched_at": minutes,
        }
        schema = stored_schema(table)
        by_path[path] = pa.table([values[name] for name in schema.names], schema=schema) if len(rows) else None
    wanted = {path: rows for path, rows in by_path.items() if rows is not None}

    def commit(path: str) -> None:
        restate(store, table, path, lambda: (wanted[path], ()), context=CommitContext("bench"))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(commit, wanted))
    return len(wanted), lost


def looked(*, folder: str, lost: int, threads: int) -> Callable[[], Any]:  # noqa: ARG001
    """The audit step as its Lambda runs it, each time as a run of its own."""
    from itertools import count

    from auditor.services import Services
    from auditor.steps import audit_step
    from aws.clients import Clients
    from aws.metrics import LogMetrics
    from aws.objects import S3ObjectStore
    from aws.pointers import S3PartitionStore
    from core.time import iso

    s3 = Clients()("s3")
    store = S3ObjectStore(s3, BUCKET)
    services = Services(
        contracts=_loaded(folder),
        ingest=store,
        records=store,
        partitions=S3PartitionStore(s3, BUCKET),
        metrics=lambda dataset: LogMetrics("starmend", "bench", dataset),
        log=Quiet(),
        now=lambda: AUDITED_AT,
        code_version="bench",
    )
    start = int(FIRST.timestamp())
    order = {"dataset": "quotes", "start": iso(start), "end": iso(start + DAYS * 86_400), "now": iso(_audited_at())}
    numbers = count()

    def run() -> Any:
        answer = audit_step({"order": order, "run": f"bench-{os.getpid()}-{next(numbers)}"}, services)
        assert answer["missing"] == lost, f"{answer['missing']} found, {lost} were left out"
        return answer["missing"]

    return run


def _audited_at() -> int:
    return int(AUDITED_AT.timestamp())


def heal_hour(options: Options) -> Record:
    """A traded hour of 11 symbols, one of them left out each minute, healed by the state machine on the local stack.

    The wait for the stream, a state of the machine, is taken off; everything else between its start and its end counts.
    """
    from local.healing import audit, prove
    from local.provisioning import Plan
    from local.stack import Stack
    from local.trading import QUOTES, await_points, feed_of, last_session_hour, trade

    minutes = 10 if options.quick else 60
    plan = Plan(sales_orders=100, variables={"drop_one_entity": "bench"})
    options.say("the local stack comes up")
    with Stack.up(options.scratch, plan) as stack:
        wait = int(stack.terraform()[1]["audit_wait_seconds"])
        first = last_session_hour(feed_of(stack)[1], now=dt.datetime.now(dt.UTC))
        traded = trade(stack, first, minutes=minutes)
        await_points(stack, traded.asked)
        stack.market.clock.real()
        began = time.monotonic()
        audited = audit(stack, QUOTES, traded.first, traded.last, say=lambda _: None)
        seconds = time.monotonic() - began
        proven = prove(stack, QUOTES)
    assert (audited.missing, audited.present) == (0, traded.expected)
    assert not proven.failures
    details = {"healed": len(traded.left_out), "wait_seconds": wait, "limit_seconds": HEAL_LIMIT_SECONDS}
    return Record.of_times("heal_hour", seconds - wait, unit="s", details={**details, "whole": round(seconds, 1)})


MEASURES: dict[str, Callable[[Options], Record]] = {
    "audit_2m_points_from_s3": audit_2m_points_from_s3,
    "heal_hour": heal_hour,
}
