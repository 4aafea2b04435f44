"""A feed's ingest objects against their receipts: what was not processed, and what was processed and is gone.

Objects of a feed lie under the hour in which they arrived, and their receipts begin with the same hour, so the two
listings are compared name by name. Hours are compared from where the last audit stood, those of the last days again,
all older ones in a slow sweep, and those that earlier audits left amiss each time until they are well
(``evidence.outstanding``): nothing grows with the age of the lake.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import takewhile

from auditor.evidence.halts import CHANGED, halt_by_receipt, is_changed_since
from auditor.evidence.outstanding import Numbers
from auditor.services import Services
from core.audit.findings import HaltedObject, LostObject, UnprocessedObject
from core.contract.model import Contract
from core.evolution.deployments import read_deployments, switched_on
from core.feeds.sweeps import whose_turn
from core.landing.zone import FEEDS, RECEIPTS, is_trial, landing_of
from core.ports import ObjectInfo, ObjectReader

RECENT = timedelta(days=2)
MOST_SWEPT = 48  # hours of arrival that one audit sweeps
MOST_AGAIN = 480  # hours in which earlier audits left an object as it was, in one audit
ROOM = "hours"  # in which these are outstanding, by number
FORMAT = "%Y/%m/%d/%H"
MOST_LISTED = timedelta(days=7)  # of arrivals in one listing, so that what is long is listed side by side
HALTED_BYTES = 4_096  # a halted object's receipt names no partitions, and is shorter than this
_HOUR = len("2026/11/20/14")
CLOCKS = timedelta(hours=1)  # more than any two clocks differ: S3's dates receipts, a function's the audits


def hours_to_scan(
    *, since: str, stood: str, now: datetime, halted: Iterable[str] = (), amiss: Iterable[str] = ()
) -> list[str]:
    """The hours of arrival to compare: new ones, recent ones, those of halts, this hour's share of a sweep.

    ``since`` is the hour of the first object, ``stood`` the one up to which the last audit compared (empty: none).
    ``halted`` are the keys of the objects that stood halted then, ``amiss`` the hours in which earlier audits left some
    object as it was.
    """
    if not since:
        return []
    first, last = at_hour(since), now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    begin = max(first, min(at_hour(stood), last) - RECENT) if stood else first
    of_halts = {hour for key in halted if (hour := hour_in(key))}
    return sorted({*_hours(begin, last), *of_halts, *amiss, *_swept(first, begin, turn=int(last.timestamp()) // 3600)})


def _swept(first: datetime, begin: datetime, *, turn: int) -> Iterator[str]:
    """The hours from ``first`` to before ``begin`` whose turn it is: a block of them, or all where they are few."""
    low, high = (int(at.timestamp()) // 3600 for at in (first, begin))
    blocks = range(low // MOST_SWEPT, -(-high // MOST_SWEPT))
    for block in whose_turn(blocks.start, blocks.stop, turn) if high - low > MOST_SWEPT else blocks:
        yield from hours_of(((max(low, block * MOST_SWEPT), min(high, (block + 1) * MOST_SWEPT) - 1),))


def hour_in(key: str) -> str:
    """The hour of arrival in a feed object's key; empty where it has none."""
    hour = "/".join(key.split("/")[2:6])
    try:
        return hour if at_hour(hour).strftime(FORMAT) == hour else ""
    except ValueError:
        return ""


def number_of_hour(text: str) -> int:
    """The number of an hour of arrival, counted since 1970."""
    return int(at_hour(text).timestamp()) // 3600


def hours_of(numbers: Numbers) -> Iterator[str]:
    """The hours of arrival of these numbers."""
    for first, last in numbers:
        for hour in range(first, last + 1):
            yield datetime.fromtimestamp(hour * 3600, UTC).strftime(FORMAT)


def at_hour(text: str) -> datetime:
    """The beginning of an hour of arrival (``2026/11/20/14``)."""
    return datetime.strptime(text, FORMAT).replace(tzinfo=UTC)


def _hours(first: datetime, last: datetime) -> list[str]:
    count = int((last - first) / timedelta(hours=1)) + 1
    return [(first + timedelta(hours=number)).strftime(FORMAT) for number in range(max(count, 0))]


def first_hour(ingest: ObjectReader, dataset: str) -> str:
    """The hour in which the feed's first object arrived; empty where there is none yet. Trials of the way are none."""
    prefix = f"{FEEDS}{dataset}/"
    for info in ingest.list(prefix):
        parts = info.key.removeprefix(prefix).split("/")
        if len(parts) == 5 and not is_trial(info.key):
            return "/".join(parts[:4])
    return ""


def began(services: Services, dataset: str) -> int | None:
    """When the schedules were switched on or the first object arrived, the earlier (epoch seconds); None: nobody knows.

    Of the time before, only what somebody asks for is owed. Raises ``TransientFailure`` where a store does not answer.
    """
    begins = [since] if (since := switched_on(read_deployments(services.records, dataset))) is not None else []
    if hour := first_hour(services.ingest, dataset):
        begins.append(int(at_hour(hour).timestamp()))
    return min(begins, default=None)


