"""Dumps of databases that nobody here has made by hand: names, types, keys, clocks and references follow from a seed.

Several schemas, tables that refer to one another across them, words that SQL reserves, types of the server's own and
of the database's. What comes of a proposal for one is compared with it value by value (:func:`differences`).
"""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from pg8000.dbapi import Connection

from core.contract.model import Column, Contract, Latest, SourceTable, Table, Take

# The values of a type, by an expression of a row's number g.
VALUES: dict[str, str] = {
    "smallint": "(g % 300 - 150)::smallint",
    "integer": "g * 7919 - 100000",
    "bigint": "g * 9007199254740993",
    "numeric(14,4)": "(g * 13.0071 - 50)::numeric(14,4)",
    "numeric(30,12)": "g * 123456789.000000001",
    "numeric": "g / 8.0",
    "real": "(g / 3.0)::real",
    "double precision": "1e300 / g",
    "text": "'a \"b\" \\ ' || chr(945 + g % 20) || E'\\t' || g",
    "varchar(60)": "'é — ' || repeat('x', g % 40)",
    "char(4)": "'c' || g % 90",
    "boolean": "g % 3 = 0",
    "date": "date '2026-03-01' + g % 200",
    "time": "time '00:00' + (g * 677) * interval '1.5 seconds'",
    "timestamp": "timestamp '2026-02-28 23:59:59.999999' + g * interval '1 day 1 microsecond'",
    "timestamp with time zone": "timestamptz '2026-10-25 00:30+00' + g * interval '17 minutes'",
    "interval": "make_interval(months => g % 14, secs => g)",
    "uuid": "md5('v' || g)::uuid",
    "json": "json_build_object('n', g, 'of', json_build_array(g, null, 'é'))",
    "jsonb": "jsonb_build_object('deep', jsonb_build_object('n', g))",
    "integer[]": "ARRAY[g, NULL, -g]",
    "text[]": "ARRAY['a,b', 'c\"' || g]",
    "inet": "('10.0.0.' || g % 250)::inet",
    "macaddr": "('08:00:2b:01:02:' || lpad(to_hex(g % 250), 2, '0'))::macaddr",
    "bit(5)": "(g % 32)::bit(5)",
    "int4range": "int4range(g, g + 9)",
    "money": "(g * 3)::money",
    "point": "point(g, g / 2.0)",
    "bytea": "decode(md5(g::text), 'hex')",
}
STEMS = (
    "Order",
    "order",
    "user",
    "group",
    "Größe",
    "line item",
    "élève",
    "Key-Value",
    "SELECT",
    "tariff",
    "X2",
    "from",
)
CLOCKS = (
    ("created_at", "updated_at"), ("inserted_on", "last_modified"), ("CreatedAt", "ModifiedDate"),
    ("date_added", "date_changed"), ("add time", "last update"),
)  # fmt: skip
WHEN = ("timestamptz", "timestamp", "timestamp(3)", "timestamptz(0)")
DAYS = 500


@dataclass
class ForeignTable:
    """A table of a dump: what it is called in SQL, its key, its clocks, and its columns' types and values."""

    relation: str
    key: list[str]
    rows: int
    columns: list[tuple[str, str, str]] = field(default_factory=list)
    created_at: str = ""
    changed_at: str = ""

    @property
    def is_clocked(self) -> bool:
        return bool(self.created_at or self.changed_at)


@dataclass
class ForeignDatabase:
    """A dump: the statements that make it, and its tables."""

    schemas: list[str]
    tables: list[ForeignTable]
    statements: list[str]

    @property
    def text(self) -> str:
        """The dump as a file that ``psql`` takes."""
        return "".join(f"{statement};\n" for statement in self.statements)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def foreign_database(seed: int, *, reader: str) -> ForeignDatabase:
    """Two to four schemas of tables; ``reader`` is the role that may read them."""
    return _Dump(random.Random(f"foreign/{seed}")).written(reader)


