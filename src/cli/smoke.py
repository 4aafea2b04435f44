"""Smoke test of a deployment: whether all that was deployed works together.

An object without any row goes the whole way: landing zone, event, queue, process function with its layers, receipt (the
processing log would show it from the next audit on). It lies beside a table's sequence, counts for no feed's first
arrival, brings no row and leaves nothing behind, so that no fact, watermark or alarm is touched; what a test that was
cut off left is removed by the next one. Then each other function is started once with nothing to
do, and every table of the catalog is asked for a row.
"""

from __future__ import annotations

import gzip
import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aws.buckets import erase
from aws.deployment import Deployment
from aws.functions import invoke
from aws.objects import S3ObjectStore
from core.audit.source_check import CountBuckets, question_to_data
from core.contract.model import Contract, Database, Feed
from core.errors import OutOfReach, PipelineBug, StarmendError, present
from core.feeds.calendar import is_expected
from core.landing.ingest_objects import RepairObject
from core.landing.zone import FEEDS, TRIAL, TRIAL_HOUR, Landing, landing_of
from core.rendering.catalog import catalog_tables
from core.rendering.views import catalog_views
from core.time import iso
from processing.plan import plan_source
from processing.records.receipts import read_receipt

WITHIN_SECONDS = 240.0  # a first event may take a minute, a cold function ten seconds
POLL_SECONDS = 0.5
LEFT_SECONDS = 900  # by then no test waits for its receipt any more


@dataclass(frozen=True, slots=True)
class Checked:
    """The result of one check. ``problem`` is empty where it works."""

    what: str
    seconds: float
    problem: str = ""


def smoke_test(
    deployed: Deployment, *, empty_secrets: Collection[str] = (), sleep: Callable[[float], None] = time.sleep
) -> Iterator[Checked]:
    """Check everything, one thing after the other; a failure ends its own check only.

    A database whose secret is empty cannot be connected to, so extract and check are not tried for it.
    """
    for contract in deployed.contracts:
        if contract.source:
            yield _checked(
                f"an empty object of {contract.dataset}, all the way to Athena",
                _go_all_the_way,
                deployed,
                contract,
                sleep,
            )
    for role, event in harmless_events(deployed, empty_secrets).items():
        yield _checked(f"function {role}", invoke, deployed.clients("lambda"), deployed.functions[role], event)
    yield _checked("every table of the catalog answers", _ask_every_table, deployed)


def _checked(what: str, work: Callable[..., Any], *arguments: Any) -> Checked:
    began = time.monotonic()
    try:
        work(*arguments)
        problem = ""
    except StarmendError as error:
        problem = str(error)
    return Checked(what, round(time.monotonic() - began, 1), problem)


def harmless_events(deployed: Deployment, empty_secrets: Collection[str] = ()) -> Mapping[str, Mapping[str, Any]]:
    """An event for each deployed function (but process, which has its object) that makes it start and do nothing.

    Extract of no table and check of no rows connect to the database all the same. The page is written: it is
    there for whom a mail leads to it then, and the alarm of its schedule is over before the hour is.
    """
    events: dict[str, Mapping[str, Any]] = {"pull": {"Records": []}, "page": {}}
    for contract in deployed.contracts:
        if isinstance(contract.source, Database) and contract.source.secret not in empty_secrets:
            events.setdefault("extract", {"dataset": contract.dataset, "tables": []})
            events.setdefault("check", question_to_data(_nothing(contract)))
        elif isinstance(contract.source, Feed) and (quiet := _quiet_instant(deployed, contract.source)):
            events.setdefault("request", {"dataset": contract.dataset, "time": iso(quiet)})
    return {role: event for role, event in events.items() if role in deployed.functions}


def _nothing(contract: Contract) -> CountBuckets:
    """A question to the database of a dataset about no key at all."""
    source = contract.needed_source
    return CountBuckets(contract.dataset, source.tables[0].name, (), 1, iso(0))


