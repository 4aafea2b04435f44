"""The server's catalog in the port's words: tables with keys, indexes, triggers and sizes, and the server itself.

One statement answers for any number of tables, and reads system tables only. Of a trigger nobody knows what it does:
a column counts as kept where the text of a function that runs before updates sets it, or the trigger names it as an
argument (as ``moddatetime`` of PostgreSQL's contrib wants it).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from core.contract.model import SourceTable
from core.sources.catalog import (
    SESSION,
    CatalogColumn,
    CatalogTable,
    Reference,
    ServerFacts,
    SourceType,
    TableKind,
    ValueKind,
)
from core.sources.identifiers import sql_name
from ingestion.engines.port import Session
from ingestion.engines.postgresql.catalog.statements import ALL, SERVER, STATEMENT, WANTED
from ingestion.engines.postgresql.catalog.zones import zone_written
from ingestion.engines.postgresql.horizon.bound import grant_to
from ingestion.engines.postgresql.quoting import literal
from ingestion.engines.postgresql.relation import SourceColumn, parse_relation

# In pg_class.relkind's letters.
_KINDS: Mapping[str, TableKind] = dict(zip("rpvmf", get_args(TableKind), strict=True))
_BITS = {"smallint": 16, "integer": 32, "bigint": 64, "oid": 64, "xid": 64, "xid8": 64, "cid": 64}
_VALUES: Mapping[str, ValueKind] = {
    "real": "float",
    "double precision": "float",
    "boolean": "boolean",
    "date": "date",
    "timestamp without time zone": "wall",
    "timestamp with time zone": "instant",
    "time without time zone": "time",
    "time with time zone": "time",
    "interval": "time",
    "json": "json",
    "jsonb": "json",
}
_MONEY = SourceType("decimal", 19, 2)


def source_type(column: SourceColumn) -> SourceType:
    """The values of a column; those of a domain are its base type's."""
    if column.base in _BITS:
        return SourceType("integer", _BITS[column.base])
    if column.base == "numeric":
        # numeric.c: precision and scale in one number; the scale has 11 bits and a sign, from PostgreSQL 15 on.
        number = column.modifier - 4
        if number < 0:
            return SourceType("decimal")
        return SourceType("decimal", (number >> 16) & 0xFFFF, ((number & 0x7FF) ^ 1024) - 1024)
    if column.base == "money":
        return _MONEY
    if column.category in ("A", "C"):
        return SourceType("nested")
    return SourceType(_VALUES.get(column.base, "text"))


def described(session: Session, tables: Sequence[SourceTable]) -> dict[str, CatalogTable]:
    """The tables by the contract's name; one that the server lacks is missing."""
    places = [parse_relation(table.relation) if table.relation else ("", table.name) for table in tables]
    names = ", ".join(literal(table.name, "text") for table in tables)
    schemas = ", ".join(literal(schema, "text") for schema, _ in places)
    relations = ", ".join(literal(name, "text") for _, name in places)
    return _read(session, WANTED.format(names=names, schemas=schemas, relations=relations)) if tables else {}


def listed(session: Session) -> list[CatalogTable]:
    """Every table and view that our role may look for, outside of the server's own schemas; partitions are left out."""
    return [*_read(session, ALL).values()]


def server_facts(session: Session) -> ServerFacts:
    """The server and our role."""
    row = session.query(SERVER)[0]
    version, database, role, encoding, timezone, replica, sees, writes = row
    grant = "" if sees else grant_to(role)
    primary = session.primary() if replica else None
    place = primary.place if primary else ""
    return ServerFacts(f"PostgreSQL {version}", database, role, encoding, timezone, replica, sees, grant, writes, place)


def _read(session: Session, wanted: str) -> dict[str, CatalogTable]:
    statement = STATEMENT.replace("@wanted", wanted)
    return {name: _table(json.loads(text)) for name, text in session.query(statement)}


def _table(document: Mapping[str, Any]) -> CatalogTable:
    indexes = [tuple(index["columns"]) for index in document["indexes"]]
    unique = [index for index in document["indexes"] if index["unique"]]
    certain = [tuple(index["columns"]) for index in unique if index["certain"]]
    return CatalogTable(
        schema=document["schema"],
        name=document["name"],
        relation=relation_text(document["schema"], document["name"]),
        kind=_KINDS[document["kind"]],
        columns=tuple(_column(column, document["triggers"]) for column in document["columns"]),
        key=tuple(document["key"] or (certain[0] if certain else ())),
        indexes=tuple(indexes),
        unique=tuple(tuple(index["columns"]) for index in unique),
        references=tuple(
            Reference(tuple(each["columns"]), relation_text(each["schema"], each["table"]), tuple(each["theirs"]))
            for each in document["references"]
        ),
        triggers=tuple(trigger["name"] for trigger in document["triggers"]),
        rows=_rows(document),
        bytes=int(document["bytes"]),
        visible=document["visible"],
        readable=document["readable"],
        filtered=document["filtered"],
        comment=document["comment"] or "",
    )


def _rows(document: Mapping[str, Any]) -> int:
    """The estimate; before PostgreSQL 14 a table that nobody has analysed yet says 0."""
    rows = int(document["rows"])
    is_unknown = rows < 0 or (rows == 0 and int(document["bytes"]) > 0) or document["kind"] in "vf"
    return -1 if is_unknown else rows


def _column(column: Mapping[str, Any], triggers: Sequence[Mapping[str, str]]) -> CatalogColumn:
    name = column["name"]
    typed = SourceColumn(name, "", column["base"], column["modifier"], column["category"], not column["nullable"])
    return CatalogColumn(
        name=name,
        type=source_type(typed),
        stated=column["stated"],
        nullable=column["nullable"],
        number=column["number"],
        readable=column["readable"],
        kept=any(_sets(trigger, name) for trigger in triggers),
        zones=_zones(column, triggers),
        comment=column["comment"] or "",
    )


def catalog_column(column: SourceColumn) -> CatalogColumn:
    """A column that a reading knows, as far as it does."""
    return CatalogColumn(column.name, source_type(column), column.stated, not column.not_null, column.number)


def _zones(column: Mapping[str, Any], triggers: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """The zones whose wall clock the column's default and its triggers write, as far as their texts tell."""
    if column["base"] != "timestamp without time zone":
        return ()
    name = column["name"]
    zones = [zone_written(column["default"] or "")]
    for trigger in triggers:
        if name in _arguments(trigger):
            zones.append(SESSION)  # moddatetime writes now()
        for assigned in re.finditer(rf"{_assigned(name)}(?=([^;]*);)", trigger["body"], re.IGNORECASE):
            zones.append(zone_written(assigned[assigned.lastindex or 0]))
    return tuple(dict.fromkeys(zone for zone in zones if zone))


def _arguments(trigger: Mapping[str, str]) -> list[str]:
    return trigger["arguments"].split("\\000")


def _assigned(column: str) -> str:
    return rf'\bnew\s*\.\s*("{re.escape(column)}"|{re.escape(column)}\b)\s*:?='


def _sets(trigger: Mapping[str, str], column: str) -> bool:
    if column in _arguments(trigger):
        return True
    assigned = _assigned(column)
    into = rf'\bnew\s*\.\s*"?{re.escape(column)}\b'
    body = trigger["body"]
    return bool(re.search(assigned, body, re.IGNORECASE) or re.search(rf"\binto\s+{into}", body, re.IGNORECASE))


def relation_text(schema: str, name: str) -> str:
    """The relation as a contract writes it, which is as SQL does."""
    return f"{sql_name(schema)}.{sql_name(name)}"