class _Dump:
    def __init__(self, draw: random.Random) -> None:
        self._draw = draw
        self._made, self._changed = draw.choice(CLOCKS)
        self._zoned = draw.choice(WHEN)
        self._words = draw.sample(STEMS, len(STEMS))
        self._statements: list[str] = []
        self._tables: list[ForeignTable] = []
        self._schemas = ["public", *draw.sample(["Sales", "core data", "hr", "archive"], draw.randint(1, 3))]

    def written(self, reader: str) -> ForeignDatabase:
        draw, say = self._draw, self._statements.append
        for schema in self._schemas[1:]:
            say(f"CREATE SCHEMA {quoted(schema)}")
        for schema in self._schemas:
            say(f"CREATE TYPE {quoted(schema)}.mood AS ENUM ('fine', 'so, so', 'l''été')")
            say(f"CREATE DOMAIN {quoted(schema)}.amount AS numeric(12,3) CHECK (VALUE > -100000)")
        for _ in range(draw.randint(2, 4)):
            self._entity()
        for _ in range(draw.randint(1, 3)):
            self._event()
        if draw.random() < 0.5:
            self._partitioned()
        if draw.random() < 0.7:
            self._lines()
        say("CREATE TABLE keyless (a int, b text)")
        say("INSERT INTO keyless SELECT g, 'x' FROM generate_series(1, 3) g")
        for schema in self._schemas:
            say(f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {reader}")
            say(f"GRANT SELECT ON ALL TABLES IN SCHEMA {quoted(schema)} TO {reader}")
        say("ANALYZE")
        return ForeignDatabase(self._schemas, self._tables, self._statements)

    # ------------------------------------------------------------ tables

    def _entity(self) -> None:
        draw = self._draw
        table = self._begun(draw.randint(3, 25))
        kind, value = draw.choice(
            [("bigint GENERATED BY DEFAULT AS IDENTITY", "g"), ("int", "g"), ("smallint", "g::smallint"),
             ("uuid DEFAULT gen_random_uuid()", "md5('k' || g)::uuid"),
             ("varchar(12)", "'K-' || lpad(g::text, 3, '0')")]
        )  # fmt: skip
        table.key = [draw.choice(["id", "code", "Key No"])]
        table.columns.append((table.key[0], kind, value))
        self._attributes(table, draw.randint(1, 5))
        parents = [parent for parent in self._tables if len(parent.key) == 1]
        if parents and draw.random() < 0.4:
            self._refer(table, draw.choice(parents))
        self._clocks(table, draw.choice(["both", "both", "both", "changed", "none"]))
        self._write(table)

    def _event(self) -> None:
        draw = self._draw
        table = self._begun(draw.randint(40, 160))
        table.key = ["id"]
        table.columns.append(("id", "bigint GENERATED BY DEFAULT AS IDENTITY", "g"))
        for parent in draw.sample(self._single(), min(2, len(self._single()))):
            self._refer(table, parent)
        table.columns.append(("total", draw.choice(["numeric(14,4) NOT NULL", "integer NOT NULL", "real"]), "g * 3"))
        table.columns.append(("paid on", "date", "date '2026-01-01' + g % 200"))
        self._attributes(table, draw.randint(1, 6))
        self._clocks(table, draw.choice(["both", "both", "made", "changed"]))
        self._write(table)

    def _partitioned(self) -> None:
        table = self._begun(60)
        table.key = ["no", "at"]
        table.columns += [("no", "bigint", "g"), ("at", "timestamptz", self._made_when(60))]
        self._attributes(table, 2)
        self._clocks(table, "changed")
        table.created_at = "at"
        self._write(table, by="at")

    def _lines(self) -> None:
        """Rows within a row: a key of two columns, one of which is a reference."""
        parent = self._draw.choice(self._single())
        table = self._begun(30)
        reference, kind, value = self._referring(parent)
        table.key = [reference, "line"]
        table.columns += [(reference, kind, value), ("line", "int", "g")]
        self._attributes(table, 2)
        self._clocks(table, "both")
        self._write(table)

    # ------------------------------------------------------------ parts of tables

    def _single(self) -> list[ForeignTable]:
        return [table for table in self._tables if len(table.key) == 1]

    def _begun(self, rows: int) -> ForeignTable:
        word = self._words.pop()
        schema = self._draw.choice(self._schemas)
        return ForeignTable(f"{quoted(schema)}.{quoted(word)}", [], rows)

    def _attributes(self, table: ForeignTable, count: int) -> None:
        draw, own = self._draw, table.relation.rpartition('."')[0]
        kinds = VALUES | {
            f"{own}.mood": f"(ARRAY['fine', 'so, so', 'l''été'])[1 + g % 3]::{own}.mood",
            f"{own}.amount": f"(g * 1.125)::{own}.amount",
        }
        for kind in draw.sample(list(kinds), count):
            value, null = kinds[kind], draw.random() < 0.5
            name = f"{draw.choice(['a', 'B', 'the ', 'Ü'])}{len(table.columns)}"
            cases = f"CASE WHEN g % {draw.randint(2, 9)} = 1 THEN NULL ELSE {value} END" if null else value
            table.columns.append((name, f"{kind}{'' if null else ' NOT NULL'}", cases))

    def _made_when(self, rows: int) -> str:
        return f"date_trunc('second', now() - interval '1 hour' - g * interval '{DAYS * 86400 // rows} seconds')"

    def _clocks(self, table: ForeignTable, which: str) -> None:
        made = self._made_when(table.rows)
        zone = "" if self._zoned.startswith("timestamptz") else " AT TIME ZONE current_setting('TimeZone')"
        if which in ("both", "made"):
            table.created_at = self._made
            table.columns.append((self._made, f"{self._zoned} NOT NULL", f"({made}){zone}"))
        if which in ("both", "changed"):
            table.changed_at = self._changed
            later = f"({made} + interval '40 minutes'){zone}"
            table.columns.append((self._changed, f"{self._zoned} NOT NULL", later))

    def _refer(self, table: ForeignTable, parent: ForeignTable) -> None:
        column = self._referring(parent)
        if column[0] not in [name for name, _, _ in table.columns]:
            table.columns.append(column)

    def _referring(self, parent: ForeignTable) -> tuple[str, str, str]:
        name, kind, value = parent.columns[0]
        stem = parent.relation.rpartition('."')[2].rstrip('"')
        plain = kind.partition(" ")[0]
        numbered = value.replace("g", f"(g % {parent.rows} + 1)") if "'" not in value else value
        if "'" in value:
            numbered = f"(SELECT {value} FROM (SELECT s.g % {parent.rows} + 1 AS g FROM (SELECT g) s) t)"
        return (
            f"{stem}_{name}",
            f"{plain} NOT NULL REFERENCES {parent.relation} ({quoted(name)})",
            numbered,
        )

    def _write(self, table: ForeignTable, *, by: str = "") -> None:
        say, draw = self._statements.append, self._draw
        columns = ", ".join(f"{quoted(name)} {kind}" for name, kind, _ in table.columns)
        key = ", ".join(map(quoted, table.key))
        partition = f" PARTITION BY RANGE ({quoted(by)})" if by else ""
        say(f"CREATE TABLE {table.relation} ({columns}, PRIMARY KEY ({key})){partition}")
        if by:
            part = f'{table.relation.removesuffix(chr(34))}_all"'
            say(f"CREATE TABLE {part} PARTITION OF {table.relation} DEFAULT")
        values = ", ".join(value for _, _, value in table.columns)
        say(f"INSERT INTO {table.relation} SELECT {values} FROM generate_series(1, {table.rows}) AS g")
        if draw.random() < 0.5:
            say(f"COMMENT ON TABLE {table.relation} IS 'what: \"it\" is # for,\n{{really}}'")
            say(f"COMMENT ON COLUMN {table.relation}.{quoted(table.columns[-1][0])} IS 'a comment: 100% %s'")
        if table.changed_at and draw.random() < 0.3:
            name = f"touch_{len(self._tables)}"
            body = f"BEGIN NEW.{quoted(table.changed_at)} = now(); RETURN NEW; END"
            say(f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $${body}$$")
            say(f"CREATE TRIGGER {name} BEFORE UPDATE ON {table.relation} FOR EACH ROW EXECUTE FUNCTION {name}()")
        self._tables.append(table)


# ---------------------------------------------------------------- a star against its source

# How the source is asked for what the contract calls a text or a decimal: as JSON has it, and money without its sign.
_ASKED = {"string": "to_json({}) #>> '{{}}'", "decimal": "{}::numeric"}
Rows = Iterable[Mapping[str, Any]]


def differences(contract: Contract, rows_of: Callable[[str], Rows], source: Connection) -> list[str]:
    """Where the current rows of the star are not those of the source: keys and every value that is taken as it is.

    ``rows_of`` gives a star table's rows, instants in UTC.
    """
    found = []
    for table in contract.tables:
        if table.kind in ("fact", "dimension"):
            found += _of_table(table, contract.source_table(table.source), rows_of(table.name), source)
    return found


def _of_table(table: Table, origin: SourceTable, stored: Rows, source: Connection) -> list[str]:
    taken = {
        column.rule.field: column
        for column in table.columns
        if isinstance(column.rule, Take) and column.rule.form == "value" and column.rule.field in _fields(origin)
    }
    latest = next((column.name for column in table.columns if isinstance(column.rule, Latest)), "")
    current = [
        row for row in stored if (not latest or row[latest]) and (not row.get(table.deleted) or table.kind != "fact")
    ]
    key = [taken[name].name for name in origin.key]
    ours = {tuple(_plain(row[name]) for name in key): row for row in current}
    theirs = _source_rows(origin, taken, source)
    where = f"{table.name} from {origin.relation or origin.name}"
    found = [] if len(ours) == len(current) else [f"{where}: {len(current)} rows have {len(ours)} keys"]
    for kind, keys in (("missing", theirs.keys() - ours.keys()), ("too much", ours.keys() - theirs.keys())):
        found += [f"{where}: {len(keys)} of {len(theirs)} rows {kind}: {sorted(map(str, keys))[:3]}"] if keys else []
    for name, column in taken.items():
        wrong = [
            (identity, theirs[identity][name], ours[identity][column.name])
            for identity in ours.keys() & theirs.keys()
            if not _same(theirs[identity][name], ours[identity][column.name])
        ]
        found += [f"{where}.{name}: {len(wrong)} values differ: {wrong[0]!r}"] if wrong else []
    return found


def _fields(origin: SourceTable) -> set[str]:
    """The source's own columns, without the marks of repairs."""
    return {each.name for each in origin.fields} - {origin.deleted_mark, origin.checked_mark}


def _source_rows(
    origin: SourceTable, taken: Mapping[str, Column], source: Connection
) -> dict[tuple[Any, ...], dict[str, Any]]:
    kinds = {each.name: each.type.name for each in origin.fields}
    asked = [_ASKED.get(kinds[name], "{}").format(quoted(name)) for name in taken]
    cursor = source.cursor()
    cursor.execute("SET intervalstyle = iso_8601")
    cursor.execute(f"SELECT {', '.join(asked)} FROM {origin.relation or quoted(origin.name)}")
    rows = [dict(zip(taken, row, strict=True)) for row in cursor.fetchall()]
    return {tuple(_plain(row[name]) for name in origin.key): row for row in rows}


def _plain(value: Any) -> Any:
    """A value as both sides have it: instants in UTC without saying so, whole numbers as such, days of texts."""
    if isinstance(value, dt.datetime) and value.tzinfo:
        return value.astimezone(dt.UTC).replace(tzinfo=None)
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value.isoformat()
    return value


def _same(theirs: Any, ours: Any) -> bool:
    theirs, ours = _plain(theirs), _plain(ours)
    if isinstance(theirs, list | dict) and isinstance(ours, str):
        return bool(theirs == json.loads(ours))
    if isinstance(theirs, Decimal) and isinstance(ours, float):
        return float(theirs) == ours
    return bool(theirs == ours)
