"""A feed's ingest objects against their receipts: what was not processed, and what was processed and is gone.

Objects of a feed lie under the hour in which they arrived, and their receipts begin with the same hour, so the two
listings of an hour are compared name by name. Hours are compared from where the last audit stood, those of the last
days again, and all older ones in a slow sweep: nothing grows with the age of the lake.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

from auditor.evidence.halts import halt_of
from core.audit.findings import HaltedObject, LostObject, UnprocessedObject
from core.contract.model import Contract
from core.landing.zone import FEEDS, RECEIPTS
from core.ports import ObjectInfo, ObjectReader

RECENT = timedelta(days=2)
SWEEP_DAYS = 7
MOST_SWEPT = 48  # hours of arrival that one audit sweeps
FORMAT = "%Y/%m/%d/%H"
# A committed receipt names its partitions and is longer than this; only short ones can be of a halted object.
HALTED_BYTES = 4_096


def hours_to_scan(*, since: str, stood: str, now: datetime, halted: Iterable[str] = ()) -> list[str]:
    """The hours of arrival to compare: new ones, recent ones, those of halts, this hour's share of a sweep.

    ``since`` is the hour of the first object, ``stood`` the one up to which the last audit compared (empty: none).
    ``halted`` are the keys of the objects that stood halted then.
    """
    if not since:
        return []
    first, last = _hour(since), now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    begin = max(first, min(_hour(stood) if stood else first, last - RECENT))
    recent = _hours(begin, last)
    total = int((begin - first) / timedelta(hours=1))
    share = min(MOST_SWEPT, -(-total // (SWEEP_DAYS * 24)))
    turn = int(last.timestamp()) // 3600
    swept = {(turn * share + number) % total for number in range(share)} if total > 0 else set()
    of_halts = {"/".join(key.split("/")[2:6]) for key in halted}
    return sorted({*recent, *of_halts, *((first + timedelta(hours=number)).strftime(FORMAT) for number in swept)})


def _hour(text: str) -> datetime:
    return datetime.strptime(text, FORMAT).replace(tzinfo=UTC)


def _hours(first: datetime, last: datetime) -> list[str]:
    count = int((last - first) / timedelta(hours=1)) + 1
    return [(first + timedelta(hours=number)).strftime(FORMAT) for number in range(max(count, 0))]


def first_hour(ingest: ObjectReader, dataset: str) -> str:
    """The hour in which the feed's first object arrived; empty where there is none yet."""
    prefix = f"{FEEDS}{dataset}/"
    for info in ingest.list(prefix):
        parts = info.key.removeprefix(prefix).split("/")
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
) -> tuple[list[UnprocessedObject | HaltedObject], list[LostObject]]:
    """A feed's objects of those hours without a receipt, ``grace`` seconds old, and receipts without an object.

    Objects that stand halted are among the first; they count as not processed where another contract or other code may
    read them now. Raises ``TransientFailure`` where a store does not answer.
    """
    dataset = contract.dataset
    unprocessed: list[UnprocessedObject | HaltedObject] = []
    lost: list[LostObject] = []

    def compare(hour: str) -> tuple[list[UnprocessedObject], list[LostObject]]:
        return _compare(dataset, hour, ingest, records, settled=now - timedelta(seconds=grace))

    with ThreadPoolExecutor(workers) as pool:
        for without_receipt, gone in pool.map(compare, hours):
            unprocessed += without_receipt
            lost += gone
        prefixes = [_receipt_prefix(dataset, hour) for hour in hours]
        for halted in pool.map(lambda prefix: list(_halted(contract, prefix, records, code_version)), prefixes):
            unprocessed += halted
    return unprocessed, lost


def _receipt_prefix(dataset: str, hour: str) -> str:
    """The beginning of the keys of receipts whose objects arrived in the hour."""
    return f"{RECEIPTS}dataset={dataset}/source_table={dataset}/{hour.replace('/', '-')}-"


def _compare(
    dataset: str, hour: str, ingest: ObjectReader, records: ObjectReader, *, settled: datetime
) -> tuple[list[UnprocessedObject], list[LostObject]]:
    objects = {info.key: info for info in ingest.list(f"{FEEDS}{dataset}/{hour}/")}
    receipts = records.list(_receipt_prefix(dataset, hour))
    processed = {_object_of(dataset, hour, receipt) for receipt in receipts}
    overdue = [key for key, info in objects.items() if key not in processed and info.modified <= settled]
    unprocessed = [UnprocessedObject(dataset, key, "it has no receipt") for key in sorted(overdue)]
    return unprocessed, [LostObject(dataset, key) for key in sorted(processed - objects.keys())]


def _object_of(dataset: str, hour: str, receipt: ObjectInfo) -> str:
    """The key of the object that a receipt is of."""
    name = receipt.key.rpartition("/")[2].removesuffix(".json")
    return f"{FEEDS}{dataset}/{hour}/{name.removeprefix(hour.replace('/', '-') + '-')}"


def _halted(
    contract: Contract, prefix: str, records: ObjectReader, code_version: str
) -> Iterable[UnprocessedObject | HaltedObject]:
    """Objects of which nothing was taken."""
    for info in records.list(prefix):
        stored = records.read(info.key) if info.size < HALTED_BYTES else None
        receipt = json.loads(stored.body) if stored else {}
        if receipt.get("outcome") == "halted":
            yield halt_of(contract, receipt, code_version=code_version)
