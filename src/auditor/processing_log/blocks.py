"""Blocks of receipts: what of them is copied into which day's object, as pure plans.

A block is the receipts of one source table whose names begin alike: a thousand numbers of a table's sequence, a day of
arrival of a feed, a day of repairs. It is listed and copied as a whole, so that the work of an audit is that of a few
blocks however old the lake is. A receipt belongs to the day on which it was written (``processed_at``), so the copy of
a block may lie in several days; a receipt that was written again moves to its new day.

``audit/log/<dataset>/<table>/<block>.json`` remembers which receipts are in the copy and under which ETag its objects
were written (``Ledger``). It is a memory, not the truth: whatever differs from it is copied again from the receipts.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from itertools import takewhile

from core.contract.model import Contract, Feed, SourceTable
from core.json import UNREADABLE, canonical_json
from core.landing.records import LOG_DAYS
from core.landing.zone import PROCESSING_LOG, RECEIPTS
from core.ports import ObjectInfo
from core.time import parse_instant

ROOT = "audit/log/"
_REPAIRS = "repair-"
TURNS = 24  # hours, in which every day has its turn
_DAY, _COMPACT_DAY, _THOUSANDS = len("2026-11-20"), len("20261120"), 9  # of the twelve digits of a number


@dataclass(frozen=True, slots=True)
class Series:
    """Receipts of one source table whose keys sort by time: its sequence, its arrivals, or its repairs.

    A block are the receipts whose names have the first ``length`` characters in common.
    """

    dataset: str
    table: str
    begins: str
    length: int

    @property
    def name(self) -> str:
        """The series among those of its dataset."""
        return f"{self.table}/{self.begins}"

    @property
    def folder(self) -> str:
        """The folder of the table's receipts."""
        return f"{RECEIPTS}dataset={self.dataset}/source_table={self.table}/"

    @property
    def prefix(self) -> str:
        """What the keys of its receipts begin with."""
        return self.folder + self.begins

    def within(self, listed: Iterable[ObjectInfo]) -> Iterable[ObjectInfo]:
        """The receipts of the series at the beginning of a listing: repairs come after those of a sequence."""
        if self.begins:
            return listed
        return takewhile(lambda info: not self.receipt_name(info.key).startswith(_REPAIRS), listed)

    def holds(self, key: str) -> bool:
        """Whether a receipt is one of the series."""
        of_repair = self.receipt_name(key).startswith(_REPAIRS)
        return key.startswith(self.prefix) and (of_repair == bool(self.begins))

    def receipt_name(self, key: str) -> str:
        """The name of a receipt, by which the copy knows it."""
        return key.removeprefix(self.folder)

    def block_of(self, key: str) -> str:
        """The block that a receipt belongs to."""
        return self.receipt_name(key)[: self.length]

    def ledger_key(self, block: str) -> str:
        """The key of a block's ledger."""
        return f"{ROOT}{self.dataset}/{self.table}/{block}.json"

    def copy_key(self, block: str, day: str) -> str:
        """The key of the object that holds a block's receipts of one day."""
        return f"{PROCESSING_LOG}day={day}/source_table={self.table}/{self.dataset}.{block}.jsonl.gz"


def series_of(contract: Contract) -> list[Series]:
    """The series of a dataset's receipts."""
    source = contract.source
    tables: tuple[SourceTable, ...] = source.tables if source else ()
    length = _DAY if isinstance(source, Feed) else _THOUSANDS
    sequences = [Series(contract.dataset, table.name, "", length) for table in tables]
    if isinstance(source, Feed):
        return sequences
    repairs = len(_REPAIRS) + _COMPACT_DAY
    return sequences + [Series(contract.dataset, table.name, _REPAIRS, repairs) for table in tables]


# ---------------------------------------------------------------- what is in the copy


@dataclass(frozen=True, slots=True)
class Ledger:
    """``receipts``: of each, by name, its ETag and the day it is copied under. ``files``: ETags of the copy, by day."""

    receipts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> bytes:
        return canonical_json({"receipts": dict(self.receipts), "files": dict(self.files)})

    @classmethod
    def from_json(cls, body: bytes) -> Ledger | None:
        """The ledger; None where it cannot be read."""
        try:
            data = json.loads(body)
            receipts = {str(name): (str(etag), str(day)) for name, (etag, day) in data["receipts"].items()}
            return cls(receipts, {str(day): str(etag) for day, etag in data["files"].items()})
        except UNREADABLE:
            return None


def possible_days(block: str, now: datetime) -> list[str]:
    """The days that the copy of a block may lie in: none before it expires, nor before the day that the block is of."""
    today = now.astimezone(UTC).date()
    days = [(today - timedelta(days=back)).isoformat() for back in range(LOG_DAYS, -2, -1)]
    compact = block.removeprefix(_REPAIRS).replace("-", "")
    of_block = f"{compact[:4]}-{compact[4:6]}-{compact[6:]}" if len(compact) == _COMPACT_DAY else ""
    return [day for day in days if day >= of_block] if of_block <= days[-1] else days


@dataclass(frozen=True, slots=True)
class Row:
    """A receipt as it was read: its ETag, the day it was written on, and its line without a line break.

    What is no receipt has neither day nor line: it is known, and not copied.
    """

    etag: str
    day: str = ""
    line: bytes = b""


