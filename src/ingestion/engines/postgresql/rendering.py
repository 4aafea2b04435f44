"""Values of a column as lines, comparisons and statements have them: one rendering, whoever asks.

A value's text is the one that ``row_to_json`` gives it in the line, so that a key names its row in the line, in the
warehouse, in what the auditor asks and in what the server answers. A cast to text is another one for some types:
``char(5)`` loses its padding, ``inet`` gains a mask, a time of a string column loses its ``T``.
"""

from __future__ import annotations

import re

from core.contract.model import Field
from core.contract.types import ColumnType
from core.landing.ingest_objects import KeyValue
from core.landing.source_lines import JSON_NULL
from ingestion.engines.postgresql.quoting import identifier, literal
from ingestion.engines.postgresql.relation import SourceColumn

DOCUMENTS = ("json", "jsonb")
_AS_CAST = ("text", "character varying", "uuid")  # types whose text in JSON is that of a cast; so is every enum's
# Categories in pg_type of numbers, booleans, enums and any other kind. JSON has numbers and booleans of its own, and
# whoever made a type may have made a cast to JSON, which row_to_json takes: hstore and geometry become objects.
_CAST_FOR_TEXTS = ("N", "B", "E", "U")
_UTC = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}")
_COUNTERS = ("oid", "xid", "xid8", "cid")
_WALL, _INSTANT = "timestamp without time zone", "timestamp with time zone"


def in_line(column: SourceColumn, field: Field) -> str:
    """The value as the contract's type wants it in JSON."""
    name = identifier(column.name)
    if column.base in DOCUMENTS:
        text = document_text(column)
        if field.type.name != "json":
            return text
        return f"CASE WHEN {is_json_null(column)} THEN {literal(JSON_NULL, 'json')} ELSE {text}::json END"
    if column.category in ("A", "C"):  # an array or composite may hold json inside
        return f"to_jsonb({name})" if field.type.name == "json" else f"{name}::text"
    if _as_text(column, field.type):
        return name if field.type.name == "json" else f"{name}::text"
    if column.base == "money":
        return f"{name}::numeric"
    if field.type.name in ("int", "bigint"):
        return whole_number(column)
    return name


def document_text(column: SourceColumn) -> str:
    """A document's text, on one line.

    That of ``json`` comes as it was written, line breaks too: between JSON's parts they are only space.
    """
    text = f"{identifier(column.name)}::text"
    return f"translate({text}, E'\\n\\r', '  ')" if column.base == "json" else text


def is_json_null(column: SourceColumn) -> str:
    """The condition that a column of documents has JSON's null, which is a value and not SQL's null."""
    return f"{column.base}_typeof({identifier(column.name)}) = 'null'"


def whole_number(column: SourceColumn) -> str:
    """An integer as JSON's number; those of the system's own types are texts there."""
    name = identifier(column.name)
    return f"{name}::text::bigint" if column.base in _COUNTERS else name


def text_in_line(column: SourceColumn, kind: ColumnType) -> str:
    """The text that the line shows of the value."""
    name = identifier(column.name)
    if kind.name == "decimal":
        return f"{exact_number(column)}::numeric({kind.precision},{kind.scale})::text"
    if column.base in _AS_CAST or column.category in ("E", "A", "C") or _as_text(column, kind):
        return f"{name}::text"
    return shown_in_line(column)


def shown_in_line(column: SourceColumn) -> str:
    """The text of the value as JSON shows it, whatever the contract's type wants of it."""
    name = identifier(column.name)
    value = f"{name}::numeric" if column.base == "money" else name
    return f"(to_json({value}) #>> '{{}}')"


def exact_number(column: SourceColumn) -> str:
    """A number as the ``numeric`` that the line shows; a double's own cast keeps 15 digits."""
    name = identifier(column.name)
    return f"{name}::text::numeric" if column.base in ("real", "double precision") else f"{name}::numeric"


def double_bits(column: SourceColumn) -> str:
    """The bits of the double that the line's text reads as, as a bigint.

    Minus zero is zero, and there is one NaN: infinity less infinity has another sign than the one that is written.
    """
    name = identifier(column.name)
    text = "::text" if column.base == "real" else ""  # 0.1 as a real is not the double 0.1, but its text is
    number = f"{name}{text}::double precision"
    canonical = f"CASE WHEN {number} = 'NaN' THEN 'NaN'::double precision ELSE {number} + 0 END"
    return f"('x' || encode(float8send({canonical}), 'hex'))::bit(64)::bigint"


def key_literal(value: KeyValue, column: SourceColumn, kind: ColumnType, *, timezone: str) -> str:
    """A value of ``core.audit.key_values`` as a constant that equals the column where they are the same."""
    if kind.name != "timestamp" or column.clock is None or not _UTC.fullmatch(str(value)):
        return literal(value, column.type)
    if column.clock != "instant" and timezone != "UTC":
        wall = f"({literal(f'{value}+00', _INSTANT)} AT TIME ZONE {literal(timezone, 'text')})"
        return f"{wall}::{column.type}"
    if column.clock == "instant":
        return literal(f"{value}+00", _INSTANT)
    return f"{literal(value, _WALL)}::{column.type}"


def _as_text(column: SourceColumn, kind: ColumnType) -> bool:
    return (kind.name == "string" and column.category in _CAST_FOR_TEXTS) or column.base in ("jsonb", "bytea")
