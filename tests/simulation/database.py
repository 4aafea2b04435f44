"""A database of the simulation: tables, transactions that stay open, and the engine by which the pipeline reads it.

Rows are committed whole. Their time of change is the transaction's start, the statement's or the clock's, as an
application may write it, so that a row can be committed long after its time. Readers see what is committed, in one
snapshot. The engine stands behind the same port as PostgreSQL's; ``test_database.py`` holds both to one another.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
from tests.simulation.functions import Container

from core.audit.fingerprint import MODULUS, Fingerprint, bucket_numbers, fingerprints, key_hashes, microseconds
from core.audit.source_check import CountBuckets, ListPairs, ListUnplaced, Span
from core.contract.model import HASH, HASH_LIST, SourceTable
from core.errors import MissingColumns, OutOfReach, UnknownTable
from core.landing.content import HashList
from core.landing.ingest_objects import KeyValue, Position
from core.sources.catalog import CatalogColumn, CatalogTable, SourceType
from core.sources.shape import refuse_other_columns
from core.time import format_instant, parse_instant
from core.warehouse.arrow_types import arrow_type
from ingestion.engines.port import Bound, Counted, Holder

Row = dict[str, Any]
Key = tuple[KeyValue, ...]
Tables = dict[str, dict[Key, Row]]
KINDS: Mapping[str, tuple[SourceType, str]] = {
    "int": (SourceType("integer", 32), "integer"),
    "bigint": (SourceType("integer", 64), "bigint"),
    "string": (SourceType("text"), "text"),
    "boolean": (SourceType("boolean"), "boolean"),
    "timestamp": (SourceType("wall"), "timestamp without time zone"),
    "decimal": (SourceType("decimal", 10, 2), "numeric(10,2)"),
}
LINES_AT_ONCE = 50
LATEST = datetime.max  # noqa: DTZ901 - as columns without zone are


# ---------------------------------------------------------------- the server


@dataclass
class Column:
    """A column by its kind (a key of ``KINDS``); its number stays when it is renamed."""

    name: str
    kind: str
    number: int
    nullable: bool = True


@dataclass
class Transaction:
    """What a session has done since it began, seen by nobody else; ``touched`` are the rows that it holds locked."""

    began: datetime
    touched: set[tuple[str, Key]] = field(default_factory=set)
    changes: list[tuple[str, Key, Row | None]] = field(default_factory=list)


class SimulatedDatabase:
    """Tables by name, and what is under way. ``committed`` counts transactions."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.now = now
        self.columns: dict[str, list[Column]] = {}
        self.keys: dict[str, tuple[str, ...]] = {}
        self.tables: Tables = {}
        self.open: list[Transaction] = []
        self.is_down = False
        self.committed = 0
        self._numbers = 0

    def create(self, table: str, key: Sequence[str], **columns: str) -> None:
        """``id="int", note="string?"``."""
        self.keys[table], self.tables[table], self.columns[table] = tuple(key), {}, []
        for name, kind in columns.items():
            self.add_column(table, name, kind)

    def add_column(self, table: str, name: str, kind: str) -> None:
        """ALTER TABLE ADD: null in every row that is there."""
        self._numbers += 1
        self.columns[table].append(Column(name, kind.rstrip("?"), self._numbers, kind.endswith("?")))
        for row in self.tables[table].values():
            row[name] = None

    def begin(self) -> Transaction:
        transaction = Transaction(self.now())
        self.open.append(transaction)
        return transaction

    def is_locked(self, table: str, key: Key) -> bool:
        return any((table, key) in transaction.touched for transaction in self.open)

    def put(self, transaction: Transaction, table: str, row: Row) -> None:
        """INSERT or UPDATE of a row that nobody else holds."""
        key = tuple(row[name] for name in self.keys[table])
        transaction.touched.add((table, key))
        transaction.changes.append((table, key, dict(row)))

    def delete(self, transaction: Transaction, table: str, key: Key) -> None:
        transaction.touched.add((table, key))
        transaction.changes.append((table, key, None))

    def commit(self, transaction: Transaction) -> None:
        self.open.remove(transaction)
        self.committed += 1
        for table, key, row in transaction.changes:
            if row is None:
                self.tables[table].pop(key, None)
            else:
                blank = {column.name: None for column in self.columns[table]}
                self.tables[table][key] = {**blank, **row}

    def rollback(self, transaction: Transaction) -> None:
        self.open.remove(transaction)


# ---------------------------------------------------------------- the engine


