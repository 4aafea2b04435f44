"""The landing zone against its receipts: what came in and was not processed, and what was processed and is gone.

Objects of a feed lie under the hour in which they arrived, and their receipts begin with the same hour, so the two
listings of an hour are compared name by name. Hours are looked at from where the last audit stood, those of the last
days again, and all older ones in a slow sweep: nothing grows with the age of the lake.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from core.audit.findings import LostObject, UnprocessedObject
from core.contract.model import Contract
from core.landing.zone import FEEDS, RECEIPTS
from core.ports import ObjectInfo, ObjectReader

RECENT = timedelta(days=2)
SWEEP_DAYS = 7
MOST_SWEPT = 48  # hours of arrival that one audit sweeps
FORMAT = "%Y/%m/%d/%H"


def hours_to_scan(*, since: str, stood: str, now: datetime) -> list[str]:
    """Hours of arrival: the new ones, the recent ones, and this hour's share of a sweep over all since ``since``."""
    if not since:
        return []
    first, last = _hour(since), now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    begin = max(first, min(_hour(stood) if stood else first, last - RECENT))
    found = _hours(begin, last)
    total = int((begin - first) / timedelta(hours=1))
    share = min(MOST_SWEPT, -(-total // (SWEEP_DAYS * 24)))
    turn = int(last.timestamp()) // 3600
    swept = {(turn * share + number) % total for number in range(share)} if total > 0 else set()
    return sorted({*found, *((first + timedelta(hours=one)).strftime(FORMAT) for one in swept)})


def _hour(text: str) -> datetime:
    return datetime.strptime(text, FORMAT).replace(tzinfo=UTC)


def _hours(first: datetime, last: datetime) -> list[str]:
    count = int((last - first) / timedelta(hours=1)) + 1
    return [(first + timedelta(hours=number)).strftime(FORMAT) for number in range(max(count, 0))]


def first_hour(ingest: ObjectReader, dataset: str) -> str:
    """The hour in which the feed's first object arrived; empty where there is none yet."""
    prefix = f"{FEEDS}{dataset}/"
    for one in ingest.list(prefix):
        parts = one.key.removeprefix(prefix).split("/")
        if len(parts) == 5:
            return "/".join(parts[:4])
    return ""


def compare_hours(
    contract: Contract,
    hours: Sequence[str],
    *,
    ingest: ObjectReader,
    records: ObjectReader,
    code_version: str,
    now: datetime,
    grace: int,
    workers: int = 8,
) -> tuple[list[UnprocessedObject], list[LostObject]]:
    """A feed's objects of those hours without a receipt, ``grace`` seconds old, and receipts without an object."""
    dataset = contract.dataset

    def one(hour: str) -> tuple[list[UnprocessedObject], list[LostObject]]:
        return _compare(dataset, hour, ingest, records, settled=now - timedelta(seconds=grace))

    with ThreadPoolExecutor(workers) as pool:
        pairs = list(pool.map(one, hours))
        unprocessed = [one for some, _ in pairs for one in some]
        lost = [one for _, some in pairs for one in some]
        names = [f"{RECEIPTS}dataset={dataset}/source_table={dataset}/{hour.replace('/', '-')}-" for hour in hours]
        halted = pool.map(lambda prefix: _halted(contract, prefix, records, code_version), names)
        unprocessed += [one for some in halted for one in some]
    return unprocessed, lost


def _compare(
    dataset: str, hour: str, ingest: ObjectReader, records: ObjectReader, *, settled: datetime
) -> tuple[list[UnprocessedObject], list[LostObject]]:
    objects = {one.key: one for one in ingest.list(f"{FEEDS}{dataset}/{hour}/")}
    receipts = records.list(f"{RECEIPTS}dataset={dataset}/source_table={dataset}/{hour.replace('/', '-')}-")
    processed = {_object_of(dataset, hour, receipt) for receipt in receipts}
    waiting = [key for key, one in objects.items() if key not in processed and one.modified <= settled]
    unprocessed = [UnprocessedObject(dataset, key, "it has no receipt") for key in sorted(waiting)]
    return unprocessed, [LostObject(dataset, key) for key in sorted(processed - objects.keys())]


def _object_of(dataset: str, hour: str, receipt: ObjectInfo) -> str:
    """The key of the object that a receipt is of."""
    name = receipt.key.rpartition("/")[2].removesuffix(".json")
    return f"{FEEDS}{dataset}/{hour}/{name.removeprefix(hour.replace('/', '-') + '-')}"


# A committed receipt names its partitions and is longer than this; only short ones can be of a halted object.
HALTED_BYTES = 4_096


def _halted(contract: Contract, prefix: str, records: ObjectReader, code_version: str) -> Iterable[UnprocessedObject]:
    """Objects of which nothing was taken, and that another contract or other code than then would read now."""
    for one in records.list(prefix):
        stored = records.read(one.key) if one.size < HALTED_BYTES else None
        receipt = json.loads(stored.body) if stored else {}
        if receipt.get("outcome") != "halted":
            continue
        if (receipt.get("contract_hash"), receipt.get("code_version")) != (contract.hash, code_version):
            yield UnprocessedObject(contract.dataset, receipt["object"], f"it was halted: {receipt.get('reason', '')}")
