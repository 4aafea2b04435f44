"""The hash of a row's content, as an SQL expression of the server's own hash functions.

Each column is hashed by the function of its type, the hash before it as the seed; nulls stand as bits in a last value.
Values that the database calls equal hash alike (1.0 and 1.00, 0 and -0, ``char(n)`` with blanks or without). What
PostgreSQL gives no usable hash is hashed by its text: an enum's hash is its object id, a month's and 30 days' are one,
infinite numerics' are one. A numeric's leaves out the sign, which goes into the seed. A real has the hash of its
double and a form of its own: it prints 0.1, and 0.10000000149011612 once its column is one of doubles. Texts go under
COLLATE "C", for a nondeterministic collation hashes its own sort key. JSON's null is hashed as an empty text, which no
document is: lines of earlier releases had it as SQL's null and the hash of its four letters, so that a row which was
read by them differs from the source, whatever its list, until it is fetched again.

PostgreSQL gives no word that these functions stay as they are (the documentation does not name them), but its hash
partitions on disk rest on them through every ``pg_upgrade``, and on little-endian machines they are the same from
version 11 on. A list names the server's version, its encoding and what the functions make of a probe, so that whatever
changes makes a new list. Of ``bigint``, times and dates these functions fold a value to 32 bits first: a change of one
such value is missed once in 4 billion, of anything else once in 2**64.
"""

from __future__ import annotations

from core.contract.model import HASH, HASH_LIST, Field
from core.landing.content import HashList
from ingestion.engines.port import Session
from ingestion.engines.postgresql.quoting import identifier
from ingestion.engines.postgresql.relation import Relation, SourceColumn
from ingestion.engines.postgresql.rendering import DOCUMENTS, document_text, is_json_null
from ingestion.engines.postgresql.select import Reading

NULLABLE = "?"
_WORD = 30  # null bits of one integer
TRIM_SCALE = 13  # the major version from which PostgreSQL has the function of that name

# By form: the value (``{x}`` the column), what stands for a null, and the hash (``{v}`` the value, ``{s}`` the seed).
_TEXT = 'hashtextextended({v} COLLATE "C", {s})'
_NUMERIC = "hash_numeric_extended({v}, {s} # CASE WHEN {v} < 0 THEN 1 ELSE 0 END)"
_FORMS = {
    "bigint": ("{x}::bigint", "0", "hashint8extended({v}, {s})"),
    "boolean": ("{x}::int::bigint", "0", "hashint8extended({v}, {s})"),
    "double": ("nullif({x}::float8, 'NaN')", "'NaN'", "hashfloat8extended({v}, {s})"),
    "real": ("nullif({x}::float8, 'NaN')", "'NaN'", "hashfloat8extended({v}, {s})"),
    "numeric": ("{x}", "0", _NUMERIC),
    "number": ("trim_scale({x})::text", "''", _TEXT),
    "money": ("{x}::numeric", "0", _NUMERIC),
    "timestamp": ("{x}", "'epoch'", "timestamp_hash_extended({v}, {s})"),
    "instant": ("({x} AT TIME ZONE 'UTC')", "'epoch'", "timestamp_hash_extended({v}, {s})"),
    "time": ("{x}", "'00:00'", "time_hash_extended({v}, {s})"),
    "string": ("{x}", "''", _TEXT),
    "text": ("{x}::text", "''", _TEXT),
    "nested": ("to_jsonb({x})::text", "''", _TEXT),
    "json": ("", "''", _TEXT),
}
_NATIVE = {
    "smallint": "bigint",
    "integer": "bigint",
    "bigint": "bigint",
    "boolean": "boolean",
    "real": "real",
    "double precision": "double",
    "money": "money",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "instant",
    "time without time zone": "time",
    "text": "string",
    "character varying": "string",
}
_PROBE = """
SELECT current_setting('server_version_num')::int / 10000, current_setting('server_encoding'),
       to_hex(hashtextextended('starmend' COLLATE "C", 1) # hashint8extended(-7, 2) # hashint4extended(7, 3)
              # hash_numeric_extended(-1.50, 4) # hashfloat8extended(-1.5, 5)
              # timestamp_hash_extended(TIMESTAMP '2026-11-20 12:34:56.789', 6) # time_hash_extended(TIME '12:34', 7))
"""