def row_of(name: str, body: bytes, etag: str, modified: datetime) -> Row:
    """The row of a receipt. Its day is that of ``processed_at``, of receipts without it that of ``modified``."""
    try:
        data = json.loads(body)
        at = parse_instant(str(data["processed_at"])) if data.get("processed_at") else modified.astimezone(UTC)
    except UNREADABLE:
        return Row(etag)
    return Row(etag, f"{at:%Y-%m-%d}", canonical_json({**data, "receipt": name}).rstrip(b"\n"))


def rows_in(copy: bytes, day: str, ledger: Ledger) -> dict[str, Row]:
    """The rows of a day's object, unpacked, by the name of the receipt that each is of."""
    names = {json.loads(line)["receipt"]: line for line in copy.splitlines()}
    return {name: Row(ledger.receipts[name][0], day, line) for name, line in names.items() if name in ledger.receipts}


def plan_reading(
    listed: Mapping[str, str], ledger: Ledger, intact: Collection[str], *, first_day: str, most: int
) -> tuple[str, ...]:
    """Choose the receipts to read: those that the copy has lost, and ``most`` of those that are new or changed.

    ``listed`` are the block's receipts with their ETags. ``intact`` are the days whose object is as the ledger says.
    Days before ``first_day`` have expired: nothing of them is copied.
    """
    lost = [
        name
        for name, (etag, day) in ledger.receipts.items()
        if listed.get(name) == etag and day >= first_day and day not in intact
    ]
    return tuple(sorted({*lost, *changed_receipts(listed, ledger)[:most]}))


def changed_receipts(listed: Mapping[str, str], ledger: Ledger) -> list[str]:
    """The receipts that the ledger does not know as they are listed."""
    return [name for name in sorted(listed) if ledger.receipts.get(name, ("", ""))[0] != listed[name]]


def is_up_to_date(listed: Mapping[str, str], ledger: Ledger, intact: Collection[str], *, first_day: str) -> bool:
    """Whether the copy of a block holds exactly what is listed."""
    known = {name: etag for name, (etag, _) in ledger.receipts.items()}
    return known == dict(listed) and {day for day in ledger.files if day >= first_day} <= {*intact}


def touched_days(listed: Mapping[str, str], ledger: Ledger, read: Mapping[str, Row]) -> set[str]:
    """The days that rows leave or come to, by what was read and what is not listed any more."""
    moved = {day for name, (_, day) in ledger.receipts.items() if name in read or name not in listed}
    return moved | {row.day for row in read.values()}


def plan_copy(
    listed: Mapping[str, str],
    ledger: Ledger,
    kept: Mapping[str, Row],
    read: Mapping[str, Row],
    intact: Collection[str],
    *,
    first_day: str,
) -> tuple[Ledger, dict[str, list[bytes]]]:
    """The block's ledger after the copy, and the lines of each day to write, the newest day first.

    ``kept`` are the rows of the intact days that others come to or leave, ``read`` those that were read. A receipt that
    is not listed any more leaves the copy; one that was not read yet leaves its old row in it. Days that nothing
    changes are not written, and the ledger has no ETag of those that are.
    """
    gone = ledger.receipts.keys() - listed.keys()
    receipts = {name: known for name, known in ledger.receipts.items() if name not in gone}
    receipts |= {name: (row.etag, row.day) for name, row in read.items()}
    lines: dict[str, list[bytes]] = {}
    for _, row in sorted(({name: row for name, row in kept.items() if name not in gone} | dict(read)).items()):
        lines.setdefault(row.day, []).append(row.line)
    touched = touched_days(listed, ledger, read) | (ledger.files.keys() - {*intact})
    days = sorted((day for day in touched if day >= first_day), reverse=True)
    files = {day: etag for day, etag in ledger.files.items() if day >= first_day and day not in days}
    return Ledger(receipts, files), {day: lines.get(day, []) for day in days}


def is_turn_of(day: str, now: datetime) -> bool:
    """Whether it is a day's turn to be looked at in this hour, or its lot.

    Every day has its hour. Whoever comes by every other hour only, or always at the same (as the sweep does of a block,
    by how many there are), would never look at some days: for them there is the lot, which no rhythm goes along with.
    """
    hours = int(now.timestamp()) // 3_600
    is_its_hour = (date.fromisoformat(day).toordinal() - hours) % TURNS == 0
    return is_its_hour or zlib.crc32(f"{day} {hours}".encode()) % (2 * TURNS) == 0


# ---------------------------------------------------------------- where an audit goes on


@dataclass(frozen=True, slots=True)
class Place:
    """Where a series stands: its ``first`` block, the ``tail`` to list from, and where the sweep of the others came."""

    first: str = ""
    tail: str = ""
    swept: str = ""

    def after(self, blocks: Sequence[str]) -> Place:
        """The place after a run that listed these blocks from the tail on: the last two are listed again."""
        if not blocks:
            return self
        return replace(self, first=self.first or blocks[0], tail=blocks[-2] if len(blocks) > 1 else blocks[0])


def places_from(body: bytes | None) -> dict[str, Place]:
    """The places of a dataset's series by name; of what cannot be read there are none, and all begins anew."""
    try:
        return {str(name): Place(**place) for name, place in json.loads(body or b"{}").items()}
    except UNREADABLE:
        return {}


def places_to_json(places: Mapping[str, Place]) -> bytes:
    """What ``places_from`` reads."""
    return canonical_json({name: asdict(place) for name, place in places.items()})


def places_key(dataset: str) -> str:
    """The key of the places of a dataset's series."""
    return f"{ROOT}{dataset}/places.json"


def first_day(now: datetime) -> str:
    """The first day that the copy keeps."""
    oldest: date = now.astimezone(UTC).date() - timedelta(days=LOG_DAYS)
    return oldest.isoformat()