class SimulatedSession:
    """``ingestion.engines.port.Session`` of one container; it ends when the server goes down."""

    place = "simulated database"

    def __init__(self, database: SimulatedDatabase, container: Container) -> None:
        self.database = database
        self._container = container
        self.closed = False

    def see(self, effect: str, look: Callable[[], Any]) -> Any:
        """What a statement shows, of one moment."""
        if self.closed:
            raise OutOfReach(effect, self.place, "the session is closed")
        try:
            answer = self._container.perform("database", effect, look)
            if self.database.is_down:
                raise OutOfReach(effect, self.place, "the server is down")
        except BaseException:
            self.closed = True
            raise
        return answer

    def allow(self, seconds: float) -> None:
        """Nothing takes any time."""

    def at_most(self, seconds: float) -> float:
        return seconds

    def query(self, statement: str) -> list[list[Any]]:
        raise NotImplementedError(statement)

    def copy(self, statement: str) -> Generator[list[bytes]]:
        raise NotImplementedError(statement)

    def primary(self) -> None:
        return None

    def close(self) -> None:
        self.closed = True


@dataclass(frozen=True)
class SimulatedConnector:
    """Opens sessions for one container."""

    database: SimulatedDatabase
    container: Container

    def open(self) -> SimulatedSession:
        session = SimulatedSession(self.database, self.container)
        session.see("connect", lambda: None)
        return session

    def still_names(self, session: SimulatedSession) -> bool:
        return True


