"""Statements by which the auditor compares a table with the warehouse: fingerprints of buckets, and pairs.

Both see the rows that an extraction sees: those with a key and a cursor that an interval can hold. Versions are the
cursor in UTC. ``core.audit.fingerprint`` computes the same hashes. A key that is no value of the contract's types
(``2.5`` of a bigint, an infinite date) no row of the warehouse has: its hash is 0, and it is listed as the line has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.audit.source_check import NO_VALUE, Span
from core.landing.ingest_objects import KeyValue
from core.time import FIRST_PLACE, NO_PLACE, parse_instant
from ingestion.engines.postgresql.quoting import identifier, literal
from ingestion.engines.postgresql.relation import SourceColumn, clock_of
from ingestion.engines.postgresql.rendering import double_bits, exact_number, shown_in_line, text_in_line, whole_number
from ingestion.engines.postgresql.select import Reading, among, never_held, without_place

_WALL = "timestamp without time zone"
_BITS = {"int": 31, "bigint": 63}
_NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision", "money")
_WHOLE_WITHIN = {
    "int": ("smallint", "integer"),
    "bigint": ("smallint", "integer", "bigint", "oid", "xid", "cid", "xid8"),
}
_EXACT_WITHIN = ("smallint", "integer", "bigint", "real", "double precision")  # every one has a double, or several one
_LEAST_DOUBLE, _GREATEST_DOUBLE = "4.9406564584124654e-324", "1.7976931348623157e308"
# Times between these can be moved to another zone; beyond them the server's own range may end.
_EARLY, _LATE = "TIMESTAMP '4000-01-01 BC'", "TIMESTAMP '290000-01-01'"


def count_buckets(
    reading: Reading,
    spans: Sequence[Span],
    *,
    column: str,
    until: datetime,
    buckets: int,
    hashes: Sequence[str] = (),
    beyond: datetime | None = None,
) -> tuple[str, Sequence[int | None]]:
    """(stretch, bucket, rows, greatest version as a timestamp, sum of hashes) of the rows older than ``until``.

    ``hashes`` are those of the rows' content (``content``), whose sums come behind the others. With ``beyond`` the same
    scan counts the rows that no interval before it will hold too, and those whose ``column`` is in no span, as a bucket
    that is null: no other row has no hash.

    One scan for all spans: their bounds cut time into stretches, counted from 1; the second part of the answer says
    which span each of them is (None: between two spans). The server may have several workers do it: what is grouped
    by is so plain that it knows how few groups there are, and the fence (an OFFSET, so that the key is hashed once) is
    of the very type that counts as none.
    """
    version = _version(reading)
    conditions = [*_placed(reading), f"{version} < {_utc(until)}"]
    stretch, span_of = "1", [0]
    if column:
        bounds = sorted({parse_instant(text) for span in spans for text in (span.start, span.end)})
        time = in_utc(reading, identifier(column), reading.relation.columns[column])
        array = ", ".join(_utc(at) for at in bounds)
        stretch = f"width_bucket({time}, ARRAY[{array}])"
        conditions += [f"{time} >= {_utc(bounds[0])}", f"{time} < {_utc(bounds[-1])}"]
        starts = {parse_instant(span.start): number for number, span in enumerate(spans)}
        span_of = [starts.get(at) for at in bounds[:-1]]  # type: ignore[misc]
    content = [f"{expression} AS c{place}" for place, expression in enumerate(hashes)]
    sums = "".join(f", sum(c{place})" for place in range(len(hashes)))
    chosen, key = " AND ".join(conditions), _hash(reading)
    if beyond is not None:
        key = f"CASE WHEN {chosen} THEN {key} END"
        chosen = " OR ".join([f"({chosen})", never_held(reading, beyond), *_in_no_span(reading, column)])
    stretches = [f"{stretch} AS s"] if column else []
    rows = f"SELECT {', '.join([*stretches, f'{key} AS h', f'{version} AS v', *content])} FROM {reading.source}"
    statement = (
        f"SELECT {'s' if column else '1'}, (h & {buckets - 1:d})::int, count(*), max(v),"
        f" sum(timestamp_hash_extended(v, h)){sums}"
        f" FROM ({rows} WHERE {chosen} OFFSET '0') AS keyed GROUP BY {'1, 2' if column else '2'}"
    )
    return statement, span_of


def copy_pairs(
    reading: Reading, span: Span, *, column: str, buckets: int, wanted: Sequence[int], hashes: Sequence[str] = ()
) -> str:
    """COPY of key, version and hashes of the content of the rows of the wanted buckets, as CSV."""
    version = _version(reading)
    conditions = [*_placed(reading), *_span(reading, span, column)]
    if len(wanted) < buckets:
        numbers = ", ".join(f"{bucket:d}" for bucket in wanted)
        conditions.append(f"({_hash(reading)} & {buckets - 1:d}) IN ({numbers})")
    names = ", ".join([*(_as_text(reading, key) for key in reading.keys), version, *hashes])
    rows = f"SELECT {names} FROM {reading.source} WHERE {' AND '.join(conditions)}"
    return f"COPY ({rows}) TO STDOUT (FORMAT csv)"


def copy_unplaced(reading: Reading, beyond: datetime, *, column: str, hashes: Sequence[str] = (), at_most: int) -> str:
    """COPY of key, place and hashes of the rows that have a key, and no place in time before ``beyond`` or in no span.

    The place is the time that slices bound, null where that is none of the warehouse's.
    """
    conditions = [f"({' OR '.join([without_place(reading, beyond), *_in_no_span(reading, column)])})"]
    conditions += [f"{identifier(key.name)} IS NOT NULL" for key in reading.keys if not key.not_null]
    place = "NULL"
    if column:
        name, first, last = identifier(column), literal(FIRST_PLACE, _WALL), literal(NO_PLACE, _WALL)
        time = in_utc(reading, name, reading.relation.columns[column])
        place = f"CASE WHEN {name} >= {first} AND {name} < {last} THEN {time} END"
    names = ", ".join([*(_as_text(reading, key) for key in reading.keys), place, *hashes])
    rows = f"SELECT {names} FROM {reading.source} WHERE {' AND '.join(conditions)} LIMIT {at_most:d}"
    return f"COPY ({rows}) TO STDOUT (FORMAT csv)"


def copy_columns(reading: Reading, keys: Sequence[Sequence[KeyValue]], columns: Sequence[str]) -> str:
    """COPY of key and columns (names of the contract's) of the rows that have one of these keys, as CSV."""
    others = [reading.relation.columns[name] for name in columns]
    names = ", ".join(_as_text(reading, column) for column in [*reading.keys, *others])
    return f"COPY (SELECT {names} FROM {reading.source} WHERE {among(reading, keys)}) TO STDOUT (FORMAT csv)"


def _version(reading: Reading) -> str:
    """The cursor in UTC; the same for all rows where no time tells which of them changed."""
    return reading.cursor if reading.table.by_keys else in_utc(reading, reading.cursor, reading.changed)


def in_utc(reading: Reading, expression: str, column: SourceColumn) -> str:
    """A time as a timestamp without zone in UTC, as processing makes it of the same value (``core.zones``)."""
    clock = clock_of(column, place=reading.table.name)
    if clock == "instant":
        return f"({expression} AT TIME ZONE 'UTC')"
    if clock == "date":  # of which there are some that are no timestamp
        expression = f"CASE WHEN {expression} < {_LATE} THEN {expression} ELSE 'infinity' END::timestamp"
    if reading.timezone == "UTC":
        return f"{expression}"
    moved = f"{expression} AT TIME ZONE {literal(reading.timezone, 'text')} AT TIME ZONE 'UTC'"
    return f"CASE WHEN {expression} >= {_EARLY} AND {expression} < {_LATE} THEN {moved} ELSE {expression} END"


def _placed(reading: Reading) -> list[str]:
    """Conditions for rows that an interval can hold."""
    first, last = literal(FIRST_PLACE, _WALL), literal(NO_PLACE, _WALL)
    conditions = [] if reading.table.by_keys else [f"{reading.cursor} >= {first}", f"{reading.cursor} < {last}"]
    conditions += [f"{identifier(key.name)} IS NOT NULL" for key in reading.keys if not key.not_null]
    return conditions or ["true"]


def _in_no_span(reading: Reading, column: str) -> list[str]:
    """The conditions, of which one is enough, that the time that bounds spans is in none of them."""
    if not column or column == reading.changed.name:
        return []  # that of the cursor is looked for anyway
    name, first, last = identifier(column), literal(FIRST_PLACE, _WALL), literal(NO_PLACE, _WALL)
    absent = [] if reading.relation.columns[column].not_null else [f"{name} IS NULL"]
    return [*absent, f"{name} < {first}", f"{name} >= {last}"]


def _span(reading: Reading, span: Span, column: str) -> list[str]:
    if not column:
        return []
    time = in_utc(reading, identifier(column), reading.relation.columns[column])
    bounds = [(">=", span.start), ("<", span.end)]
    return [f"{time} {operator} {_utc(parse_instant(text))}" for operator, text in bounds if text]


def _utc(at: datetime) -> str:
    return literal(at.replace(tzinfo=None), _WALL)


def _fits(reading: Reading, column: SourceColumn) -> str:
    """The condition that a column's value is one of the contract's type; empty where every value is."""
    kind, name = reading.table.field(column.name).type, identifier(column.name)
    if kind.name == "date" and column.clock == "date":
        return f"({name} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31')"
    if kind.name == "timestamp":
        time = in_utc(reading, name, column)
        return f"({time} >= TIMESTAMP '0001-01-01' AND {time} < TIMESTAMP '10000-01-01')"
    if column.base not in _NUMBERS or column.base in _WHOLE_WITHIN.get(kind.name, ()):
        return ""
    number = f"{name}::numeric" if column.base == "money" else name
    if kind.name in _BITS:
        most = 2 ** _BITS[kind.name]
        return f"({number} >= -{most:d} AND {number} < {most:d} AND {number} = trunc({number}))"
    if kind.name == "decimal":
        most = 10 ** (kind.precision - kind.scale)
        exact = exact_number(column)
        equal = f"{exact} = round({exact}, {kind.scale:d})"
        return f"CASE WHEN {number} > -{most:d} AND {number} < {most:d} THEN {equal} ELSE false END"
    if kind.name == "double" and column.base not in _EXACT_WITHIN:
        size = f"abs({number})"
        inside = f"{number} = 0 OR {size} BETWEEN {_LEAST_DOUBLE} AND {_GREATEST_DOUBLE}"
        return f"({number}::text IN ('NaN', 'Infinity', '-Infinity') OR {inside})"
    return ""


def _hash(reading: Reading) -> str:
    """The key's hash, its columns chained; 0 of a key that is no value of the contract's types."""
    conditions = [condition for column in reading.keys if (condition := _fits(reading, column))]
    chained = _chained(reading)
    return f"CASE WHEN {' AND '.join(conditions)} THEN {chained} ELSE 0 END" if conditions else chained


def _chained(reading: Reading) -> str:
    seed = "0"
    for column in reading.keys:
        name = identifier(column.name)
        kind = reading.table.field(column.name).type
        if kind.name in ("int", "bigint"):
            seed = f"hashint8extended({whole_number(column)}::bigint, {seed})"
        elif kind.name == "boolean":
            seed = f"hashint8extended({name}::int::bigint, {seed})"
        elif kind.name == "date":
            seed = f"hashint8extended(({name}::date - DATE '1970-01-01')::bigint, {seed})"
        elif kind.name == "timestamp":
            seed = f"timestamp_hash_extended({in_utc(reading, name, column)}, {seed})"
        elif kind.name == "double":
            seed = f"hashint8extended({double_bits(column)}, {seed})"
        else:
            seed = f'hashtextextended({text_in_line(column, kind)} COLLATE "C", {seed})'
    return seed


def _as_text(reading: Reading, column: SourceColumn) -> str:
    """A column for CSV, by the contract's type; a value that is none of that type as the line has it."""
    text, condition = _typed_text(reading, column), _fits(reading, column)
    if not condition:
        return text
    shown = shown_in_line(column)
    if column.clock == "wall":  # so that nobody takes it for a time of UTC: it may be none of UTC's years
        shown += f" || CASE WHEN {identifier(column.name)} < TIMESTAMP '0001-01-01' THEN '' ELSE ' AD' END"
    return f"CASE WHEN {condition} THEN ({text})::text ELSE {literal(NO_VALUE, 'text')} || {shown} END"


def _typed_text(reading: Reading, column: SourceColumn) -> str:
    kind = reading.table.field(column.name).type
    name = identifier(column.name)
    if kind.name in ("int", "bigint"):
        return f"{whole_number(column)}::bigint"
    if kind.name == "date":
        return name
    if kind.name == "timestamp":
        return in_utc(reading, name, column)
    return f"{name}::int" if kind.name == "boolean" else text_in_line(column, kind)
