"""The server's catalog of the contract's tables: columns, types, and what our role may do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from core.contract.model import SourceTable
from core.errors import InvalidData, MissingColumns, UnknownTable
from ingestion.engines.port import Session
from ingestion.engines.postgresql.quoting import literal

ClockKind = Literal["instant", "wall", "date"]
_CLOCKS: dict[str, ClockKind] = {
    "timestamp with time zone": "instant",
    "timestamp without time zone": "wall",
    "date": "date",
}
_MICROSECOND_DIGITS = 6


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column in the server's catalog. ``type`` has no modifier, so that a cast to it neither cuts nor rounds."""

    name: str
    type: str
    base: str
    modifier: int
    category: str
    not_null: bool

    @property
    def clock(self) -> ClockKind | None:
        """Whether its values are instants, wall-clock times or dates; None for anything else."""
        return _CLOCKS.get(self.base)

    @property
    def precision(self) -> timedelta:
        """One unit of a time's last digit. Finer than a microsecond there is nothing."""
        if self.clock == "date":
            return timedelta(days=1)
        digits = _MICROSECOND_DIGITS if self.modifier < 0 else self.modifier
        return timedelta(microseconds=10 ** (_MICROSECOND_DIGITS - digits))

    @property
    def collatable(self) -> bool:
        """Whether its order depends on a collation, which may differ after an upgrade of the server."""
        return self.category == "S"


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view.

    ``writable``: this session's role may change rows of it. ``lockable``: it may lock the whole. ``subscribed``:
    logical replication brings its rows, whose times are those of another server's transactions.
    """

    schema: str
    name: str
    columns: dict[str, SourceColumn]
    writable: bool
    lockable: bool
    subscribed: bool


@dataclass(frozen=True, slots=True)
class Relations:
    """The relations that the server has, by the contract's name."""

    place: str
    relations: dict[str, Relation]

    @property
    def role_may_write(self) -> bool:
        """Whether another session of our own role could hold a transaction that writes."""
        return any(relation.writable for relation in self.relations.values())

    def relation(self, table: SourceTable) -> Relation:
        """The relation of a table. Raises ``UnknownTable`` or ``MissingColumns`` where the server lacks some of it."""
        relation = self.relations.get(table.name)
        if relation is None:
            remedy = "Look at the contract, the role's search_path and its USAGE on the schema"
            raise UnknownTable("find table", f"{self.place}/{table.name}", "there is no such table", remedy)
        names = [field.name for field in table.fields if not field.added]
        if absent := [name for name in names if name not in relation.columns]:
            problem = f"it has no {', '.join(absent)}"
            raise MissingColumns("find columns", f"{self.place}/{table.name}", problem, "Look at the contract")
        return relation


def read_relations(session: Session, tables: Sequence[str]) -> Relations:
    """The catalog of all tables, in one round trip; a table that the server lacks is missing from it."""
    rows = session.query(_statement(tables))
    relations: dict[str, Relation] = {}
    for table, schema, relation_name, writable, lockable, subscribed, *column in rows:
        relation = relations.setdefault(table, Relation(schema, relation_name, {}, writable, lockable, subscribed))
        name, kind, base, modifier, category, not_null = column
        relation.columns[name] = SourceColumn(name, kind, base, modifier, category, not_null)
    return Relations(session.place, relations)


def _statement(tables: Sequence[str]) -> str:
    # format_type with -1: a type without modifier. With null it would say "character", and a cast to that keeps one
    # letter only. A domain's base type says what its values look like.
    names = ", ".join(literal(name, "text") for name in tables)
    return f"""
SELECT wanted.name, n.nspname::text, c.relname::text,
       has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
         OR has_any_column_privilege(c.oid, 'INSERT, UPDATE'),
       c.relkind IN ('r', 'p', 'v') AND has_table_privilege(c.oid, 'SELECT'),
       EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = c.oid),
       a.attname::text, format_type(a.atttypid, -1), format_type(coalesce(base.oid, ty.oid), -1),
       CASE WHEN ty.typtype = 'd' THEN ty.typtypmod ELSE a.atttypmod END,
       ty.typcategory::text, a.attnotnull
FROM unnest(ARRAY[{names}]::text[]) AS wanted (name)
JOIN pg_class c ON c.oid = to_regclass(quote_ident(wanted.name))
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type ty ON ty.oid = a.atttypid
LEFT JOIN pg_type base ON ty.typtype = 'd' AND base.oid = ty.typbasetype
"""


def clock_of(column: SourceColumn, *, place: str) -> ClockKind:
    """The clock of a cursor column. Raises ``InvalidData`` where it holds no times."""
    if column.clock is None:
        problem = f"{column.name} is of type {column.base}"
        raise InvalidData("find cursor", place, problem, "Name a timestamp column as changed_at in the contract")
    return column.clock
