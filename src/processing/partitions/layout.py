"""Layout of a table for merges: the part that each stored column plays in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import pyarrow as pa

from core.contract.model import CHECKED, Column, Surrogate, Table
from core.errors import OtherLayout
from core.warehouse.arrow_types import stored_schema
from core.warehouse.order import as_array, is_strictly_sorted
from core.warehouse.pointer import remedy_of
from core.warehouse.row_layout import RowLayout, text_ids


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
    first version column is the time of writing, and rows may have been seen later (``checked_by``). ``ids`` are derived
    from other columns, ``text_ids`` those of them that an earlier release derived otherwise.
    """

    table: str
    schema: pa.Schema
    key: tuple[str, ...]
    version: tuple[VersionColumn, ...] = ()
    history_of: tuple[str, ...] = ()
    latest: tuple[str, ...] = ()
    deleted: str = ""
    checked: bool = False
    checked_by: str = CHECKED
    ids: tuple[str, ...] = ()
    text_ids: tuple[str, ...] = ()
    form: str = ""
    basis: str = ""

    @classmethod
    @lru_cache(maxsize=256)  # every commit asks for it, and the hash of its columns takes as long as a small merge
    def of(cls, table: Table) -> Layout:
        """The layout of a contract's table."""
        stored = {column.name: column for column in table.stored_columns}
        recorded = RowLayout.of(table)
        return cls(
            table=table.name,
            schema=stored_schema(table),
            key=recorded.key,
            version=tuple(VersionColumn(name, tuple(rank)) for name, *rank in recorded.version),
            history_of=recorded.history_of,
            latest=recorded.latest,
            deleted=table.deleted if table.deleted in stored else "",
            checked=_may_be_checked(table, stored),
            checked_by=table.checked,
            ids=tuple(column.name for column in stored.values() if isinstance(column.rule, Surrogate)),
            text_ids=text_ids(table),
            form=recorded.form,
            basis=recorded.basis,
        )

    @cached_property
    def recorded(self) -> RowLayout:
        """What a footer records of it."""
        version = tuple((column.name, *column.rank) for column in self.version)
        return RowLayout(self.key, version, self.history_of, self.latest, self.form, self.basis)

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
        """The columns that settle equal versions: all that are given but key and version.

        Ids say nothing of their own, so that a row comes again without a new version where it has an id of before.
        """
        settled = {*self.key, *(column.name for column in self.version), *self.ids}
        return tuple(name for name in self.given if name not in settled)


def follows_layout(written: RowLayout | None, layout: Layout, partition: str) -> bool:
    """Whether the latest flags of rows that were ``written`` by a layout have to be decided again by this one.

    Raises ``OtherLayout`` where nothing can be merged onto such rows. None is not known (``fits_layout`` tells).
    """
    if written is None:
        return False
    if conflict := written.conflict(layout.recorded):
        raise other_layout(partition, conflict)
    return written.has_other_flags(layout.recorded)


def fits_layout(read: Callable[[Sequence[str]], pa.Table], layout: Layout, partition: str) -> bool:
    """As ``follows_layout``, told from the rows themselves: those of a footer that does not record a layout."""
    columns = [as_array(column) for column in read(layout.key).columns]
    if old_ids := [name for name in layout.key if name in layout.text_ids]:
        raise other_layout(partition, f"its key has ids that an earlier release derived otherwise ({old_ids[0]})")
    lacking = [name for name, column in zip(layout.key, columns, strict=True) if column.null_count]
    if lacking:
        raise other_layout(partition, f"its rows lack {', '.join(lacking)}, which the contract has in the key")
    if columns and not is_strictly_sorted(columns):
        raise other_layout(partition, f"its rows are not sorted by the contract's key ({', '.join(layout.key)})")
    return any(column.null_count for column in read(layout.latest).columns)


def other_layout(partition: str, problem: str) -> OtherLayout:
    """The error of rows that another layout wrote."""
    return OtherLayout("merge", partition, problem, remedy_of(partition))


def _may_be_checked(table: Table, stored: Mapping[str, Column]) -> bool:
    """Whether the first version column and the mark of a check are times of one clock."""
    if len(table.version) < 2 or table.checked not in table.version[1:] or table.version[0] not in stored:
        return False
    return table.checked in stored and stored[table.version[0]].type == stored[table.checked].type
