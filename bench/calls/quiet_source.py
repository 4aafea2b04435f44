"""A database in this process in which nothing is amiss: what extraction and the auditor ask of it is answered.

It is what stands behind the port of engines; whatever only a repair would ask is not there, for a quiet hour has none.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pyarrow as pa

from core.audit.fingerprint import MODULUS, bucket_numbers, fingerprints, key_hashes
from core.audit.source_check import CountBuckets
from core.contract.model import HASH, HASH_LIST, SourceTable
from core.json import canonical_json
from core.landing.content import HashList
from core.landing.ingest_objects import Position
from core.sources.catalog import CatalogColumn, CatalogTable, SourceType
from core.time import parse_instant
from ingestion.engines.port import Bound, Counted
from ingestion.extract.flow import Extraction

Row = dict[str, Any]
Clock = Callable[[], dt.datetime]
_WALL = "%Y-%m-%dT%H:%M:%S.%f"


@dataclass
class QuietSource:
    """The rows by table, keyed by one integer; whoever writes to it sets the time of the change."""

    now: Clock
    rows: dict[str, dict[int, Row]] = field(default_factory=dict)
    closed: bool = False
    place: str = "in this process"

    def write(self, table: SourceTable, number: int, at: dt.datetime, **values: Any) -> None:
        """Insert or change a row; a column that is not named is as every row has it."""
        rows = self.rows.setdefault(table.name, {})
        before = rows.get(number, {table.created_at: at})
        row = {each.name: values.get(each.name, before.get(each.name, _usual(each.type.name))) for each in table.fields}
        (key,) = table.key
        rows[number] = {**row, key: number, table.changed_at: at}

    def open(self) -> Any:
        """The session, as the port's ``Connector`` opens it."""
        return self

    # ------------------------------------------------------------ the port's engine and catalog

    role_may_write = False

    def allow(self, seconds: float) -> None:
        """Nothing takes any time."""

    def at_most(self, seconds: float) -> float:
        return seconds

    def still_names(self, _session: object) -> bool:
        """Nothing changes."""
        return True

    def catalog(self, _session: object, _tables: Sequence[SourceTable]) -> Any:
        return self

    def reading(self, table: SourceTable, *, timezone: str) -> Any:
        return _Table(self, table, timezone)

    def bound(self, _session: object, **_: Any) -> Bound:
        return Bound(self.now(), self.now())

    def catch_up(self, _session: object) -> None: ...

    def described(self, _session: object, tables: Sequence[SourceTable]) -> Mapping[str, CatalogTable]:
        return {table.name: _described(table) for table in tables}

    def listed(self, _session: object) -> Sequence[CatalogTable]:
        return ()


class QuietExtraction(Extraction):
    """The extraction of such a source."""

    @property
    def engine(self) -> Any:
        """The source itself."""
        return self.connector


@dataclass(frozen=True)
class _Table:
    source: QuietSource
    table: SourceTable
    timezone: str
    number: int = 0
    precision: dt.timedelta = dt.timedelta(microseconds=1)
    needs_report: bool = False
    written_elsewhere: str = ""

    @property
    def hash_list(self) -> HashList:
        names = sorted(each.name for each in self.table.fields if not each.added)
        return HashList("quiet 1", tuple((name, "text") for name in names))

    def hashing(self, number: int) -> _Table:
        return replace(self, number=number)

    def can_hash(self, _columns: HashList) -> bool:
        return True

    def lines_between(self, _session: object, start: Position, until: dt.datetime, **_: Any) -> Generator[list[bytes]]:
        rows = sorted(self._rows(lambda at: start.at <= at < until), key=lambda row: row[self.table.changed_at])
        if rows:
            yield [canonical_json(self._line(row)) for row in rows]

    def has_rows_between(self, _session: object, start: Position, until: dt.datetime, **_: Any) -> bool:
        return bool(self._rows(lambda at: start.at <= at < until))

    def count_unplaced(self, *_: Any, **__: Any) -> int:
        return 0

    def fingerprints(self, _session: object, asked: CountBuckets, *, lists: Collection[HashList], **_: Any) -> Counted:
        until = parse_instant(asked.until)
        spans = []
        for span in asked.spans:
            rows = self._rows(lambda at: at < until)
            if span.start:
                bounds = parse_instant(span.start), parse_instant(span.end)
                rows = [row for row in rows if bounds[0] <= row[asked.column] < bounds[1]]
            spans.append(self._counted(rows, asked.buckets, bool(lists)))
        return Counted(tuple(spans))

    def _counted(self, rows: Sequence[Row], buckets: int, with_content: bool) -> Any:
        (key,) = self.table.key
        kind = pa.int64()
        keys = key_hashes([pa.array([row[key] for row in rows], kind)])
        versions = np.array([_micros(row[self.table.changed_at]) for row in rows], np.int64)
        counted = fingerprints(keys, versions, buckets)
        if not with_content:
            return counted
        sums: dict[int, int] = {}
        for bucket, row in zip(bucket_numbers(keys, buckets).tolist(), rows, strict=True):
            sums[bucket] = (sums.get(bucket, 0) + _hash(self._said(row))) % MODULUS
        return {bucket: replace(of, content=(sums[bucket],)) for bucket, of in counted.items()}

    def _rows(self, is_wanted: Callable[[dt.datetime], bool]) -> list[Row]:
        return [
            row for row in self.source.rows.get(self.table.name, {}).values() if is_wanted(row[self.table.changed_at])
        ]

    def _line(self, row: Row) -> Row:
        said = self._said(row)
        return {**said, **({HASH_LIST: self.number, HASH: _hash(said)} if self.number else {})}

    def _said(self, row: Row) -> Row:
        names = [each.name for each in self.table.fields if not each.added]
        return {name: f"{row[name]:{_WALL}}" if isinstance(row[name], dt.datetime) else row[name] for name in names}


def _hash(said: Row) -> int:
    """64 bits, signed."""
    return int.from_bytes(hashlib.blake2b(canonical_json(said), digest_size=8).digest(), signed=True)


def _micros(at: dt.datetime) -> int:
    return int(at.timestamp()) * 1_000_000 + at.microsecond


def _usual(kind: str) -> Any:
    """A value of a type; references are to row 1."""
    return {"int": 1, "bigint": 1, "decimal": "1.00", "boolean": True, "string": "2026-01-01"}.get(kind)


def _described(table: SourceTable) -> CatalogTable:
    columns = tuple(
        CatalogColumn(
            each.name, _TYPES.get(each.type.name, SourceType("text")), each.type.name, not each.required, place
        )
        for place, each in enumerate(table.fields, 1)
        if not each.added
    )
    return CatalogTable("public", table.name, table.name, "table", columns, table.key)


_TYPES = {
    "int": SourceType("integer", 32),
    "bigint": SourceType("integer", 64),
    "decimal": SourceType("decimal", 10, 2),
    "boolean": SourceType("boolean"),
    "timestamp": SourceType("wall"),
}
