"""Statements that read rows of one table as JSON lines.

Order and intervals go by the *cursor*: ``changed_at``, or ``created_at`` where that is null. Rows are ordered by
(cursor, key), so that a position names one place between two rows. Keys that are text compare by their bytes: an order
that a collation makes could change between two passes.

A line holds the contract's columns only, as ``row_to_json`` prints them: numbers exact, times in ISO 8601, instants
in UTC with their offset. A wall-clock time stays as it is: the contract says whose clock it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from core.contract.model import Field, SourceTable
from core.errors import InvalidData, MissingColumns
from core.landing.ingest_objects import START, KeyValue, Position
from core.time import FIRST_PLACE, NO_PLACE, format_instant
from ingestion.engines.postgresql.quoting import identifier, literal, qualified
from ingestion.engines.postgresql.relation import ClockKind, Relation, SourceColumn, clock_of
from ingestion.engines.postgresql.rendering import in_line, key_literal

# Control characters inside JSON are always escaped, so neither can be in a line: CSV with them is the raw line.
COPY_OPTIONS = r"(FORMAT csv, QUOTE E'\x01', DELIMITER E'\x02')"
LONGEST_SETBACK = 24 * 60  # minutes
_WALL, _INSTANT = "timestamp without time zone", "timestamp with time zone"


_NO_CURSOR = datetime(1970, 1, 1)  # noqa: DTZ001
_NO_COLUMN = SourceColumn("", _WALL, _WALL, -1, "D", not_null=True)


@dataclass(frozen=True, slots=True)
class Reading:
    """A table with the columns that its rows are read and ordered by; ``plan_reading`` makes it.

    ``content`` are the columns of a line, beside the contract's, that say the hash of its content.
    """

    table: SourceTable
    relation: Relation
    timezone: str
    changed: SourceColumn
    created: SourceColumn | None
    clock: ClockKind
    keys: tuple[SourceColumn, ...]
    content: tuple[str, ...] = ()

    @property
    def cursor(self) -> str:
        """The SQL expression that rows are ordered by first; a constant where no time tells which of them changed."""
        if self.table.by_keys:
            return literal(_NO_CURSOR, _WALL)
        changed = identifier(self.changed.name)
        return f"coalesce({changed}, {identifier(self.created.name)})" if self.created else changed

    @property
    def needs_report(self) -> bool:
        """Whether there may be rows without cursor or key, which no interval holds."""
        return not self.changed.not_null or not all(key.not_null for key in self.keys)

    @property
    def fields(self) -> tuple[Field, ...]:
        """The fields that are columns of the source."""
        return tuple(field for field in self.table.fields if not field.added)

    @property
    def place_fields(self) -> tuple[Field, ...]:
        """The fields that tell a row's key and cursor."""
        names = {*self.table.key, self.table.changed_at, self.table.created_at}
        return tuple(field for field in self.fields if field.name in names)

    @property
    def source(self) -> str:
        """The relation's quoted name."""
        return qualified(self.relation.schema, self.relation.name)

    @property
    def precision_column(self) -> SourceColumn:
        """The coarser of the columns that the cursor may come from."""
        return max((column for column in (self.changed, self.created) if column), key=lambda column: column.precision)


def plan_reading(table: SourceTable, relation: Relation, *, timezone: str) -> Reading:
    """Choose cursor and key columns. Raises ``MissingColumns`` (KeyError) where the table has neither time."""
    keys = tuple(relation.columns[name] for name in table.key)
    if table.by_keys:
        return Reading(table, relation, timezone, _NO_COLUMN, None, "wall", keys)
    named = [name for name in (table.changed_at, table.created_at) if name in relation.columns]
    if not named:
        problem = "neither changed_at nor created_at names a column"
        raise MissingColumns("find cursor", table.name, problem, "Name one in the contract")
    changed = relation.columns[named[0]]
    created = relation.columns[named[1]] if len(named) > 1 and not changed.not_null else None
    clock = clock_of(changed, place=table.name)
    if created and clock_of(created, place=table.name) != clock:
        problem = f"{changed.name} may be null and is a {changed.base}, {created.name} is a {created.base}"
        raise InvalidData("find cursor", table.name, problem, "One cannot take the other's place: set it NOT NULL")
    return Reading(table, relation, timezone, changed, created, clock, keys)


# ---------------------------------------------------------------- statements


def copy_interval(reading: Reading, start: Position, until: datetime, *, checked_at: datetime | None = None) -> str:
    """COPY of the rows from ``start`` on whose cursor is before ``until``, in order."""
    return copy_where(reading, within(reading, start, until), reading.fields, checked_at=checked_at)