@dataclass(frozen=True, slots=True)
class KnownHalts:
    """What earlier audits know of halted objects: those that stood, and up to when receipts were read for others.

    ``read_until`` None: nobody has read any, so all are read.
    """

    standing: Collection[str] = ()
    read_until: datetime | None = None

    @classmethod
    def of(cls, standing: Collection[str], stood: str) -> KnownHalts:
        """By the state's memory: an audit that ended in the hour ``stood`` read what was written before that hour.

        But for receipts that were written when their hour of arrival was no longer looked at in every audit.
        """
        return cls(standing, at_hour(stood) - CLOCKS if stood else None)

    def may_tell_more(self, receipt: ObjectInfo, key: str) -> bool:
        """Whether the object's receipt may say that it stands halted."""
        if receipt.size >= HALTED_BYTES:
            return False
        if self.read_until is None or receipt.modified >= self.read_until or key in self.standing:
            return True
        arrived = "/".join(key.split("/")[2:6])
        return arrived <= (receipt.modified - RECENT + CLOCKS).strftime(FORMAT)


def compare_hours(
    contract: Contract,
    hours: Sequence[str],
    *,
    ingest: ObjectReader,
    records: ObjectReader,
    code_version: str,
    now: datetime,
    grace: int,
    known: KnownHalts | None = None,
    workers: int = 8,
) -> tuple[list[UnprocessedObject | HaltedObject], list[LostObject]]:
    """A feed's objects of those hours without a receipt, ``grace`` seconds old, and receipts without an object.

    Objects that stand halted are among the first; they count as not processed where another contract or other code may
    read them now. Hours that follow one another are one listing, however little arrived in each, and of the receipts
    only those are read that no earlier audit has. Raises ``TransientFailure`` where a store does not answer.
    """
    dataset, halts = contract.dataset, known or KnownHalts()
    unprocessed: list[UnprocessedObject | HaltedObject] = []
    lost: list[LostObject] = []
    settled = now - timedelta(seconds=grace)

    def halt_of(info: ObjectInfo) -> HaltedObject | UnprocessedObject | None:
        return halt_by_receipt(records, contract, info.key, info.etag, code_version=code_version)

    with ThreadPoolExecutor(workers) as pool:
        for objects, receipts in pool.map(partial(_arrived, dataset, ingest, records), _spans(hours)):
            overdue = [key for key, info in objects.items() if key not in receipts and info.modified <= settled]
            unprocessed += [UnprocessedObject(dataset, key, "it has no receipt") for key in sorted(overdue)]
            lost += [LostObject(dataset, key) for key in sorted(receipts.keys() - objects.keys())]
            both = {key: (info, receipts[key]) for key, info in objects.items() if key in receipts}
            changed = {key for key, pair in both.items() if is_changed_since(*pair) and pair[0].modified <= settled}
            unprocessed += [UnprocessedObject(dataset, key, CHANGED) for key in sorted(changed)]
            short = [
                info
                for key, (info, receipt) in both.items()
                if key not in changed and halts.may_tell_more(receipt, key)
            ]
            unprocessed += [halt for halt in pool.map(halt_of, short) if halt]
    return unprocessed, lost


def _spans(hours: Sequence[str]) -> list[tuple[str, str]]:
    """Hours that follow one another as the first and the hour after the last, of a week at most."""
    spans: list[tuple[str, str]] = []
    for hour in hours:
        following = (at_hour(hour) + timedelta(hours=1)).strftime(FORMAT)
        if spans and spans[-1][1] == hour and at_hour(hour) - at_hour(spans[-1][0]) < MOST_LISTED:
            spans[-1] = (spans[-1][0], following)
        else:
            spans.append((hour, following))
    return spans


def _arrived(
    dataset: str, ingest: ObjectReader, records: ObjectReader, span: tuple[str, str]
) -> tuple[dict[str, ObjectInfo], dict[str, ObjectInfo]]:
    """The objects of a span and their receipts, both by the key of the object.

    Receipts are listed first: an object that arrives meanwhile is no receipt without an object.
    """
    folder, begins = f"{FEEDS}{dataset}/", f"{RECEIPTS}dataset={dataset}/source_table={dataset}/"
    receipts = {}
    for info in _between(records, begins, *(hour.replace("/", "-") for hour in span)):
        hour, rest = info.key[len(begins) :][:_HOUR], info.key[len(begins) + _HOUR :].removesuffix(".json")
        if rest.startswith("-"):
            receipts[f"{folder}{hour.replace('-', '/')}/{rest[1:]}"] = info
    objects = {info.key: info for info in _between(ingest, folder, *span) if landing_of(info.key)}
    return objects, receipts


def _between(reader: ObjectReader, folder: str, first: str, last: str) -> Iterator[ObjectInfo]:
    """The objects below a folder whose names lie between the beginnings of two names."""
    return takewhile(lambda info: info.key < folder + last, reader.list(folder, after=folder + first))
