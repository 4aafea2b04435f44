"""The server's catalog of the contract's tables: columns, types, and what our role may do."""

from __future__ import annotations

import re
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
# The type beneath a column's domains (`a` is of pg_attribute, `ty` of pg_type), and the innermost modifier, as `base`.
BASE_TYPE = """CROSS JOIN LATERAL (
  WITH RECURSIVE chain AS (
    SELECT ty.oid, ty.typtype, ty.typbasetype, ty.typtypmod, a.atttypmod AS modifier, 0 AS depth
    UNION ALL
    SELECT b.oid, b.typtype, b.typbasetype, b.typtypmod, greatest(chain.modifier, chain.typtypmod), depth + 1
    FROM chain JOIN pg_type b ON chain.typtype = 'd' AND b.oid = chain.typbasetype
  ) SELECT oid, modifier FROM chain ORDER BY depth DESC LIMIT 1
) AS base"""
# Whether no row has null in a column (`a` is of pg_attribute, `c` the relation). Old rows may, since PostgreSQL 18,
# under a constraint that is not validated; rows of tables that inherit may, where it is the parent's alone.
NEVER_NULL = """(a.attnotnull AND NOT EXISTS (
  WITH RECURSIVE part (oid) AS (
    SELECT a.attrelid
    UNION SELECT i.inhrelid FROM pg_inherits i JOIN part ON c.relkind <> 'p' AND i.inhparent = part.oid
  )
  SELECT FROM part JOIN pg_attribute own ON own.attrelid = part.oid AND own.attname = a.attname
  WHERE NOT own.attnotnull OR EXISTS (
    SELECT FROM pg_constraint k
    WHERE k.conrelid = part.oid AND k.contype = 'n' AND k.conkey = ARRAY[own.attnum] AND NOT k.convalidated)))"""
_NAME = re.compile(r'"(?:[^"]|"")+"|[^."]+')


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column in the server's catalog. ``type`` has no modifier, so that a cast to it neither cuts nor rounds.

    ``stated`` is the type as it was declared, ``number`` the column's place, which a new name leaves as it is.
    """

    name: str
    type: str
    base: str
    modifier: int
    category: str
    not_null: bool
    number: int = 0
    stated: str = ""

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

    ``writable``: this session's role may change rows of it. ``lockable``: it may lock the whole. ``elsewhere`` says
    why the transactions of this server tell nothing of its rows' times, if that is so: it, or something that it is
    made of, is ``subscribed`` (logical replication brings its rows), ``materialized`` or ``foreign``.
    """

    schema: str
    name: str
    columns: dict[str, SourceColumn]
    writable: bool
    lockable: bool
    elsewhere: str = ""


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
            remedy = "Look at the contract's relation, the role's search_path and its USAGE on the schema"
            problem = f"there is no table {table.relation or table.name}"
            raise UnknownTable("find table", f"{self.place}/{table.name}", problem, remedy)
        names = [field.name for field in table.fields if not field.added]
        if absent := [name for name in names if name not in relation.columns]:
            spare = [name for name in relation.columns if name not in {field.name for field in table.fields}]
            problem = f"it has no {', '.join(absent)}" + (f"; no field names its {', '.join(spare)}" if spare else "")
            remedy = "Put them back, or write what it has now: starmend contract suggest"
            raise MissingColumns("find columns", f"{self.place}/{table.name}", problem, remedy)
        return relation


def parse_relation(text: str) -> tuple[str, str]:
    """Schema (empty: along the search path) and name; names without quotes are folded to small letters, as in SQL."""
    parts = [part if part[0] == '"' else part.lower() for part in _NAME.findall(text)]
    names = [part[1:-1].replace('""', '"') if part[0] == '"' else part for part in parts]
    return (names[-2] if len(names) > 1 else "", names[-1])


def read_relations(session: Session, tables: Sequence[SourceTable]) -> Relations:
    """The catalog of all tables, in one round trip; a table that the server lacks is missing from it."""
    rows = session.query(_statement(tables))
    relations: dict[str, Relation] = {}
    for table, schema, relation_name, writable, lockable, elsewhere, *column in rows:
        relation = relations.setdefault(table, Relation(schema, relation_name, {}, writable, lockable, elsewhere or ""))
        relation.columns[column[0]] = SourceColumn(*column)
    return Relations(session.place, relations)


def _statement(tables: Sequence[SourceTable]) -> str:
    # format_type with -1: a type without modifier. With null it would say "character", and a cast to that keeps one
    # letter only. A domain's base type, however many domains lie between, says what its values look like.
    # to_regclass would refuse all tables where our role may not use the schema of one.
    places = [parse_relation(table.relation) if table.relation else ("", table.name) for table in tables]
    names = ", ".join(literal(table.name, "text") for table in tables)
    schemas = ", ".join(literal(schema, "text") for schema, _ in places)
    relations = ", ".join(literal(name, "text") for _, name in places)
    return f"""
WITH RECURSIVE named AS MATERIALIZED (
  SELECT wanted.name, c.oid, c.relname, c.relnamespace, c.relkind
  FROM unnest(ARRAY[{names}]::text[], ARRAY[{schemas}]::text[], ARRAY[{relations}]::text[])
    AS wanted (name, schema, relation)
  JOIN pg_class c ON c.relname = wanted.relation AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE CASE wanted.schema WHEN '' THEN pg_table_is_visible(c.oid) ELSE n.nspname = wanted.schema END
), reach (root, oid) AS (
  SELECT oid, oid FROM named
  UNION SELECT oid, pg_partition_ancestors(oid)::oid FROM named
  UNION SELECT reach.root, beneath.oid
  FROM reach CROSS JOIN LATERAL (
    SELECT inhrelid FROM pg_inherits WHERE inhparent = reach.oid
    UNION ALL
    SELECT d.refobjid FROM pg_rewrite r JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
    WHERE r.ev_class = reach.oid AND d.refclassid = 'pg_class'::regclass
  ) AS beneath (oid)
), origin AS MATERIALIZED (
  SELECT reach.root AS oid, max(CASE
    WHEN EXISTS (SELECT FROM pg_subscription_rel WHERE srrelid = reach.oid) THEN 'subscribed'
    WHEN c.relkind = 'm' THEN 'materialized' WHEN c.relkind = 'f' THEN 'foreign' END) AS elsewhere
  FROM reach JOIN pg_class c ON c.oid = reach.oid GROUP BY 1
)
SELECT c.name, n.nspname::text, c.relname::text,
       has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
         OR has_any_column_privilege(c.oid, 'INSERT, UPDATE'),
       c.relkind IN ('r', 'p', 'v') AND has_table_privilege(c.oid, 'SELECT'), origin.elsewhere,
       a.attname::text, format_type(a.atttypid, -1), format_type(base.oid, -1), base.modifier,
       ty.typcategory::text, {NEVER_NULL}, a.attnum::int, format_type(a.atttypid, a.atttypmod)
FROM named c
JOIN origin ON origin.oid = c.oid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_type ty ON ty.oid = a.atttypid
{BASE_TYPE}
"""


def clock_of(column: SourceColumn, *, place: str) -> ClockKind:
    """The clock of a cursor column. Raises ``InvalidData`` where it holds no times."""
    if column.clock is None:
        problem = f"{column.name} is of type {column.base}"
        raise InvalidData("find cursor", place, problem, "Name a timestamp column as changed_at in the contract")
    return column.clock