def copy_keys(reading: Reading, keys: Sequence[Sequence[KeyValue]], *, checked_at: datetime) -> str:
    """COPY of the rows that have one of these keys, as they are now."""
    return copy_where(reading, among(reading, keys), reading.fields, checked_at=checked_at, ordered=False)


def copy_where(
    reading: Reading,
    condition: str,
    fields: Sequence[Field],
    *,
    checked_at: datetime | None = None,
    ordered: bool = True,
    at_most: int = 0,
) -> str:
    """COPY of these fields of the rows that fulfil a condition, in order of (cursor, key) unless told otherwise."""
    cursor = [] if reading.table.by_keys else [reading.cursor]
    order = f" ORDER BY {', '.join([*cursor, *map(_ordered, reading.keys)])}" if ordered else ""
    limit = f" LIMIT {at_most:d}" if at_most else ""
    return _copy(reading, fields, f"WHERE {condition}{order}{limit}", checked_at)


def within(reading: Reading, start: Position, until: datetime) -> str:
    """The condition that a row's place is ``start`` or behind it, and before ``until``; all have it without a clock."""
    conditions = ["true" if reading.table.by_keys else _within(reading, start, until)]
    if start.after is not None:
        conditions.append(_behind(reading, start.at, start.after))
    conditions += [f"{identifier(key.name)} IS NOT NULL" for key in reading.keys if not key.not_null]
    return " AND ".join(conditions)


def count_unplaced(reading: Reading, beyond: datetime, *, at_most: int = 10_000) -> str:
    """Counts the rows, at most ``at_most``, that no interval before ``beyond`` will hold."""
    limited = f"SELECT 1 FROM {reading.source} WHERE {never_held(reading, beyond)} LIMIT {at_most:d}"
    return f"SELECT count(*) FROM ({limited}) AS unplaced"


def never_held(reading: Reading, beyond: datetime) -> str:
    """The condition that no interval before ``beyond`` will hold a row: it has no key, or no place in time."""
    keyless = [f"{identifier(key.name)} IS NULL" for key in reading.keys if not key.not_null]
    return f"({' OR '.join([without_place(reading, beyond), *keyless])})"


def without_place(reading: Reading, beyond: datetime) -> str:
    """The condition that a row has no place in time before ``beyond``: no cursor, or one before or behind all times.

    None has where the table has no clock, and needs none.
    """
    if reading.table.by_keys:
        return "false"
    first, last = _moment(FIRST_PLACE, reading.clock), _instant_bound(reading, beyond)
    changed = identifier(reading.changed.name)
    # Column by column, so that an index on either can be used.
    conditions = [f"{changed} < {first}", f"{changed} >= {last}"]
    if reading.created:
        created = identifier(reading.created.name)
        nowhere = f"{created} IS NULL OR {created} < {first} OR {created} >= {last}"
        conditions.append(f"({changed} IS NULL AND ({nowhere}))")
    else:
        conditions.append(f"{changed} IS NULL")
    return " OR ".join(conditions)


def in_snapshot(reading: Reading, statement: str, *, seconds: float) -> str:
    """The statement in a read-only transaction with one snapshot, in one round trip.

    It ends after ``seconds``, and so does the wait for its lock.

    The table is locked first, with its partitions or what a view reads, as reading does anyway: a snapshot that is
    older than the lock finds those empty that somebody rewrote (ALTER TABLE, "Caveats" of PostgreSQL's MVCC) and
    committed while the lock was waited for. There is no lock where the role may read some columns only, or the table
    is of a kind that cannot be locked.
    """
    milliseconds = max(1, int(seconds * 1000))
    lock = f"LOCK TABLE {reading.source} IN ACCESS SHARE MODE; " if reading.relation.lockable else ""
    return (
        f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = {milliseconds:d}; "
        f"{lock}{statement}; COMMIT"
    )


# ---------------------------------------------------------------- parts


def _copy(reading: Reading, fields: Sequence[Field], condition: str, checked_at: datetime | None) -> str:
    columns = [_output(reading, field, is_check=checked_at is not None) for field in fields]
    if len(fields) == len(reading.fields):
        columns += reading.content  # before the check's mark, which a repair of a deleted row takes off the line's end
    if checked_at is not None:
        columns.append(f"{literal(format_instant(checked_at), 'text')} AS {reading.table.checked_mark}")
    rows = f"SELECT {', '.join(columns)} FROM {reading.source} AS stored {condition}"
    # The star says the whole row, also of a table that has a column ``line``.
    return f"COPY (SELECT row_to_json(line.*) FROM ({rows}) AS line) TO STDOUT {COPY_OPTIONS}"