@dataclass(frozen=True)
class SimulatedTable:
    """``ingestion.engines.port.TableReading`` over a table of the model. ``number`` is that of its lines' hash list."""

    table: SourceTable
    columns: tuple[Column, ...]
    number: int = 0
    timezone: str = "UTC"
    precision: timedelta = timedelta(microseconds=1)
    needs_report: bool = False
    written_elsewhere: str = ""

    @property
    def hash_list(self) -> HashList:
        nullable = {field.name: "" if field.required else "?" for field in self.table.fields if not field.added}
        return HashList("simulated 1", tuple((name, f"text{mark}") for name, mark in sorted(nullable.items())))

    def hashing(self, number: int) -> SimulatedTable:
        return replace(self, number=number)

    def can_hash(self, columns: HashList) -> bool:
        return {name for name, _ in columns.columns} <= {column.name for column in self.columns}

    # ------------------------------------------------------------ rows

    def lines_between(
        self,
        session: SimulatedSession,
        start: Position,
        until: datetime,
        *,
        seconds: float,
        checked_at: datetime | None = None,
    ) -> Generator[list[bytes]]:
        def look() -> list[bytes]:
            first, last = start.at.replace(tzinfo=None), until.replace(tzinfo=None)
            inside = [(place, self._key(row), row) for row, place in self._placed(session) if first <= place < last]
            if start.after is not None:
                inside = [each for each in inside if each[:2] > (first, tuple(start.after))]
            return [self._line(row, checked_at) for _, _, row in sorted(inside, key=lambda each: each[:2])]

        yield from self._batches(session, session.see("copy", look))

    def has_rows_between(self, session: SimulatedSession, start: Position, until: datetime, *, seconds: float) -> bool:
        def look() -> bool:
            first, last = start.at.replace(tzinfo=None), until.replace(tzinfo=None)
            return any(first <= cursor < last for _, cursor in self._placed(session))

        return bool(session.see("query", look))

    def lines_of(
        self, session: SimulatedSession, keys: Sequence[Sequence[KeyValue]], *, checked_at: datetime, seconds: float
    ) -> Generator[list[bytes]]:
        def look() -> list[bytes]:
            there = self._rows(session)
            return [self._line(there[tuple(key)], checked_at) for key in keys if tuple(key) in there]

        yield from self._batches(session, session.see("copy", look))

    def sample(self, session: SimulatedSession, rows: int, *, seconds: float) -> Generator[list[bytes]]:
        yield session.see("copy", lambda: [self._line(row, None) for row in [*self._rows(session).values()][:rows]])

    def count_rows(self, session: SimulatedSession, *, seconds: float) -> int:
        return int(session.see("count", lambda: len(self._rows(session))))

    def count_unplaced(self, session: SimulatedSession, until: datetime, *, seconds: float) -> int:
        return int(session.see("count", lambda: len(self._unplaced(session, until))))

    # ------------------------------------------------------------ comparison

    def fingerprints(
        self, session: SimulatedSession, question: CountBuckets, *, seconds: float, lists: Sequence[HashList] = ()
    ) -> Counted:
        def look() -> Counted:
            until = parse_instant(question.until).replace(tzinfo=None)
            spans = []
            for span in question.spans:
                rows = self._inside(session, span, question.column, until)
                spans.append(self._summed(rows, question.buckets, lists))
            beyond = parse_instant(question.beyond) if question.beyond else None
            return Counted(tuple(spans), len(self._unplaced(session, beyond)) if beyond else 0)

        return session.see("count", look)  # type: ignore[no-any-return]

    def pairs(
        self, session: SimulatedSession, question: ListPairs, *, seconds: float, lists: Sequence[HashList] = ()
    ) -> Generator[list[bytes]]:
        def look() -> list[bytes]:
            rows = self._inside(session, question.span, question.column)
            wanted = set(question.wanted)
            numbers = bucket_numbers(self._key_hashes(rows), question.buckets) if rows else ()
            chosen = [row for row, number in zip(rows, numbers, strict=True) if int(number) in wanted]
            return [self._csv([*self._key(row), self._cursor(row), *self._hashes(row, lists)]) for row in chosen]

        yield session.see("copy", look)

    def unplaced(
        self, session: SimulatedSession, question: ListUnplaced, *, seconds: float, lists: Sequence[HashList] = ()
    ) -> Generator[list[bytes]]:
        def look() -> list[bytes]:
            rows = self._unplaced(session, parse_instant(question.beyond))
            return [self._csv([*self._key(row), row.get(question.column), *self._hashes(row, lists)]) for row in rows]

        yield session.see("copy", look)

    def columns_of(
        self, session: SimulatedSession, keys: Sequence[Sequence[KeyValue]], columns: Sequence[str], *, seconds: float
    ) -> Generator[list[bytes]]:
        def look() -> list[bytes]:
            there = self._rows(session)
            rows = [there[tuple(key)] for key in keys if tuple(key) in there]
            return [self._csv([*self._key(row), *(row[name] for name in columns)]) for row in rows]

        yield session.see("copy", look)

    # ------------------------------------------------------------ parts

    def _rows(self, session: SimulatedSession) -> Mapping[Key, Row]:
        return session.database.tables[self.table.name]

    def _batches(self, session: SimulatedSession, lines: list[bytes]) -> Generator[list[bytes]]:
        """Some lines at once; the connection may be lost between any two of them."""
        for first in range(0, len(lines), LINES_AT_ONCE):
            if first:
                session.see("copy", lambda: None)
            yield lines[first : first + LINES_AT_ONCE]

    def _key(self, row: Row) -> Key:
        return tuple(row[name] for name in self.table.key)

    def _cursor(self, row: Row) -> datetime | None:
        return self._cursors((row,))[0]

    def _cursors(self, rows: Collection[Row]) -> list[datetime | None]:
        """The time of change of each row: an audit asks for it of all rows, span by span."""
        if self.table.by_keys:
            return [datetime(1970, 1, 1)] * len(rows)  # noqa: DTZ001
        first, last = self.table.changed_at or self.table.created_at, self.table.created_at or self.table.changed_at
        return [row[first] or row[last] for row in rows] if first and last else [None] * len(rows)

    def _placed(self, session: SimulatedSession) -> Iterator[tuple[Row, datetime]]:
        """The rows that have a time of change, with it."""
        rows = self._rows(session).values()
        return ((row, cursor) for row, cursor in zip(rows, self._cursors(rows), strict=True) if cursor is not None)

    def _inside(self, session: SimulatedSession, span: Span, column: str, until: datetime = LATEST) -> list[Row]:
        rows = [row for row, cursor in self._placed(session) if cursor < until]
        if not span.start:
            return rows
        start, end = (parse_instant(text).replace(tzinfo=None) for text in (span.start, span.end))
        return [row for row in rows if row[column] is not None and start <= row[column] < end]

    def _unplaced(self, session: SimulatedSession, until: datetime) -> list[Row]:
        if self.table.by_keys:
            return []
        last = until.replace(tzinfo=None)
        rows = self._rows(session).values()
        places = zip(rows, self._cursors(rows), strict=True)
        return [row for row, place in places if place is None or place >= last]

    def _summed(self, rows: Sequence[Row], buckets: int, lists: Sequence[HashList]) -> Mapping[int, Fingerprint]:
        if not rows:
            return {}
        keys = self._key_hashes(rows)
        versions = microseconds(pa.array(self._cursors(rows), pa.timestamp("us")))
        sums: dict[int, list[int]] = {}
        for row, number in zip(rows, bucket_numbers(keys, buckets).tolist(), strict=True):
            parts = sums.setdefault(number, [0] * len(lists))
            for place, content in enumerate(self._hashes(row, lists)):
                parts[place] = (parts[place] + content) % MODULUS
        plain = fingerprints(keys, versions, buckets)
        return {number: replace(of, content=tuple(sums[number])) for number, of in plain.items()}

    def _key_hashes(self, rows: Sequence[Row]) -> Any:
        columns = [
            pa.array([row[name] for row in rows], arrow_type(self.table.field(name).type)) for name in self.table.key
        ]
        return np.asarray(key_hashes(columns))

    def _hashes(self, row: Row, lists: Sequence[HashList]) -> list[int]:
        return [content_hash(row, columns) for columns in lists]

    def _line(self, row: Row, checked_at: datetime | None) -> bytes:
        values: Row = {field.name: row[field.name] for field in self.table.fields if not field.added}
        if not self.table.by_keys and self.table.changed_at:
            values[self.table.changed_at] = self._cursor(row)
        if self.number:
            values |= {HASH_LIST: self.number, HASH: content_hash(row, self.hash_list)}
        if checked_at is not None:
            values[self.table.checked_mark] = format_instant(checked_at)
        return (
            "{" + ",".join(f"{json.dumps(name)}:{_in_json(value)}" for name, value in values.items()) + "}\n"
        ).encode()

    def _csv(self, values: Iterable[Any]) -> bytes:
        return (",".join(_in_csv(value) for value in values) + "\n").encode()


