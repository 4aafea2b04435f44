"""Judgement of a database by a contract: each problem with its place and what to do about it.

``broken`` is what keeps a promise from being held, ``weak`` what makes it slow or loses single rows, ``note`` what
somebody should know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from core.contract.model import Database, Field, SourceTable
from core.sources.catalog import SESSION, CatalogColumn, CatalogTable, ServerFacts
from core.sources.fitting import fit, proposed
from core.sources.identifiers import sql_name

Gravity = Literal["broken", "weak", "note"]
MANY_ROWS = 100_000  # from which a scan of the whole table at each extraction is felt
Offsets = Mapping[datetime, timedelta]
_CLOCKS = ("instant", "wall", "date")


@dataclass(frozen=True, slots=True)
class SourceProblem:
    """A problem of a database: ``place`` is the server's, ``table`` or ``table.column``."""

    place: str
    gravity: Gravity
    problem: str
    remedy: str = ""


def server_problems(source: Database, server: ServerFacts) -> Iterator[SourceProblem]:
    """The problems of the server and our role, which all tables have."""
    if server.replica and server.primary:
        problem = f"this is a replica: rows come once it has replayed what {server.primary} promises"
        yield SourceProblem(server.database, "note", problem)
    elif server.replica and not source.lookback:
        problem = "this is a replica, which does not know the primary's open transactions"
        remedy = "Give the secret its primary (host:port), or name that; or choose a `lookback` in the contract"
        yield SourceProblem(server.database, "broken", problem, remedy)
    elif server.replica:
        problem = "this is a replica: rows come once it has replayed them, and late ones within the lookback"
        yield SourceProblem(server.database, "note", problem)
    if not server.sees_transactions and not source.lookback:
        problem = f"role {server.role} does not see when other roles' transactions began"
        yield SourceProblem(server.database, "broken", problem, server.grant)
    if server.may_write:
        problem = f"role {server.role} may change rows, and its own open transactions hold extraction back"
        yield SourceProblem(server.database, "weak", problem, "Give it SELECT on the contract's tables, and no more")
    if server.encoding.upper() not in ("UTF8", "UTF8MB4"):
        problem = f"its encoding is {server.encoding}"
        remedy = "A row whose bytes are no text of it is refused alone, and lies in quarantine"
        yield SourceProblem(server.database, "note", problem, remedy)


def zone_problem(timezone: str, ours: Offsets, theirs: Offsets) -> SourceProblem | None:
    """The problem of a server whose time zone data are others than ours: rows of those hours would differ for ever.

    ``ours`` and ``theirs`` are what ``core.zones.clock_changes`` says of the same hours.
    """
    for at in sorted({*ours, *theirs}):
        if ours.get(at) != theirs.get(at):
            said = [f"{max((hour, ahead) for hour, ahead in of.items() if hour <= at)[1]}" for of in (theirs, ours)]
            problem = (
                f"its time zone data are others: from {at} on it is {said[0]} ahead of UTC there, {said[1]} by ours"
            )
            remedy = "Update the older of both: the server's tzdata, or Starmend's"
            return SourceProblem(timezone, "weak", problem, remedy)
    return None


def table_problems(
    source: Database, table: SourceTable, catalog: CatalogTable | None, server: ServerFacts, others: Sequence[str] = ()
) -> Iterator[SourceProblem]:
    """The problems of one table; ``others`` are relations of its name elsewhere."""
    if catalog is None:
        problem = f"there is no table {table.relation or table.name} where the role {server.role} looks for it"
        choices = " or ".join(f"`relation: {other}`" for other in others)
        grant = f"GRANT USAGE ON its schema to {sql_name(server.role)}, or name it"
        yield SourceProblem(table.name, "broken", problem, f"Write {choices}" if choices else f"{grant} in `relation`")
        return
    if not catalog.readable:
        remedy = f"GRANT SELECT ON {catalog.relation} TO {sql_name(server.role)}"
        yield SourceProblem(table.name, "broken", f"role {server.role} may not read it", remedy)
    if catalog.filtered:
        problem = f"a policy of row security hides rows from {server.role}"
        remedy = f"ALTER ROLE {sql_name(server.role)} BYPASSRLS; or read a view of it"
        yield SourceProblem(table.name, "broken", problem, remedy)
    yield from _column_problems(source, table, catalog, server)
    yield from _key_problems(table, catalog)
    yield from _cursor_problems(table, catalog)


# ---------------------------------------------------------------- columns


def _column_problems(
    source: Database, table: SourceTable, catalog: CatalogTable, server: ServerFacts
) -> Iterator[SourceProblem]:
    promised = [field for field in table.fields if not field.added]
    names = {field.name for field in promised}
    spare = [column.name for column in catalog.columns if column.name not in names]
    for field in promised:
        column = catalog.column(field.name)
        place = f"{table.name}.{field.name}"
        if column is None:
            known = f"; it has {', '.join(spare)}, which no field names" if spare else ""
            remedy = "Take it out of the contract, or name the column that has its values now"
            yield SourceProblem(place, "broken", f"there is no such column{known}", remedy)
            continue
        if catalog.readable and not column.readable:
            remedy = f"GRANT SELECT ({sql_name(column.name)}) ON {catalog.relation} TO {sql_name(server.role)}"
            yield SourceProblem(place, "broken", f"role {server.role} may not read it", remedy)
        yield from _type_problems(place, field, column)
        yield from _zone_problems(place, source, column, server)
    if spare:
        problem = f"the contract does not promise {', '.join(spare)}"
        yield SourceProblem(table.name, "note", problem, "starmend contract suggest writes the lines that would")


