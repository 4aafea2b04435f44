"""Lines in quarantine whose row or point is in the warehouse by now, as it was then or newer: they are over.

A row that was mended in the source comes in another ingest object, and the refused line of the old one stays where it
is, for no object is processed twice by itself. What is stored tells: of a feed the point of that entity and slot, which
the provider's history gave; of a database the row of that key. That row is newer where it was written or fetched later,
in the order in which rows win (``core.warehouse.order.seen_at``), and the same where version and hash of the content
are. The version alone does not tell: whoever changes a row without its time of change gives two contents one version,
and a table without a time of change gives it to all of them.

A line that names no key, or no partition in which its row would be, is not over; nor is one of a table that cannot be
compared by key.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar, cast
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from auditor.databases.rows.targets import Target, targets_of
from auditor.stories.arrivals import Fields, row_of
from auditor.stories.holding import path_of
from auditor.stories.read_point import slot_at
from auditor.warehouse.partitions import read_partition
from core.audit.fingerprint import microseconds
from core.audit.key_values import Key, canonical_keys, key_values
from core.contract.model import HASH, HASH_LIST, Column, Contracts, Database, Feed, Table
from core.errors import Misuse
from core.feeds.partitions import column_of
from core.landing.former_names import line_now
from core.landing.zone import landing_of
from core.ports import PartitionStore
from core.time import parse_instant
from core.warehouse.arrow_types import arrow_type
from core.warehouse.order import Ints, as_array, seen_at

SECOND = 1_000_000  # microseconds
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_PARTITIONS = 200  # that are read; lines of further ones count as not over
MOMENT = pa.timestamp("us")
NEVER = int(np.iinfo(np.int64).min)
T = TypeVar("T")
Line = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Stored:
    """The newest row of each key of a partition, by its place in the columns: instants are microseconds since 1970.

    ``seen`` is when a row was written or fetched last, ``checked`` when it was fetched (``NEVER``: it was not);
    ``lists`` and ``hashes`` are of its content, null where it was never hashed.
    """

    places: Mapping[Key, int] = field(default_factory=dict)
    seen: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    written: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    checked: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    content: pa.Table | None = None

    @classmethod
    def of(cls, rows: pa.Table, target: Target) -> _Stored:
        """The rows of a partition: keys, version, when they were fetched, and the content's hash."""
        written = as_array(rows.column(target.version)).cast(MOMENT)
        fetched = rows.column(target.checked) if target.checked else pa.nulls(len(written), MOMENT)
        checked = as_array(fetched).cast(MOMENT)
        instants = _numbers(seen_at(written, checked)), _numbers(written), _numbers(checked)
        order = np.lexsort(instants[::-1])  # by when a row was seen last, the newest behind the others
        keys = list(zip(*(key_values(as_array(rows.column(name))) for name in target.keys), strict=True))
        content = rows.select([HASH_LIST, HASH]) if target.table.keeps_content else None
        return cls({keys[place]: place for place in order.tolist()}, *instants, content=content)

    def covers(self, key: Key, refused: _Refused) -> bool:
        """Whether the row of the key is what was refused, or newer."""
        place = self.places.get(key)
        if place is None:
            return False
        seen, written, checked = (int(column[place]) for column in (self.seen, self.written, self.checked))
        if refused.checked is not None:
            is_newer = seen > refused.seen
        else:  # when it was read is not known: some time before it was refused
            is_newer = checked > refused.at or (seen >= written > refused.seen)
        return is_newer or (written == refused.version and self._has_content(place, refused.content))

    def _has_content(self, place: int, content: tuple[object, object]) -> bool:
        if self.content is None or None in content:
            return False
        return content == tuple(self.content.column(name)[place].as_py() for name in (HASH_LIST, HASH))


@dataclass(frozen=True, slots=True)
class _Refused:
    """A refused line's row: its version, when it was fetched and when it was refused (``at``), and its content.

    ``version`` is None where the line says no instant. ``checked`` is None of a line that no repair fetched.
    """

    version: int | None
    checked: int | None
    at: int
    content: tuple[object, object]

    @classmethod
    def of(cls, target: Target, row: Fields, line: Line, timezone: str) -> _Refused | None:
        """None where nothing tells when it was refused."""
        source, at = target.source, _microseconds(line.get("rejected_at"), "UTC")
        changed = source.checked_mark if source.by_keys else source.changed_at or source.created_at
        checked = _microseconds(row.get(source.checked_mark), "UTC")
        content = row.get(HASH_LIST), row.get(HASH)
        return None if at is None else cls(_microseconds(row.get(changed), timezone), checked, at, content)

    @property
    def seen(self) -> int:
        """When the row was written or fetched last; at the latest when it was refused, where its version tells nothing.

        By the rule of the stored rows.
        """
        if self.version is None:
            return self.at if self.checked is None else self.checked
        written, checked = (pa.array([value], pa.int64()).cast(MOMENT) for value in (self.version, self.checked))
        return int(_numbers(seen_at(written, checked))[0])