def _quiet_instant(deployed: Deployment, feed: Feed) -> int | None:
    """An instant at which the feed owes nothing: when its calendar closes. None where it never does."""
    calendar = deployed.contracts.calendar(feed.calendar)
    closes = (closed for _, closed in calendar.segments if closed < calendar.covers_to)
    return next((closed for closed in closes if not is_expected(calendar, closed)), None)


def _go_all_the_way(deployed: Deployment, contract: Contract, sleep: Callable[[float], None]) -> None:
    landing = _landing(contract)
    remove_leftovers(deployed, landing, now=datetime.now(UTC))
    with _removed_afterwards(deployed, landing):
        ingest = S3ObjectStore(deployed.clients("s3"), deployed.ingest_bucket)
        ingest.write(landing.key, gzip.compress(b"", mtime=0), if_absent=True, content_type="application/gzip")
        receipt = _await_receipt(deployed, landing, sleep)
        if receipt["outcome"] != "unchanged" or receipt["lines_in"]:
            problem = f"outcome {receipt['outcome']} of {receipt['lines_in']} lines: {receipt['reason']}"
            raise PipelineBug("process an empty object", landing.key, problem, "Look at the process function's log")


def _landing(contract: Contract) -> Landing:
    """A key beside every sequence, of a source table that no dimension is computed from (where there is one)."""
    source = contract.needed_source
    name = f"{TRIAL}{uuid.uuid4().hex}"
    if isinstance(source, Feed):
        landing = landing_of(f"{FEEDS}{contract.dataset}/{TRIAL_HOUR}/{name}.gz")
    else:
        tables = sorted(source.tables, key=lambda table: len(plan_source(contract, table.name).dimensions))
        landing = landing_of(RepairObject(contract.dataset, tables[0].name, name).key)
    return present(landing, "smoke test", contract.dataset)


def remove_leftovers(deployed: Deployment, landing: Landing, *, now: datetime) -> None:
    """Remove what tests left beside the object of this one, of its table: their processes ended before they did so.

    Receipts first, as below. Younger ones stay: they may be those of a test that runs now.
    """
    for bucket, key in ((deployed.warehouse_bucket, landing.receipt_key), (deployed.ingest_bucket, landing.key)):
        begin, trial, _ = key.rpartition(TRIAL)
        for info in list(S3ObjectStore(deployed.clients("s3"), bucket).list(begin + trial)):
            if now - info.modified > timedelta(seconds=LEFT_SECONDS):
                erase(deployed.clients("s3"), bucket, info.key)


@contextmanager
def _removed_afterwards(deployed: Deployment, landing: Landing) -> Iterator[None]:
    """Remove receipt and object after the block, the receipt first: an object without one may be processed again."""
    try:
        yield
    finally:
        erase(deployed.clients("s3"), deployed.warehouse_bucket, landing.receipt_key)
        erase(deployed.clients("s3"), deployed.ingest_bucket, landing.key)


def _await_receipt(deployed: Deployment, landing: Landing, sleep: Callable[[float], None]) -> Mapping[str, Any]:
    records = S3ObjectStore(deployed.clients("s3"), deployed.warehouse_bucket)
    until = time.monotonic() + WITHIN_SECONDS
    while (receipt := read_receipt(records, landing)) is None:
        if time.monotonic() > until:
            raise OutOfReach(
                "await the receipt",
                landing.key,
                f"there is none after {WITHIN_SECONDS:.0f} s",
                f"Look at the log of {deployed.functions['process']} and at {deployed.queues['arrivals']}",
            )
        sleep(POLL_SECONDS)
    return receipt


def _ask_every_table(deployed: Deployment) -> None:
    names = sorted({**catalog_tables(deployed.contracts), **catalog_views(deployed.contracts)})
    answers = deployed.athena.query(every_table_sql(names))
    if sorted(answers["name"]) != names:
        missing = ", ".join(sorted(set(names) - set(answers["name"])))
        raise PipelineBug("ask every table", deployed.database, f"no answer from {missing}", "Look at the catalog")


def every_table_sql(names: Sequence[str]) -> str:
    """SQL that counts one row at most of each table."""
    return " union all ".join(
        f"select '{name}' as name, count(*) as n_rows from (select 1 from \"{name}\" limit 1) as one" for name in names
    )