def _type_problems(place: str, field: Field, column: CatalogColumn) -> Iterator[SourceProblem]:
    verdict = fit(column.type, field.type)
    right = proposed(column.type)
    if verdict == "never":
        problem = f"it is {column.stated}, which no {field.type} can hold: every row with a value would be refused"
        yield SourceProblem(place, "broken", problem, f"Write {right}")
    elif verdict == "partly":
        problem = f"it is {column.stated}, and a row whose value is no {field.type} is refused"
        remedy = f"Write {right}" if fit(column.type, right) == "whole" else "Write string to take every value as text"
        yield SourceProblem(place, "weak", problem, remedy)
    if field.required and column.nullable:
        problem = "it may be null, and a row where it is will be refused"
        yield SourceProblem(place, "note", problem, f"Write {field.type}?, or have it declared NOT NULL")


# ---------------------------------------------------------------- key and cursor


def _key_problems(table: SourceTable, catalog: CatalogTable) -> Iterator[SourceProblem]:
    key = {name for name in table.key if catalog.column(name)}
    if len(key) < len(table.key):
        return
    unique = [set(columns) for columns in catalog.unique]
    named = ", ".join(table.key)
    if catalog.kind in ("view", "foreign table"):
        problem = f"nothing says that ({named}) names one row of a {catalog.kind}"
        yield SourceProblem(table.name, "note", problem, "Rows of one key would be one row of the warehouse")
    elif not any(columns <= key for columns in unique):
        right = f"Write key: [{', '.join(catalog.key)}]" if catalog.key else "Have a unique index made on it"
        problem = f"({named}) is not unique there: rows of one key would be one row of the warehouse"
        yield SourceProblem(table.name, "weak", problem, right)
    for name in table.key:
        column = catalog.column(name)
        if column is not None and column.nullable:
            problem = "a key's column may be null, and a row where it is has no place and is not extracted"
            yield SourceProblem(f"{table.name}.{name}", "weak", problem, "Have it declared NOT NULL")


def _cursor_problems(table: SourceTable, catalog: CatalogTable) -> Iterator[SourceProblem]:
    if table.by_keys:
        return
    names = [name for name in (table.changed_at, table.created_at) if name and catalog.column(name)]
    cursor = catalog.column(names[0]) if names else None
    if cursor is None:
        return
    place = f"{table.name}.{cursor.name}"
    if cursor.type.kind not in _CLOCKS:
        problem = f"rows are read in the order of their times, and it is {cursor.stated}"
        yield SourceProblem(place, "broken", problem, "Name a column of timestamps in changed_at")
        return
    other = catalog.column(names[1]) if len(names) > 1 else None
    if cursor.nullable and other is not None and other.type.kind != cursor.type.kind:
        problem = (
            f"it may be null and is {cursor.stated}, and {other.name}, which would take its place, is {other.stated}"
        )
        yield SourceProblem(place, "broken", problem, "Have it declared NOT NULL, or name another created_at")
    if cursor.nullable and len(names) < 2:
        problem = "it may be null, and a row where it is has no place and is not extracted"
        yield SourceProblem(place, "weak", problem, "Have it declared NOT NULL, or name a created_at")
    if catalog.kind in ("view", "foreign table"):
        return
    wanted = names if cursor.nullable else names[:1]
    slow = [name for name in wanted if not any(columns[:1] == (name,) for columns in catalog.indexes)]
    if slow:
        problem = f"no index begins with {' or '.join(slow)}: each extraction reads the whole table"
        gravity: Gravity = "weak" if catalog.rows < 0 or catalog.rows >= MANY_ROWS else "note"
        yield SourceProblem(place, gravity, problem, _index(slow[0], table, catalog))
    if table.changed_at in names and not cursor.kept and catalog.kind in ("table", "partitioned"):
        problem = "no trigger was seen that sets it when a row is updated"
        remedy = "Where an application forgets it, only the audit finds the change, by the row's content"
        yield SourceProblem(place, "note", problem, remedy)


def _index(first: str, table: SourceTable, catalog: CatalogTable) -> str:
    """The statement that makes an index beginning with a column; the key behind it lets rows come in their order.

    PostgreSQL makes none of a partitioned table concurrently. It takes those that the partitions have already.
    """
    names = dict.fromkeys([first, *(name for name in table.key if catalog.column(name))])
    on = f"ON {catalog.relation} ({', '.join(map(sql_name, names))})"
    if catalog.kind != "partitioned":
        return f"CREATE INDEX CONCURRENTLY {on}"
    locks = "it locks writes while it is built; make it CONCURRENTLY on each partition before, and it takes those"
    return f"CREATE INDEX {on}; -- {locks}"


def _zone_problems(place: str, source: Database, column: CatalogColumn, server: ServerFacts) -> Iterator[SourceProblem]:
    """Times without zone that the server itself writes by another clock than the contract reads them by."""
    for zone in column.zones if column.type.kind == "wall" else ():
        written = server.timezone if zone == SESSION else zone
        if written.upper() not in (source.timezone.upper(), *_utc_of(source)):
            clock = f"now() fills it with {written}'s" if zone == SESSION else f"the server fills it with {written}'s"
            problem = f"its times have no zone: {clock}, the contract reads {source.timezone}"
            remedy = f"Write timezone: {written} if the application does so, or have a timestamptz made of it"
            yield SourceProblem(place, "weak", problem, remedy)


def _utc_of(source: Database) -> tuple[str, ...]:
    """Other names of the contract's zone."""
    names = ("UTC", "ETC/UTC", "GMT", "ETC/GMT", "ZULU", "UCT", "ETC/UCT")
    return names if source.timezone.upper() in names else ()
