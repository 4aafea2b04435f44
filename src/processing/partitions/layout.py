"""Layout of a table for merges: the part that each stored column plays in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import pyarrow as pa

from core.contract.model import Column, Latest, Table
from core.warehouse.arrow_types import stored_schema

DELETED = "deleted_at"
CHECKED = "checked_at"


@dataclass(frozen=True, slots=True)
class VersionColumn:
    """A version column and, where the contract ranks its values, those values, lowest first."""

    name: str
    rank: tuple[str, ...] = ()


@dataclass(frozen=True)
class Layout:
    """A table's stored columns and the part that each plays in a merge.

    ``latest`` are the columns that the merge itself computes; incoming rows do not have them. ``deleted`` is empty
    where the table has no such column. Columns whose value is the partition's are in none of these. ``checked``: the
    first version column is the time of writing, and rows may have been seen later (``checked_at``).
    """

    table: str
    schema: pa.Schema
    key: tuple[str, ...]
    version: tuple[VersionColumn, ...] = ()
    history_of: tuple[str, ...] = ()
    latest: tuple[str, ...] = ()
    deleted: str = ""
    checked: bool = False

    @classmethod
    def of(cls, table: Table) -> Layout:
        """The layout of a contract's table."""
        stored = {column.name: column for column in table.stored_columns}
        return cls(
            table=table.name,
            schema=stored_schema(table),
            key=table.stored_key,
            version=tuple(VersionColumn(name, stored[name].rank) for name in table.version if name in stored),
            history_of=tuple(name for name in table.history_of if name in stored),
            latest=tuple(column.name for column in stored.values() if isinstance(column.rule, Latest)),
            deleted=DELETED if DELETED in stored else "",
            checked=_may_be_checked(table, stored),
        )

    @cached_property
    def given(self) -> tuple[str, ...]:
        """The columns that incoming rows have, in stored order."""
        return tuple(name for name in self.schema.names if name not in self.latest)

    @cached_property
    def given_schema(self) -> pa.Schema:
        """The schema of incoming rows."""
        return pa.schema([self.schema.field(name) for name in self.given])

    @cached_property
    def deciding(self) -> Layout:
        """The layout of those columns alone that decide which version is the latest."""
        wanted = {*self.key, *(column.name for column in self.version), *self.history_of, *self.latest, self.deleted}
        return replace(self, schema=pa.schema([field for field in self.schema if field.name in wanted]))

    @cached_property
    def content(self) -> tuple[str, ...]:
        """The columns that settle equal versions: all that are given but key and version."""
        settled = {*self.key, *(column.name for column in self.version)}
        return tuple(name for name in self.given if name not in settled)


def _may_be_checked(table: Table, stored: Mapping[str, Column]) -> bool:
    """Whether the first version column and ``checked_at`` are times of one clock."""
    if len(table.version) < 2 or CHECKED not in table.version[1:] or table.version[0] not in stored:
        return False
    return CHECKED in stored and stored[table.version[0]].type == stored[CHECKED].type