@dataclass
class Superseded:
    """Whether lines in quarantine are over. Each partition is read once, and of its columns those that tell."""

    partitions: PartitionStore
    contracts: Contracts
    most: int = MOST_PARTITIONS
    _read: dict[tuple[str, str], Any] = field(default_factory=dict)

    def split(self, lines: Iterable[Line]) -> Iterator[tuple[Line, bool]]:
        """The lines (``core.landing.records.QUARANTINE_COLUMNS``), and of each whether it is over."""
        for line in lines:
            yield line, self.is_over(line)

    def is_over(self, line: Line) -> bool:
        """Whether the warehouse has what the line had, or newer."""
        landing = landing_of(str(line["object"]))
        fields = row_of(str(line.get("content", ""))) if line.get("encoding") == "utf-8" else {}
        contract = next((each for each in self.contracts if landing and each.dataset == landing.dataset), None)
        if landing is None or not fields or contract is None:
            return False
        if isinstance(contract.source, Feed):
            facts = [table for table in contract.tables if table.kind == "fact" and table.source == landing.table]
            return bool(facts) and all(self._has_point(contract.source, table, fields) for table in facts)
        if not isinstance(contract.source, Database):
            return False
        targets = [target for target in targets_of(contract) if target.source.name == landing.table]
        zone = contract.source.timezone
        return bool(targets) and all(self._has_row(target, fields, line, zone) for target in targets)

    def _has_point(self, feed: Feed, table: Table, fields: Fields) -> bool:
        at, entity = _microseconds(fields.get(feed.time_column), "UTC"), fields.get(feed.entity_column)
        if at is None or not isinstance(entity, str):
            return False
        slot, _ = slot_at(feed, self.contracts.calendar(feed.calendar), at // SECOND)
        columns = column_of(table, feed.entity_column), column_of(table, feed.time_column)
        instant = pa.scalar(datetime.fromtimestamp(slot, UTC).replace(tzinfo=None))
        try:
            kinds = [arrow_type(table.column(name).type) for name in columns]
            wanted = {columns[0]: pa.scalar(entity).cast(kinds[0]), columns[1]: instant.cast(kinds[1])}
            path = path_of(table, wanted)
        except (KeyError, Misuse, pa.ArrowException):
            return False

        def points(rows: pa.Table) -> frozenset[tuple[str, int]]:
            times = microseconds(rows.column(columns[1])).tolist()
            return frozenset(zip(rows.column(columns[0]).to_pylist(), times, strict=True))

        return (entity, slot * SECOND) in self._of_partition(table, path, columns, points, frozenset[tuple[str, int]]())

    def _has_row(self, target: Target, fields: Fields, line: Line, timezone: str) -> bool:
        source = target.source
        row = line_now(source, fields)
        [key] = canonical_keys(source, [[row.get(name) for name in source.key]], timezone=timezone)
        path = None if any(isinstance(value, list | dict) for value in key) else _path(target, row)
        refused = _Refused.of(target, row, line, timezone)
        if path is None or refused is None:
            return False
        content = (HASH_LIST, HASH) if target.table.keeps_content else ()
        columns = {*target.keys, target.version, target.checked, *content} - {""}
        stored = self._of_partition(target.table, path, columns, lambda rows: _Stored.of(rows, target), _Stored())
        return stored.covers(key, refused)

    def _of_partition(
        self, table: Table, path: str, columns: Collection[str], read: Callable[[pa.Table], T], nothing: T
    ) -> T:
        """What the rows of a partition tell; ``nothing`` where it is one too many to be read."""
        place = (table.name, path)
        if place not in self._read and len(self._read) < self.most:
            self._read[place] = read(read_partition(self.partitions, table, path, columns).rows)
        return cast("T", self._read.get(place, nothing))


def _numbers(instants: pa.Array) -> Ints:
    """Instants (``MOMENT``) as numbers, ``NEVER`` where there is none."""
    return np.asarray(instants.cast(pa.int64()).fill_null(NEVER))


def _path(target: Target, row: Fields) -> str | None:
    """The partition of a row, by its line's values; None where they do not tell it."""
    table = target.table
    fields = {**dict(zip(target.keys, target.source.key, strict=True)), **target.placed}
    try:
        values = {
            part.column: _scalar(row[fields[part.column]], table.column(part.column)) for part in table.partition_by
        }
        return path_of(table, values)
    except (KeyError, Misuse, ValueError, pa.ArrowException):
        return None


def _scalar(value: object, column: Column) -> pa.Scalar:
    text = str(value).removesuffix("Z") if column.type.name == "timestamp" else str(value)
    return pa.scalar(text).cast(arrow_type(column.type))


def _microseconds(value: object, timezone: str) -> int | None:
    """An instant of a line, since 1970; of one that names no zone by the source's clock. None where it is none."""
    try:
        at = parse_instant(str(value))
        utc = (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(timezone))).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return (utc - EPOCH) // timedelta(microseconds=1)
