"""A table's ingest objects against its receipts: holes, objects that were not processed, objects that are gone.

Objects are listed from the last verified id on; those behind it come round in a slow sweep. What is found of the
sequence also tells the *watermark*: every row with an older version lies in an object that was processed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile, zip_longest

from auditor.databases.memory import TableMemory
from auditor.evidence.halts import CHANGED, halt_by_receipt, is_changed_since, was_read_again
from core.audit.findings import Finding, LostObject, MissingObject, UnprocessedObject
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
from core.time import format_instant

SWEPT_OBJECTS = 1_000  # behind the verified id, in one run
HALTED_BYTES = 4_096  # only short receipts can be of a halted object


@dataclass(frozen=True, slots=True)
class Arrivals:
    """A table's sequence of objects as a scan saw it.

    ``watermark``: every older row was in objects that are processed. ``newest`` is the newest object's number,
    ``newest_at`` when it was made, ``processed`` the greatest number with a receipt; ``settled`` says that nothing is
    on its way and that the newest object is there. ``durable`` is up to where the objects hold all rows.
    ``position`` is where the object behind the watermark's begins: after a cut behind a row, for its key.
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


@dataclass(frozen=True, slots=True)
class Ports:
    """The stores of objects and receipts, and what decides whether an object should have been processed by now.

    ``settle`` is in seconds.
    """

    ingest: ObjectReader
    records: ObjectReader
    code_version: str
    now: datetime
    settle: int


def scan_arrivals(ports: Ports, contract: Contract, table: str, memory: TableMemory) -> Arrivals:
    """Compare the objects that are not verified yet with their receipts, and a share of the verified ones.

    Raises ``TransientFailure`` where a store does not answer.
    """
    return _ArrivalScan(ports, contract, table, memory).result()


class _ArrivalScan:
    """The scan of one table, and the findings so far."""

    def __init__(self, ports: Ports, contract: Contract, table: str, memory: TableMemory) -> None:
        self._ports = ports
        self._contract = contract
        self._table = table
        self._memory = memory
        self._before = ports.now - timedelta(seconds=ports.settle)
        self._findings: list[Finding] = []

    def result(self) -> Arrivals:
        first = self._memory.verified + 1
        objects, receipts = self._objects(first), self._receipts(first)
        newest = max([*objects, *receipts], default=self._memory.verified)
        verified, good = self._memory.verified, self._memory.verified
        whole = settled = True
        for number in range(first, newest + 1):
            is_fine, is_over = self._check(number, objects, receipts)
            settled &= is_over
            whole &= is_fine
            if whole:
                verified = number
                good = number if number in objects else good
        swept = self._sweep()
        repairs, repairs_over = self._repairs()
        repairs_swept = self._sweep_repairs()
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
        )

    # ------------------------------------------------------------ the sequence

    def _check(
        self, number: int, objects: Mapping[int, ObjectInfo], receipts: Mapping[int, ObjectInfo]
    ) -> tuple[bool, bool]:
        """Whether the number is there and processed, and whether nothing of it is on its way; adds its findings."""
        dataset, key = self._contract.dataset, self._key(number)
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
        stat = self._ports.ingest.stat(self._key(number)) if number > 0 else None
        try:
            return decode_facts(stat.metadata, key=stat.key) if stat else None
        except InvalidData:
            return None

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

    def _is_taken(self, key: str, info: ObjectInfo, receipt: ObjectInfo) -> bool:
        """Whether what lies there now was taken, by its receipt; else adds what is amiss, unless it is on its way."""
        halt = None
        if receipt.size < HALTED_BYTES:
            halt = halt_by_receipt(
                self._ports.records, self._contract, key, info.etag, code_version=self._ports.code_version
            )
        changed = is_changed_since(info, receipt)
        if changed and info.modified <= self._before and halt is None:
            halt = UnprocessedObject(self._contract.dataset, key, CHANGED)
        self._findings += [halt] if halt else []
        return not (halt or changed)

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
        objects, receipts = self._objects(first, last + 1), self._receipts(first, last)
        for number in range(first, last + 1):
            if number in objects or number in receipts:
                following = objects.get(number + 1)
                self._compare_again(self._key(number), objects.get(number), receipts.get(number), following)
            elif number not in self._memory.healed:
                self._findings.append(self._missing(number, self._objects(number + 1, number + 50)))
        return last if last < verified else 0

    def _compare_again(
        self, key: str, info: ObjectInfo | None, receipt: ObjectInfo | None, following: ObjectInfo | None
    ) -> None:
        """Add what has happened since to an object that was processed; ``following`` is the one behind it.

        One that was read again by an earlier release, and halted, has no note (``auditor.evidence.halts``): its
        receipt tells, where it is short and was not written when it was the object's turn.
        """
        dataset = self._contract.dataset
        if info is None:
            self._findings.append(LostObject(dataset, key))
        elif receipt is None:
            self._findings.append(UnprocessedObject(dataset, key, "its receipt is gone"))
        elif is_changed_since(info, receipt):
            self._findings.append(UnprocessedObject(dataset, key, CHANGED))
        elif receipt.size < HALTED_BYTES and was_read_again(info, receipt, following):
            self._is_taken(key, info, receipt)

    def _repairs(self) -> tuple[str, bool]:
        """Compare repair objects, which sort by time, with their receipts.

        Returns the one up to which all are processed, and whether nothing is on its way.
        """
        dataset, begin = self._contract.dataset, self._memory.repairs
        objects, receipts = dict(self._repair_objects(begin)), dict(self._repair_receipts(begin))
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
            for listed in (self._repair_objects(begin), self._repair_receipts(begin))
        ]
        last = min([until, *(max(share) for share in shares if len(share) == SWEPT_OBJECTS)])
        objects, receipts = ({key: info for key, info in share.items() if key <= last} for share in shares)
        keys = sorted({*objects, *receipts})
        for key, behind in zip_longest(keys, keys[1:], fillvalue=""):
            self._compare_again(key, objects.get(key), receipts.get(key), objects.get(behind))
        return last if last < until else ""

    @property
    def _repair_prefix(self) -> str:
        return f"{REPAIR}{self._contract.dataset}/{self._table}/"

    def _repair_objects(self, after: str) -> Iterator[tuple[str, ObjectInfo]]:
        """The repair objects behind one, by their keys."""
        return ((info.key, info) for info in self._ports.ingest.list(self._repair_prefix, after=after))

    def _repair_receipts(self, after: str) -> Iterator[tuple[str, ObjectInfo]]:
        """Their receipts, by the keys of their objects."""
        folder = f"{RECEIPTS}dataset={self._contract.dataset}/source_table={self._table}/repair-"
        for info in self._ports.records.list(folder, after=_landing(after).receipt_key if after else ""):
            yield self._repair_prefix + info.key.removeprefix(folder).removesuffix(".json"), info


def _landing(key: str) -> Landing:
    return present(landing_of(key), "audit", key)
