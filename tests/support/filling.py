"""Rows for tables that somebody else designed: made from the catalog alone, row by row the same for the same number.

A reference's value is one of the numbers that its target's keys are made of, so that most references hold. Triggers and
foreign keys sleep meanwhile; a row that a CHECK or an index refuses is left out.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.support.extraction import ScratchDatabase

_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), base.typname, base.typcategory, base.typtype, a.attnotnull,
  EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = a.attrelid AND k.contype = 'f' AND a.attnum = ANY (k.conkey)),
  greatest(a.atttypmod, ty.typtypmod)
FROM pg_attribute a JOIN pg_type ty ON ty.oid = a.atttypid
JOIN pg_type base ON base.oid = CASE ty.typtype WHEN 'd' THEN ty.typbasetype ELSE ty.oid END
WHERE a.attrelid = '{relation}'::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
ORDER BY a.attnum
"""


@dataclass(frozen=True)
class Filled:
    """A column that can be written: its type, and whether it refers to another table."""

    name: str
    type: str
    base: str
    category: str
    kind: str
    required: bool
    refers: bool
    modifier: int

    def value(self, number: int) -> str:
        """SQL of the value of a number, in the column's type; null where the type is none that can be made up."""
        expression = self._expression(number)
        return f"({expression})::{self.type}" if expression else "NULL"

    def _expression(self, number: int) -> str:
        if self.kind == "e":
            return f"(enum_range(NULL::{self.type}))[1 + {number} % array_length(enum_range(NULL::{self.type}), 1)]"
        if self.category == "N":
            return f"{number % 30_000}"
        if self.category == "S":
            length = self.modifier - 4 if self.modifier > 4 else 40
            return f"right('w{number}', {length})"
        if self.base == "date":
            return f"DATE '2026-01-01' + {number % 300}"
        if self.category == "D" and self.base.startswith("timestamp"):
            return f"TIMESTAMP '2026-06-01' + {number} * INTERVAL '7 minutes 1.5 seconds'"
        if self.category == "D":
            return f"TIME '00:00' + {number % 1440} * INTERVAL '1 minute'"
        by_name = {
            "bool": f"{number % 2} = 1", "uuid": f"md5('{number}')::uuid", "json": f"'{{\"n\": {number}.50}}'",
            "jsonb": f"'{{\"n\": {number}.50}}'", "bytea": f"decode(lpad('{number}', 8, '0'), 'hex')",
            "interval": f"{number} * INTERVAL '1 hour'", "inet": f"'10.0.{number // 250 % 250}.{number % 250}'",
            "tsvector": f"'w{number}:1'", "hstore": f"'a=>{number}'", "point": f"'({number},1)'",
        }  # fmt: skip
        return "'{}'" if self.category == "A" else by_name.get(self.base, "")


def columns_of(database: ScratchDatabase, relation: str) -> list[Filled]:
    """The columns of a table that can be written."""
    return [Filled(*row) for row in database.rows(_COLUMNS.format(relation=relation.replace("'", "''")))]


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def insert_statement(relation: str, columns: list[Filled], number: int, draw: random.Random, rows: int) -> str:
    """The insertion of a row of that number; its references name rows of others."""
    values = [column.value(draw.randint(1, rows) if column.refers else number) for column in columns]
    names = ", ".join(quoted(column.name) for column in columns)
    return f"INSERT INTO {relation} ({names}) OVERRIDING SYSTEM VALUE VALUES ({', '.join(values)})"


def fill(database: ScratchDatabase, relation: str, *, rows: int, seed: int) -> int:
    """Fill an empty table; returns how many rows it took. A table that has rows keeps them."""
    if database.rows(f"SELECT 1 FROM {relation} LIMIT 1"):
        return 0
    draw, columns = random.Random(f"{seed} {relation}"), columns_of(database, relation)
    connection = database.connect()
    cursor = connection.cursor()
    cursor.execute("SET session_replication_role = replica")
    taken = 0
    for number in range(1, rows + 1):
        statement = insert_statement(relation, columns, number, draw, rows).replace("'", "''")
        cursor.execute(
            f"DO $$ BEGIN EXECUTE '{statement}'; EXCEPTION WHEN integrity_constraint_violation OR check_violation"
            " OR raise_exception OR data_exception THEN NULL; END $$"
        )
    cursor.execute(f"SELECT count(*) FROM {relation}")
    taken = cursor.fetchone()[0]
    connection.close()
    return int(taken)
