"""The catalog of a database: its server, its tables and their columns, in words that every engine has.

An engine fills these values from its own system tables (``ingestion.engines.port``); whoever judges or proposes reads
them, and knows of no engine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ValueKind = Literal[
    "integer", "decimal", "float", "boolean", "text", "date", "wall", "instant", "time", "json", "nested"
]
TableKind = Literal["table", "partitioned", "view", "materialized view", "foreign table"]
SESSION = "session"  # in the place of a zone: that of the session which writes, the server's where it sets none


@dataclass(frozen=True, slots=True)
class SourceType:
    """The values that a column may hold.

    ``size``: bits of an integer, digits of a decimal; 0 where a decimal has no bound. ``scale``: a decimal's digits
    behind the point. ``wall`` is a time without zone, ``instant`` one with; ``time`` is a time of day or a duration;
    ``nested`` an array or composite.
    """

    kind: ValueKind
    size: int = 0
    scale: int = 0


@dataclass(frozen=True, slots=True)
class CatalogColumn:
    """A column as the server has it.

    ``number`` stays the same when the column is renamed; 0 where the engine has nothing of that kind. ``stated`` is the
    type in the server's words. ``readable``: our role may select it. ``kept``: a trigger or the server itself seems to
    set it whenever a row is updated. ``zones`` are those whose wall clock the server writes into it, by its default
    and by triggers: IANA names and ``SESSION``; empty where it writes none, or nobody can tell.
    """

    name: str
    type: SourceType
    stated: str
    nullable: bool = True
    number: int = 0
    readable: bool = True
    kept: bool = False
    comment: str = ""
    zones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A foreign key: ``columns`` name a row of ``table`` (as a contract's ``relation``) by its columns ``theirs``."""

    columns: tuple[str, ...]
    table: str
    theirs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CatalogTable:
    """A table or view as the server has it.

    ``relation`` names it as a contract does, with its schema. ``visible``: its bare name is enough. ``key``: the
    primary key, else the columns of the first unique index without nulls; empty where nothing is unique. ``indexes``
    are the columns of each index of all rows, in order; ``unique`` those of the ones that hold no value twice.
    ``references`` of a partitioned table are those of its first partition, too.
    ``rows`` is the server's estimate, -1 where it has none. ``filtered``: a policy hides rows from our role.
    ``triggers`` are those that run before a row is updated.
    """

    schema: str
    name: str
    relation: str
    kind: TableKind
    columns: tuple[CatalogColumn, ...]
    key: tuple[str, ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    unique: tuple[tuple[str, ...], ...] = ()
    references: tuple[Reference, ...] = ()
    triggers: tuple[str, ...] = ()
    rows: int = -1
    bytes: int = 0
    visible: bool = True
    readable: bool = True
    filtered: bool = False
    comment: str = ""

    def column(self, name: str) -> CatalogColumn | None:
        """The column of that name; None where there is none."""
        return next((column for column in self.columns if column.name == name), None)


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The server and our role there.

    ``sees_transactions``: the role sees when other roles' transactions began, which the safe horizon rests on; where
    not, ``grant`` is the statement that lets it. ``may_write``: it may change rows of a table. ``primary`` is the place
    of a replica's primary, where the secret names it.
    """

    version: str
    database: str
    role: str
    encoding: str
    timezone: str
    replica: bool
    sees_transactions: bool
    grant: str = ""
    may_write: bool = False
    primary: str = ""
