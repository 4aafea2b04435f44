"""Views of what is certified: ``<table>_certified``, a tagged snapshot of a table up to the instant that it holds for.

Athena reads a snapshot by its number alone and knows no tags, so the view names the number and is made anew whenever
the tag moves. Its form is Athena's own: the statement and its columns, in the query engine's words, as encoded JSON.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from core.contract.model import Contract, Feed, GroupValue, Table
from core.feeds.partitions import TIME_DIGITS, column_of
from core.time import at_epoch

SUFFIX = "_certified"
# The catalog's type -> its name in Trino. An Iceberg timestamp has microseconds, a symlink table's milliseconds.
_TRINO = {"string": "varchar", "int": "integer", "timestamp": "timestamp(6)"}


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """A column of a view: its type in the catalog and in the query engine."""

    name: str
    kind: str
    trino: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class CertifiedView:
    """The view of a table's certified rows: ``sql`` names the mirror's table in ``database``."""

    name: str
    database: str
    sql: str
    columns: Sequence[ViewColumn]
    description: str

    @property
    def original_text(self) -> str:
        """The view as Athena stores it in the catalog."""
        data = {
            "originalSql": self.sql,
            "catalog": "awsdatacatalog",
            "schema": self.database,
            "columns": [{"name": column.name, "type": column.trino} for column in self.columns],
        }
        return f"/* Presto View: {base64.b64encode(json.dumps(data).encode()).decode()} */"


class ViewCatalog(Protocol):
    """The catalog's database of the mirrors, as whoever makes views needs it."""

    database: str

    def put_view(self, view: CertifiedView) -> None:
        """Make the view, or make it anew; one that says the same stays. Raises ``TransientFailure``."""
        ...


def certified_view(contract: Contract, table: Table, *, snapshot: int, until: int, database: str) -> CertifiedView:
    """The rows of a snapshot before ``until`` (epoch seconds); all of them where no time bounds the table's rows."""
    columns = _columns(table)
    names = ", ".join(f'"{column.name}"' for column in columns)
    sql = f'select {names} from "{database}"."{table.name}" for version as of {snapshot}'
    if time := time_column(contract, table):
        sql += f' where "{time}" < {_literal(table.column(time).type.name, until)}'
    about = f"{table.description}, of what is certified"
    return CertifiedView(f"{table.name}{SUFFIX}", database, sql, columns, about)


def time_column(contract: Contract, table: Table) -> str:
    """The column that says when a table's rows are of, by which they are certified; empty where there is none."""
    if table.kind == "rollup":
        fact = next((each for each in contract.tables if each.name == table.source), None)
        of_fact = time_column(contract, fact) if fact else ""
        grouped = (
            column.name
            for column in table.columns
            if isinstance(column.rule, GroupValue) and column.rule.column == of_fact
        )
        return next(grouped, "")
    if table.kind != "fact":
        return ""
    if isinstance(contract.source, Feed):
        return column_of(table, contract.source.time_column)
    times = [part.column for part in table.partition_by if part.transform in TIME_DIGITS]
    return times[-1] if times else ""


def _columns(table: Table) -> list[ViewColumn]:
    """The contract's columns, then the numbers of buckets, as the mirror has them."""
    columns = [
        ViewColumn(each.name, each.type.catalog, _trino(each.type.catalog), each.comment) for each in table.columns
    ]
    buckets = [ViewColumn(part.name, "int", "integer") for part in table.partition_by if part.transform == "bucket"]
    return columns + buckets


def _trino(kind: str) -> str:
    return _TRINO.get(kind, kind)


def _literal(kind: str, until: int) -> str:
    """An instant as the column's type has it. A day that is certified in part is left out."""
    if kind == "date":
        return f"date '{at_epoch(until):%Y-%m-%d}'"
    return f"timestamp '{at_epoch(until):%Y-%m-%d %H:%M:%S}'"