def read_server(session: Session) -> str:
    """What hashes: the engine, its major version, its encoding, and what its functions make of a probe."""
    ((version, encoding, probe),) = session.query(_PROBE)
    return f"postgresql {version} {encoding} {probe}"


def hash_list(reading: Reading, server: str) -> HashList:
    """The list of all of the contract's columns, by name."""
    fields = sorted((field for field in reading.table.fields if not field.added), key=lambda field: field.name)
    columns = [(field.name, _form(field, reading.relation.columns[field.name])) for field in fields]
    if _version(server) < TRIM_SCALE:  # before there was anything infinite, the native hash does
        columns = [(name, form.replace("number", "numeric")) for name, form in columns]
    return HashList(server, tuple(columns))


def can_hash(relation: Relation, columns: HashList) -> bool:
    """Whether the table still has every column of a list, of a type that its form fits."""
    for name, form in columns.columns:
        column, plain = relation.columns.get(name), form.rstrip(NULLABLE)
        if column is None or plain not in _FORMS or plain not in _forms(column):
            return False
    return True


def content_hash(columns: HashList, relation: Relation) -> str:
    """The hash as a ``bigint`` expression, never null.

    Nulls of columns that the list calls never null are counted into it, unless the ``relation`` has none there: such a
    row is refused, and remembered by the hash.
    """
    seed = "0"
    nullable, required = list[str](), list[str]()
    for name, form in columns.columns:
        column, plain = identifier(name), form.rstrip(NULLABLE)
        _, absent, function = _FORMS[plain]
        value = _value(plain, relation.columns[name])
        may_lack = form.endswith(NULLABLE) or not relation.columns[name].not_null
        if may_lack or plain in ("real", "double"):
            value = f"coalesce({value}, {absent})"
        if may_lack:
            (nullable if form.endswith(NULLABLE) else required).append(column)
        seed = function.format(v=value, s=seed)
    for first in range(0, len(nullable), _WORD):
        word = nullable[first : first + _WORD]
        bits = " + ".join(
            f"CASE WHEN {column} IS NULL THEN {1 << place} ELSE 0 END" for place, column in enumerate(word)
        )
        seed = f"hashint4extended({bits}, {seed})"
    counts = [f"num_nulls({', '.join(required[first : first + _WORD])})" for first in range(0, len(required), _WORD)]
    return f"({seed} # ({' + '.join(counts)}))" if counts else seed


def _value(form: str, column: SourceColumn) -> str:
    value = document_text(column) if form == "json" else _FORMS[form][0].format(x=identifier(column.name))
    return f"CASE WHEN {is_json_null(column)} THEN '' ELSE {value} END" if column.base in DOCUMENTS else value


def hashed_output(number: int, columns: HashList, relation: Relation) -> tuple[str, ...]:
    """The two columns of a line that say its content's hash."""
    return (f"{number:d} AS {HASH_LIST}", f"{content_hash(columns, relation)} AS {HASH}")


def _form(field: Field, column: SourceColumn) -> str:
    native = _native(column)
    if field.type.name == "string" and native in ("bigint", "boolean", "real", "double", "numeric", "number"):
        native = "text"  # the line says it as text: 1.0 and 1.00 are two
    elif column.base == "json":
        native = "json"
    elif column.category in ("A", "C") and field.type.name == "json":
        native = "nested"
    return native if field.required else f"{native}{NULLABLE}"


def _native(column: SourceColumn) -> str:
    if column.base == "numeric":  # with a precision it may hold NaN, but nothing infinite
        return "numeric" if column.modifier >= 0 else "number"
    return _NATIVE.get(column.base, "text")


def _forms(column: SourceColumn) -> set[str]:
    """The forms in which a column may be hashed, whatever the contract calls it."""
    forms = {_native(column), "text"}
    if column.base == "real":  # lists of before called it so
        return forms | {"double"}
    if column.base == "numeric":
        return forms | {"numeric", "number"}
    if column.base == "json":
        return forms | {"json"}
    return forms | ({"nested"} if column.category in ("A", "C") else set())


def _version(server: str) -> int:
    return int(server.split()[1])