def content_hash(row: Row, columns: HashList) -> int:
    """64 bits, signed, of the columns' texts; nulls are told apart."""
    text = "\0".join("\1" if row.get(name) is None else str(row[name]) for name, _ in columns.columns)
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


def _in_json(value: Any) -> str:
    if isinstance(value, datetime):
        return json.dumps(_time(value, "T"))
    return str(value) if isinstance(value, Decimal) else json.dumps(value)


def _time(at: datetime, separator: str) -> str:
    """As PostgreSQL prints it: without zeros behind the last digit of a second."""
    text = at.isoformat(separator)
    return text.rstrip("0") if "." in text else text


def _in_csv(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return _time(value, " ")
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    return str(int(value)) if isinstance(value, bool) else str(value)


@dataclass(frozen=True)
class SimulatedCatalog:
    """``ingestion.engines.port.Catalog``: the columns as they were when it was read."""

    tables: Mapping[str, tuple[Column, ...]]
    role_may_write: bool = False

    def reading(self, table: SourceTable, *, timezone: str) -> SimulatedTable:
        if table.name not in self.tables:
            raise UnknownTable("find table", table.name, "the server has no such table")
        there = {column.name for column in self.tables[table.name]}
        if lacking := sorted({field.name for field in table.fields if not field.added} - there):
            raise MissingColumns("find columns", table.name, f"lacks {', '.join(lacking)}")
        refuse_other_columns(table, self.columns(table), place=table.name)
        return SimulatedTable(table, self.tables[table.name], timezone=timezone)

    def columns(self, table: SourceTable) -> Sequence[CatalogColumn]:
        return [catalog_column(column) for column in self.tables.get(table.name, ())]


def catalog_column(column: Column) -> CatalogColumn:
    """A column in the catalog's words."""
    kind, stated = KINDS[column.kind]
    return CatalogColumn(column.name, kind, stated, nullable=column.nullable, number=column.number)


class SimulatedEngine:
    """``ingestion.engines.port.Engine`` without logins: its sessions come from ``SimulatedConnector``."""

    def catalog(self, session: SimulatedSession, tables: Sequence[SourceTable]) -> SimulatedCatalog:
        return SimulatedCatalog(session.see("catalog", lambda: _columns(session, tables)))

    def described(self, session: SimulatedSession, tables: Sequence[SourceTable]) -> Mapping[str, CatalogTable]:
        there = session.see("catalog", lambda: _columns(session, tables))
        keys = session.database.keys
        return {name: _catalog_table(name, columns, keys[name]) for name, columns in there.items()}

    def listed(self, session: SimulatedSession) -> Sequence[CatalogTable]:
        there: Mapping[str, tuple[Column, ...]] = session.see("catalog", lambda: dict(session.database.columns))
        return [_catalog_table(name, columns, session.database.keys[name]) for name, columns in there.items()]

    def bound(self, session: SimulatedSession, *, own_role_may_write: bool, lookback: int = 0) -> Bound:
        def look() -> Bound:
            now, held = session.database.now(), min(session.database.open, key=lambda each: each.began, default=None)
            if held is None:
                return Bound(now, now)
            return Bound(now, min(held.began, now), holder=Holder("transaction", 1, "app", "app", "active", held.began))

        return session.see("bound", look)  # type: ignore[no-any-return]

    def catch_up(self, session: SimulatedSession) -> None:
        """It is no replica."""


def _columns(session: SimulatedSession, tables: Sequence[SourceTable]) -> dict[str, tuple[Column, ...]]:
    there = session.database.columns
    return {
        table.name: tuple(replace(column) for column in there[table.name]) for table in tables if table.name in there
    }


def _catalog_table(name: str, columns: Sequence[Column], key: Sequence[str]) -> CatalogTable:
    described = tuple(catalog_column(column) for column in columns)
    return CatalogTable("public", name, f"public.{name}", "table", described, key=tuple(key))


def wall(at: datetime) -> datetime:
    """An instant as a column without zone holds it."""
    return at.astimezone(UTC).replace(tzinfo=None)
