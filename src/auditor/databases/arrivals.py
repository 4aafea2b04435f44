"""A table's ingest objects against its receipts: holes, objects that were not processed, objects that are gone.

Objects are listed from the last verified id on; those behind it come round in a slow sweep, and those of them that
earlier audits left amiss are looked at again (``evidence.outstanding``). A receipt is read once: audits read those that
are new, those of objects that stand halted, and those that may have been written again. What is found of the sequence
also tells the *watermark*: every row with an older version lies in an object that was processed.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice, takewhile, zip_longest

from auditor.databases.memory import TableMemory
from auditor.evidence.halts import CHANGED, CLOCK_OF_S3, halt_by_receipt, is_changed_since, was_read_again
from auditor.evidence.outstanding import Looks, Numbers, Outstanding, each_of, numbers, within, without
from core.audit.findings import Finding, HaltedObject, LostObject, MissingObject, UnprocessedObject
from core.contract.model import Contract
from core.errors import InvalidData, present
from core.landing.ingest_objects import (
    EPOCH,
    START,
    ObjectFacts,
    Position,
    TableObject,
    decode_facts,
    parse_table_key,
    table_prefix,
)
from core.landing.zone import RECEIPTS, REPAIR, Landing, landing_of
from core.ports import ObjectInfo, ObjectReader
from core.time import at_epoch, format_instant

SWEPT_OBJECTS = 1_000  # behind the verified id, in one run
AGAIN_OBJECTS = 5_000  # of those that earlier audits left amiss, in one run; of repairs so many hours
MOST_READ = 20_000  # receipts that no audit has read yet, of all tables in one run
NO_HOUR = 10**8  # beyond the year 9999
_BEHIND = ":"  # the character behind all digits
_TIME = re.compile(r"\d{8}T\d\d")
HALTED_BYTES = 4_096  # only short receipts can be of a halted object


@dataclass(frozen=True, slots=True)
class Arrivals:
    """A table's sequence of objects as a scan saw it.

    ``watermark``: every older row was in objects that are processed. ``newest`` is the newest object's number,
    ``newest_at`` when it was made, ``processed`` the greatest number with a receipt; ``settled`` says that nothing is
    on its way and that the newest object is there. ``durable`` is up to where the objects hold all rows.
    ``position`` is where the object behind the watermark's begins: after a cut behind a row, for its key. ``looks``
    says what was looked at, ``checked`` are the objects of which this scan can tell whether they stand halted.
    """

    table: str
    findings: tuple[Finding, ...]
    watermark: datetime
    memory: TableMemory
    newest: int = 0
    newest_at: datetime | None = None
    processed: int = 0
    durable: datetime = EPOCH
    settled: bool = True
    position: Position = START
    looks: Looks = field(default_factory=Looks)
    checked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Ports:
    """The stores of objects and receipts, and what decides whether an object should have been processed by now.

    ``settle`` is in seconds. Receipts are read by so many ``workers``, of a table at most ``most`` that are new.
    """

    ingest: ObjectReader
    records: ObjectReader
    code_version: str
    now: datetime
    settle: int
    workers: int = 8
    most: int = MOST_READ


def sequence_room(table: str) -> str:
    """The room in which a table's objects are outstanding, by their numbers."""
    return f"tables/{table}"


def repairs_room(table: str) -> str:
    """The room in which a table's repair objects are outstanding, by the hour (since 1970) of their names."""
    return f"repair/{table}"


@dataclass(frozen=True, slots=True)
class KnownArrivals:
    """What earlier audits know of a table's objects.

    ``amiss`` are numbers, and ``repairs`` hours of repair objects, that are to be looked at again. ``halted`` are the
    keys that stand halted. Receipts of keys up to ``read`` and ``repairs_read`` that were there at ``read_until`` were
    read; None: nobody has read any.
    """

    amiss: Numbers = ()
    repairs: Numbers = ()
    halted: Collection[str] = ()
    read: str = ""
    repairs_read: str = ""
    read_until: datetime | None = None

    @classmethod
    def of(cls, outstanding: Outstanding, halted: Collection[str], table: str, earlier: Looks) -> KnownArrivals:
        """By what is outstanding, and by what an ``earlier`` scan of the same run found."""
        sequence, repairs = sequence_room(table), repairs_room(table)
        return cls(
            numbers([*outstanding.of(sequence, AGAIN_OBJECTS), *earlier.amiss.get(sequence, ())]),
            numbers([*outstanding.of(repairs, AGAIN_OBJECTS), *earlier.amiss.get(repairs, ())]),
            halted,
            outstanding.read.get(sequence, ""),
            outstanding.read.get(repairs, ""),
            outstanding.looked_until(CLOCK_OF_S3),
        )

    def may_tell_more(self, key: str, receipt: ObjectInfo) -> bool:
        """Whether the object's receipt may say that it stands halted, and no audit knows."""
        if receipt.size >= HALTED_BYTES:
            return False
        read = self.repairs_read if key.startswith(REPAIR) else self.read
        is_new = self.read_until is None or key > read or receipt.modified >= self.read_until
        return is_new or key in self.halted