def _output(reading: Reading, field: Field, *, is_check: bool) -> str:
    """A column as the contract's type wants it in JSON, under the contract's name.

    A cursor that is no time of the warehouse's is shown by checks as ``NO_PLACE``, unless it is part of the key: no
    row of the source would have that one.
    """
    column = reading.relation.columns[field.name]
    name = identifier(column.name)
    if column.name == reading.changed.name:
        if is_check and field.name not in reading.table.key:
            first, last, cursor = _moment(FIRST_PLACE, reading.clock), _moment(NO_PLACE, reading.clock), reading.cursor
            return f"CASE WHEN {cursor} >= {first} THEN least({cursor}, {last}) ELSE {last} END AS {name}"
        return name if not reading.created else f"{reading.cursor} AS {name}"
    return f"{in_line(column, field)} AS {name}"


def among(reading: Reading, keys: Sequence[Sequence[KeyValue]]) -> str:
    """The condition that a row has one of these keys (``core.audit.key_values``), of which there is one at least.

    Keys of several columns are rows to join with: a list of rows is a nested OR, too deep from some thousands on.
    """
    names = ", ".join(identifier(key.name) for key in reading.keys)
    rows = ", ".join(f"({_canonical(reading, key)})" for key in keys)
    return f"({names}) IN ({'VALUES ' if len(reading.keys) > 1 else ''}{rows})"


def copy_values(reading: Reading, keys: Sequence[Sequence[KeyValue]]) -> str:
    """COPY of these keys, which fails where one of them is no value of the columns' types."""
    rows = ", ".join(f"({_canonical(reading, key)})" for key in keys)
    return f"COPY (VALUES {rows}) TO STDOUT (FORMAT csv)"


def _within(reading: Reading, start: Position, until: datetime) -> str:
    low, high = _bound(reading, start), _instant_bound(reading, until)
    changed = identifier(reading.changed.name)
    inside = f"{changed} >= {low} AND {changed} < {high}"
    if not reading.created:
        return inside
    created = identifier(reading.created.name)
    # Spelled out, so that an index on either column can be used.
    return f"(({inside}) OR ({changed} IS NULL AND {created} >= {low} AND {created} < {high}))"


def _behind(reading: Reading, at: datetime, key: Sequence[KeyValue]) -> str:
    row = ", ".join([reading.cursor, *map(_ordered, reading.keys)])
    return f"({row}) > ({_moment(at, reading.clock)}, {_values(reading, key)})"


def _canonical(reading: Reading, key: Sequence[KeyValue]) -> str:
    parts = zip(_whole(reading, key), reading.keys, reading.table.key, strict=True)
    return ", ".join(
        key_literal(value, column, reading.table.field(name).type, timezone=reading.timezone)
        for value, column, name in parts
    )


def _whole(reading: Reading, key: Sequence[KeyValue]) -> Sequence[KeyValue]:
    if len(key) != len(reading.keys):
        raise InvalidData("find row", reading.table.name, f"{list(key)!r} is no key", "Its columns are in the contract")
    return key


def _values(reading: Reading, key: Sequence[KeyValue]) -> str:
    """The key of a line, as the line has it."""
    key = _whole(reading, key)
    return ", ".join(literal(value, column.type) for value, column in zip(key, reading.keys, strict=True))


def _ordered(column: SourceColumn) -> str:
    """With the table's alias: a bare name in ORDER BY would mean the output, which may be the key's text."""
    return f"stored.{identifier(column.name)}" + (' COLLATE "C"' if column.collatable else "")


def _bound(reading: Reading, start: Position) -> str:
    if start == START:
        return _moment(FIRST_PLACE, reading.clock)
    if start.at.tzinfo is None:
        return _moment(start.at, reading.clock)
    return _instant_bound(reading, start.at) if start.after is None else _moment(start.at, reading.clock)


def _instant_bound(reading: Reading, at: datetime) -> str:
    """An instant as a bound of the cursor.

    A wall clock that is not UTC may be set back: then the bound is the earliest time that it will ever show from ``at``
    on. Clocks are set back at whole minutes, by a day at most (a date line that moves).
    """
    if reading.clock == "instant" or reading.timezone == "UTC":
        return _moment(at, reading.clock)
    instant, zone = literal(at, _INSTANT), literal(reading.timezone, "text")
    minutes = f"date_trunc('minute', {instant}) + n * INTERVAL '1 minute'"
    return (
        f"(SELECT least({instant} AT TIME ZONE {zone}, min(({minutes}) AT TIME ZONE {zone}))"
        f" FROM generate_series(1, {LONGEST_SETBACK}) AS minute (n))"
    )


def _moment(at: datetime, clock: ClockKind) -> str:
    if clock == "instant":
        return literal(at, _INSTANT)
    return literal(at if at.tzinfo is None else at.replace(tzinfo=None), _WALL)
