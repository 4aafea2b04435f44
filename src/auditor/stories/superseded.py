"""Lines in quarantine whose row or point is in the warehouse by now, as it was then or newer: they are over.

A row that was mended in the source comes in another ingest object, and the refused line of the old one stays where it
is, for no object is processed twice by itself. What is stored tells: the warehouse's row of that key, by its version;
of a feed the point of that entity and slot, which the provider's history gave. A line that names no key, or no
partition in which its row would be, is not over; nor is one of a table that cannot be compared by key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pyarrow as pa

from auditor.databases.rows.targets import Target, targets_of
from auditor.stories.arrivals import Fields, row_of
from auditor.stories.holding import path_of
from auditor.stories.read_point import slot_at
from auditor.warehouse.partitions import read_partition
from core.audit.fingerprint import microseconds
from core.audit.key_values import Key, canonical_keys, key_values
from core.contract.model import Column, Contracts, Database, Feed, Table
from core.errors import Misuse
from core.feeds.partitions import column_of
from core.landing.former_names import line_now
from core.landing.zone import landing_of
from core.ports import PartitionStore
from core.time import parse_instant
from core.warehouse.arrow_types import arrow_type
from core.warehouse.order import as_array

SECOND = 1_000_000  # microseconds
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOST_PARTITIONS = 200  # that are read; lines of further ones count as not over
Line = Mapping[str, object]


@dataclass
class Superseded:
    """Whether lines in quarantine are over. Each partition is read once, by key and version alone."""

    partitions: PartitionStore
    contracts: Contracts
    most: int = MOST_PARTITIONS
    _newest: dict[tuple[str, str], Mapping[Key, int]] = field(default_factory=dict)

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
        place = (table.name, path)
        if place not in self._newest and len(self._newest) < self.most:
            rows = read_partition(self.partitions, table, path, columns).rows
            entities, times = rows.column(columns[0]).to_pylist(), microseconds(rows.column(columns[1])).tolist()
            self._newest[place] = {(name, time): time for name, time in zip(entities, times, strict=True)}
        return (entity, slot * SECOND) in self._newest.get(place, {})

    def _has_row(self, target: Target, fields: Fields, line: Line, timezone: str) -> bool:
        source = target.source
        row = line_now(source, fields)
        [key] = canonical_keys(source, [[row.get(name) for name in source.key]], timezone=timezone)
        path = None if any(isinstance(value, list | dict) for value in key) else _path(target, row)
        stored = None if path is None else self._versions(target, path).get(key)
        changed = source.checked_mark if source.by_keys else source.changed_at or source.created_at
        then = _microseconds(row.get(changed), timezone)
        if then is None:  # what the line says of its version is no instant: what came after it was refused is newer
            then = _microseconds(line["rejected_at"], "UTC")
        return stored is not None and then is not None and stored >= then

    def _versions(self, target: Target, path: str) -> Mapping[Key, int]:
        """The newest version (microseconds) of each key of a partition."""
        place = (target.table.name, path)
        if place not in self._newest and len(self._newest) < self.most:
            rows = read_partition(self.partitions, target.table, path, [*target.keys, target.version]).rows
            keys = zip(*(key_values(as_array(rows.column(name))) for name in target.keys), strict=True)
            newest: dict[Key, int] = {}
            for key, version in zip(keys, microseconds(rows.column(target.version)).tolist(), strict=True):
                newest[key] = max(version, newest.get(key, version))
            self._newest[place] = newest
        return self._newest.get(place, {})


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