def scan_arrivals(
    ports: Ports, contract: Contract, table: str, memory: TableMemory, known: KnownArrivals | None = None
) -> Arrivals:
    """Compare the objects that are not verified yet with their receipts, and a share of the verified ones.

    Raises ``TransientFailure`` where a store does not answer.
    """
    return _ArrivalScan(ports, contract, table, memory, known or KnownArrivals()).result()


class _ArrivalScan:
    """The scan of one table, and the findings so far."""

    def __init__(self, ports: Ports, contract: Contract, table: str, memory: TableMemory, known: KnownArrivals) -> None:
        self._ports = ports
        self._contract = contract
        self._table = table
        self._memory = memory
        self._known = known
        self._before = ports.now - timedelta(seconds=ports.settle)
        self._findings: list[Finding] = []
        self._facts: dict[int, ObjectFacts | None] = {}
        self._halts: dict[str, HaltedObject | UnprocessedObject | None] = {}  # what receipts say that were read
        self._unread: set[str] = set()  # keys whose receipts are new, and beyond what one run reads
        self._checked: set[str] = set()
        self._read: dict[str, str] = {}
        self._seen: list[tuple[int, int]] = []
        self._hours: list[tuple[int, int]] = []
        self._compared: set[str] = set()  # of the repair objects

    def result(self) -> Arrivals:
        first = self._memory.verified + 1
        objects, receipts = self._objects(first), self._receipts(first)
        newest = max([*objects, *receipts], default=self._memory.verified)
        keys = {number: self._key(number) for number in range(first, newest + 1)}
        self._read_new(
            sequence_room(self._table), [(keys[n], objects[n], receipts[n]) for n in objects if n in receipts]
        )
        verified, good = self._memory.verified, self._memory.verified
        whole = settled = True
        for number, key in keys.items():
            is_fine, is_over = self._check(number, key, objects, receipts)
            settled &= is_over
            whole &= is_fine
            if whole:
                verified = number
                good = number if number in objects else good
        self._seen.append((first, newest))
        swept = self._sweep()
        self._look_again()
        repairs, repairs_over = self._repairs()
        repairs_swept = self._sweep_repairs()
        self._look_again_at_repairs()
        facts = self._last_facts(good)
        last = objects[max(objects)] if objects else self._info(newest)
        durable = self._facts_of(newest)  # while that is lost, nothing proves what the parameters should say
        return Arrivals(
            table=self._table,
            findings=tuple(self._findings),
            watermark=facts.durable_until if facts else EPOCH,
            position=facts.next_position if facts else START,
            memory=TableMemory(verified, self._memory.healed, swept, repairs, repairs_swept),
            newest=newest,
            newest_at=last.modified if last else None,
            processed=max(receipts, default=self._memory.verified),
            durable=durable.durable_until if durable else EPOCH,
            settled=settled and repairs_over and (durable is not None or not newest),
            looks=self._looks(verified, repairs),
            checked=frozenset(self._checked),
        )

    def _looks(self, verified: int, repairs: str) -> Looks:
        """What was looked at, and what of it is amiss where no later audit would come by itself."""
        sequence, room = sequence_room(self._table), repairs_room(self._table)
        left: set[int] = set()
        hours: set[int] = set()
        for finding in self._findings:
            if isinstance(finding, MissingObject):
                left.add(finding.number)
            elif isinstance(finding, HaltedObject | UnprocessedObject | LostObject):
                if target := parse_table_key(finding.key):
                    left.add(target.number)
                elif finding.key <= repairs:
                    hours.add(hour_of(finding.key))
        return Looks(
            seen={sequence: numbers(self._seen), room: numbers(self._hours)},
            amiss={sequence: within(each_of(left), 1, verified), room: each_of(hours)},
            following={name: ranges[-1][1] for name, ranges in self._again().items() if ranges},
            read=self._read,
        )

    def _again(self) -> dict[str, Numbers]:
        return {sequence_room(self._table): self._known.amiss, repairs_room(self._table): self._known.repairs}

    # ------------------------------------------------------------ the sequence

    def _check(
        self, number: int, key: str, objects: Mapping[int, ObjectInfo], receipts: Mapping[int, ObjectInfo]
    ) -> tuple[bool, bool]:
        """Whether the number is there and processed, and whether nothing of it is on its way; adds its findings."""
        dataset = self._contract.dataset
        info, receipt = objects.get(number), receipts.get(number)
        if info and receipt:
            return self._is_taken(key, info, receipt), True
        if info:
            waits = info.modified > self._before
            if not waits:
                self._findings.append(UnprocessedObject(dataset, key, "it has no receipt"))
            return False, not waits
        if receipt:
            self._findings.append(LostObject(dataset, key))
            return True, True
        if number in self._memory.healed:
            return True, True
        self._findings.append(self._missing(number, objects))
        return False, True

    def _missing(self, number: int, objects: Mapping[int, ObjectInfo]) -> MissingObject:
        start, end = self._interval(number, objects)
        dataset, table = self._contract.dataset, self._table
        return MissingObject(dataset, table, number, format_instant(start), format_instant(end))

    def _key(self, number: int) -> str:
        return TableObject(self._contract.dataset, self._table, number).key

    def _objects(self, first: int, last: int | None = None) -> dict[int, ObjectInfo]:
        prefix = table_prefix(self._contract.dataset, self._table)
        listed = self._ports.ingest.list(prefix, after=self._key(first - 1))
        named = ((parse_table_key(info.key), info) for info in listed)
        numbered = ((name.number, info) for name, info in named if name)
        return dict(takewhile(lambda pair: last is None or pair[0] <= last, numbered))

    def _receipts(self, first: int, last: int | None = None) -> dict[int, ObjectInfo]:
        after = _landing(self._key(first - 1)).receipt_key
        receipts = {}
        for info in self._ports.records.list(after.rpartition("/")[0] + "/", after=after):
            name = info.key.rpartition("/")[2].removesuffix(".json")
            target = parse_table_key(f"{table_prefix(self._contract.dataset, self._table)}{name}")
            if target is None or (last is not None and target.number > last):
                break  # receipts of repairs come after those of the sequence
            receipts[target.number] = info
        return receipts

    def _facts_of(self, number: int) -> ObjectFacts | None:
        if number not in self._facts:
            stat = self._ports.ingest.stat(self._key(number)) if number > 0 else None
            try:
                self._facts[number] = decode_facts(stat.metadata, key=stat.key) if stat else None
            except InvalidData:
                self._facts[number] = None
        return self._facts[number]

    def _info(self, number: int) -> ObjectInfo | None:
        stat = self._ports.ingest.stat(self._key(number)) if number > 0 else None
        return ObjectInfo(stat.key, stat.size, stat.etag, stat.modified) if stat else None

    def _last_facts(self, number: int) -> ObjectFacts | None:
        """The facts of the newest object up to the number; the verified one itself may be lost."""
        while number > 0:
            facts = self._facts_of(number)
            if facts is not None:
                return facts
            number -= 1
        return None

    def _interval(self, number: int, objects: Mapping[int, ObjectInfo]) -> tuple[datetime, datetime]:
        """The interval between the neighbours: from where the one before ends to where the next one begins."""
        before = self._last_facts(number - 1)
        after = next((self._facts_of(later) for later in sorted(objects) if later > number), None)
        start = before.durable_until if before else EPOCH
        if after is None:
            return start, self._ports.now
        # Rows of one version may lie on both sides of a cut. A wall clock's cut names no instant.
        cut = after.interval_from + timedelta(microseconds=1)
        return start, cut if after.resume_version.tzinfo else after.interval_to

    # ------------------------------------------------------------ receipts

    def _read_new(self, room: str, arrived: Sequence[tuple[str, ObjectInfo, ObjectInfo]]) -> None:
        """Read the receipts (key, object, receipt; by key) that may tell something new, up to the budget of a run."""
        wanted = [
            each for each in sorted(arrived, key=lambda each: each[0]) if self._known.may_tell_more(each[0], each[2])
        ]
        standing = [each for each in wanted if each[0] in self._known.halted]
        fresh = [each for each in wanted if each[0] not in self._known.halted]
        beyond = fresh[self._ports.most :]
        self._unread |= {key for key, _, _ in beyond}
        self._read_receipts([*standing, *fresh[: self._ports.most]])
        self._checked |= {key for key, _, _ in arrived} - self._unread
        last = max((key for key, _, _ in arrived), default="")
        read = fresh[self._ports.most - 1][0] if beyond else last
        if read:
            self._read[room] = read

    def _read_receipts(self, arrived: Iterable[tuple[str, ObjectInfo, ObjectInfo]]) -> None:
        """What the receipts say, side by side."""
        wanted = [(key, info.etag) for key, info, _ in arrived if key not in self._halts]

        def halt(pair: tuple[str, str]) -> HaltedObject | UnprocessedObject | None:
            return halt_by_receipt(self._ports.records, self._contract, *pair, code_version=self._ports.code_version)

        with ThreadPoolExecutor(self._ports.workers) as pool:
            self._halts |= dict(zip((key for key, _ in wanted), pool.map(halt, wanted), strict=True))
        self._checked |= {key for key, _ in wanted}

    def _is_taken(self, key: str, info: ObjectInfo, receipt: ObjectInfo) -> bool:
        """Whether what lies there now was taken, by its receipt; else adds what is amiss, unless it is on its way."""
        halt = self._halts.get(key)
        changed = is_changed_since(info, receipt)
        if changed and info.modified <= self._before and halt is None:
            halt = UnprocessedObject(self._contract.dataset, key, CHANGED)
        self._findings += [halt] if halt else []
        return not (halt or changed or key in self._unread)

    # ------------------------------------------------------------ what lies behind

    def _sweep(self) -> int:
        """Find what has gone since of a share of the verified objects.

        Returns the one behind which the next run goes on; 0: from the first, whatever has arrived meanwhile.
        """
        verified = self._memory.verified
        if not verified:
            return 0
        first = self._memory.swept + 1 if self._memory.swept < verified else 1
        last = min(verified, first + SWEPT_OBJECTS - 1)
        self._compare_numbers(first, last)
        return last if last < verified else 0

    def _look_again(self) -> None:
        """Compare once more what earlier audits left amiss of the verified objects."""
        left = without(within(self._known.amiss, 1, self._memory.verified), numbers(self._seen))
        for first, last in left:
            self._compare_numbers(first, last, again=True)

    def _compare_numbers(self, first: int, last: int, *, again: bool = False) -> None:
        """Add what has happened since to the verified objects from the first to the last number."""
        objects, receipts = self._objects(first, last + 1), self._receipts(first, last)
        both = [number for number in range(first, last + 1) if number in objects and number in receipts]
        self._read_again(
            ((self._key(number), objects[number], receipts[number], objects.get(number + 1)) for number in both),
            again=again,
        )
        self._seen.append((first, last))
        behind: dict[int, ObjectInfo] | None = None
        for number in range(first, last + 1):
            if number in objects or number in receipts:
                self._compare_again(self._key(number), objects.get(number), receipts.get(number))
            elif number not in self._memory.healed:
                behind = self._objects(last + 1, last + 50) if behind is None else behind
                self._findings.append(self._missing(number, objects | behind))

    def _read_again(
        self, arrived: Iterable[tuple[str, ObjectInfo, ObjectInfo, ObjectInfo | None]], *, again: bool
    ) -> None:
        """Read the short receipts of objects that may have been read once more since it was their turn.

        One that was read again by an earlier release, and halted, has no note (``auditor.evidence.halts``): the times
        of it, its receipt and the object behind it tell. Of what is looked at ``again`` all are read.
        """
        self._read_receipts(
            (key, info, receipt)
            for key, info, receipt, following in arrived
            if receipt.size < HALTED_BYTES and (again or was_read_again(info, receipt, following))
        )

    def _compare_again(self, key: str, info: ObjectInfo | None, receipt: ObjectInfo | None) -> None:
        """Add what has happened since to an object that was processed."""
        dataset = self._contract.dataset
        if info is None:
            self._findings.append(LostObject(dataset, key))
        elif receipt is None:
            self._findings.append(UnprocessedObject(dataset, key, "its receipt is gone"))
        elif is_changed_since(info, receipt):
            self._findings.append(UnprocessedObject(dataset, key, CHANGED))
        else:
            self._is_taken(key, info, receipt)

    def _repairs(self) -> tuple[str, bool]:
        """Compare repair objects, which sort by time, with their receipts.

        Returns the one up to which all are processed, and whether nothing is on its way.
        """
        dataset, begin = self._contract.dataset, self._memory.repairs
        objects, receipts = dict(self._repair_objects(begin)), dict(self._repair_receipts(begin))
        both = [(key, info, receipts[key]) for key, info in objects.items() if key in receipts]
        self._read_new(repairs_room(self._table), both)
        self._compared = {*objects, *receipts}
        over = whole = True
        for key in sorted({*objects, *receipts}):
            info, receipt = objects.get(key), receipts.get(key)
            is_over = bool(info and info.modified <= self._before)
            is_taken = receipt is not None and (info is None or self._is_taken(key, info, receipt))
            if is_over and not receipt:
                self._findings.append(UnprocessedObject(dataset, key, "it has no receipt"))
            elif receipt and not info:
                self._findings.append(LostObject(dataset, key))
            whole &= is_taken  # what stands halted is found in every audit
            over &= bool(receipt) or is_over
            recent = bool(info and info.modified > self._ports.now - timedelta(days=2))
            begin = key if whole and info and not recent else begin
        return begin, over

    def _sweep_repairs(self) -> str:
        """Find what has gone since of a share of the repair objects that were all processed.

        Returns the one behind which the next run goes on; empty: from the first.
        """
        until, begin = self._memory.repairs, self._memory.repairs_swept
        if not until:
            return ""
        shares = [
            dict(islice(takewhile(lambda pair: pair[0] <= until, listed), SWEPT_OBJECTS))
            for listed in self._repair_pairs(begin)
        ]
        last = min([until, *(max(share) for share in shares if len(share) == SWEPT_OBJECTS)])
        objects, receipts = ({key: info for key, info in share.items() if key <= last} for share in shares)
        self._compare_repairs(objects, receipts)
        return last if last < until else ""

    def _look_again_at_repairs(self) -> None:
        """Compare once more the repair objects of hours in which earlier audits left some amiss."""
        for first, last in self._known.repairs:
            between = [_up_to(listed, last) for listed in self._repair_pairs(self._repair_prefix + begin_of(first))]
            self._compare_repairs(*between, again=True)
            self._hours.append((first, last))

    def _compare_repairs(
        self, objects: Mapping[str, ObjectInfo], receipts: Mapping[str, ObjectInfo], *, again: bool = False
    ) -> None:
        """Add what has happened since to repair objects; not to those that this scan has compared already."""
        keys = sorted({*objects, *receipts} - self._compared)
        following = dict(zip_longest(keys, keys[1:], fillvalue=""))
        both = [key for key in keys if key in objects and key in receipts]
        self._read_again(((key, objects[key], receipts[key], objects.get(following[key])) for key in both), again=again)
        for key in keys:
            self._compare_again(key, objects.get(key), receipts.get(key))
        self._compared |= {*keys}

    @property
    def _repair_prefix(self) -> str:
        return f"{REPAIR}{self._contract.dataset}/{self._table}/"

    def _repair_pairs(self, after: str) -> tuple[Iterator[tuple[str, ObjectInfo]], ...]:
        return self._repair_objects(after), self._repair_receipts(after)

    def _repair_objects(self, after: str) -> Iterator[tuple[str, ObjectInfo]]:
        """The repair objects behind one, by their keys."""
        return ((info.key, info) for info in self._ports.ingest.list(self._repair_prefix, after=after))

    def _repair_receipts(self, after: str) -> Iterator[tuple[str, ObjectInfo]]:
        """Their receipts, by the keys of their objects."""
        folder = f"{RECEIPTS}dataset={self._contract.dataset}/source_table={self._table}/repair-"
        begin = f"{folder}{after.removeprefix(self._repair_prefix)}" if after else ""
        for info in self._ports.records.list(folder, after=f"{begin}.json" if landing_of(after) else begin):
            yield self._repair_prefix + info.key.removeprefix(folder).removesuffix(".json"), info


def hour_of(key: str) -> int:
    """The hour since 1970 of a repair object's name; of a name that says none a number beyond all hours."""
    said = _TIME.match(key.rpartition("/")[2])
    try:
        return int(datetime.strptime(f"{said[0]}+0000", "%Y%m%dT%H%z").timestamp()) // 3600 if said else NO_HOUR
    except ValueError:
        return NO_HOUR


def _up_to(listed: Iterable[tuple[str, ObjectInfo]], hour: int) -> dict[str, ObjectInfo]:
    return dict(takewhile(lambda pair: hour_of(pair[0]) <= hour, listed))


def begin_of(hour: int) -> str:
    """What the names of an hour's repair objects begin with; names that say none sort behind all that do."""
    return _BEHIND if hour >= NO_HOUR else at_epoch(hour * 3600).strftime("%Y%m%dT%H")


def _landing(key: str) -> Landing:
    return present(landing_of(key), "audit", key)
