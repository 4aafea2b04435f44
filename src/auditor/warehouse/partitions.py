"""Partitions of the warehouse, read through their pointers as any reader does."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

import pyarrow as pa

from auditor.windows import Window
from core.contract.model import Table
from core.errors import BrokenPointer, PipelineBug, TransientFailure
from core.ports import PartitionObject, PartitionStore
from core.warehouse.arrow_types import stored_schema, table_schema
from core.warehouse.canonical_rows import rows_between
from core.warehouse.footer import Footer
from core.warehouse.keys import with_path_columns
from core.warehouse.order import as_array, is_strictly_sorted
from core.warehouse.partition_objects import Opened, open_object
from core.warehouse.pointer import lost_pointer, partition_of
from core.warehouse.row_layout import RowLayout, text_ids, why_outdated


@dataclass(frozen=True, slots=True)
class Held:
    """A partition as its pointer has it now. ``problem`` says why its rows cannot be trusted; then there are none.

    ``target`` is empty where there is no pointer, or none that can be read. Without a problem, the partition has no
    rows yet. ``schema`` are the columns as they are stored.
    """

    table: Table
    path: str
    target: str
    rows: pa.Table
    footer: Footer | None = None
    problem: str = ""
    schema: pa.Schema | None = None

    @property
    def name(self) -> str:
        return partition_of(self.table.folder, self.path)

    @property
    def outdated(self) -> str:
        """Why its rows are not as the contract would make them now; empty where they are, or are held or broken."""
        if self.footer is None or self.schema is None or self.problem or self.hold:
            return ""
        return why_outdated(self.footer.layout, self.schema, self.table)

    @property
    def hold(self) -> str:
        return self.footer.hold if self.footer else ""

    @property
    def rolled_back(self) -> bool:
        return self.footer is not None and self.footer.kind == "rollback"

    def with_columns(self, columns: Collection[str]) -> Held:
        """The same with these of its columns alone."""
        return replace(self, rows=self.rows.select([name for name in self.rows.column_names if name in columns]))


@dataclass(frozen=True, slots=True)
class Undecoded:
    """A partition's object as its pointer named it, whose footer alone was read. ``problem`` as in ``Held``."""

    table: Table
    path: str
    target: str = ""
    opened: Opened | None = None
    problem: str = ""

    @property
    def name(self) -> str:
        return partition_of(self.table.folder, self.path)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever committed to it."""
        return not self.target and self.opened is None and not self.problem

    @property
    def size(self) -> int:
        """The bytes of the object; 0 where there is none."""
        return self.opened.size if self.opened else 0

    @property
    def sound_digest(self) -> str:
        """The digest of the rows' bytes where they are those that a commit by the contract's rules wrote; else empty.

        Nothing is decoded.
        """
        if self.opened is None or self.opened.footer.layout is None or not self.opened.is_sound:
            return ""
        is_other = self.opened.footer.layout.difference(RowLayout.of(self.table))
        return "" if is_other else self.opened.footer.digest

    def without_rows(self, columns: Collection[str]) -> Held:
        """What is known of the partition without decoding any of its rows."""
        rows, opened = table_schema(self.table, columns).empty_table(), self.opened
        footer, schema = (opened.footer, opened.schema) if opened else (None, None)
        return Held(self.table, self.path, self.target, rows, footer, self.problem, schema)

    def held(self, columns: Collection[str] | None = None, *, as_certified: bool = False) -> Held:
        """The partition's rows, as ``read_partition`` gives them."""
        empty = partial(Held, self.table, self.path, self.target, table_schema(self.table, columns).empty_table())
        if self.opened is None:
            return empty(problem=self.problem)
        footer, schema = self.opened.footer, stored_schema(self.table)
        wanted = [name for name in schema.names if name in table_schema(self.table, columns).names]
        try:
            rows = self.opened.read(schema, wanted or schema.names[:1], back=as_certified)
            if not self.opened.is_sound:
                raise PipelineBug("read object", self.target, "was altered: its digest is another")
            if not as_certified and (difference := _other_layout(footer, self.table, rows)):
                raise PipelineBug("read object", self.target, f"is not as the contract says: {difference}")
        except PipelineBug as error:
            return empty(footer=footer, problem=f"{self.target} {error.problem}")
        rows = with_path_columns(self.table, self.path, rows, columns)
        return Held(self.table, self.path, self.target, rows, footer, schema=self.opened.schema)


def read_partition(
    store: PartitionStore,
    table: Table,
    path: str,
    columns: Collection[str] | None = None,
    *,
    as_certified: bool = False,
) -> Held:
    """The partition's rows with all columns of the table (those in the path too), or the named ones.

    With ``as_certified`` the table's columns are those of a certificate: what was widened since is cast back, and rows
    may have another layout than the contract wants, for they alone are compared.
    The hash of the rows' content (``CONTENT_FIELDS``) is no column of the table, and comes where it is named.

    A pointer that leads to no sound object, or that is lost, is a finding and no error. Raises ``TransientFailure``
    where the store does.
    """
    return locate_partition(store, table, path).held(columns, as_certified=as_certified)


def locate_partition(store: PartitionStore, table: Table, path: str) -> Undecoded:
    """The partition's object, its rows not yet decoded. Raises ``TransientFailure`` where the store does."""
    undecoded = partial(Undecoded, table, path)
    name = partition_of(table.folder, path)
    missing = ""
    while True:
        try:
            pointer = store.read_pointer(name)
        except BrokenPointer as error:
            return undecoded(problem=error.problem)
        if pointer is None:
            lost = lost_pointer(name, store.list_objects(name))
            if lost is None or store.read_pointer(name) is None:  # else it was made, and more, before they were listed
                return undecoded(problem=lost.problem if lost else "")
            continue
        stored = store.read_object(pointer.target)
        if stored is not None:
            return _opened(table, path, stored)
        if pointer.target == missing:  # else it may have been replaced, and removed, since the pointer was read
            return undecoded(missing, problem=f"{missing} is missing")
        missing = pointer.target


@dataclass(frozen=True, slots=True)
class SeenPartitions:
    """Partitions that were read, by name: their objects' keys (empty: there was none), and some of the objects."""

    store: PartitionStore
    targets: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, Undecoded] = field(default_factory=dict)

    def read(self, table: Table, path: str, columns: Collection[str]) -> Held:
        """The named columns of the object that was read, its pointer not asked again; no rows where there was none.

        Of a partition that was not read, or whose object has gone since, the rows as they are now. Problems and errors
        as of ``read_partition``.
        """
        name = partition_of(table.folder, path)
        target = self.targets.get(name)
        if target == "":
            return Undecoded(table, path).held(columns)
        if name in self.kept:
            return self.kept[name].held(columns)
        stored = self.store.read_object(target) if target else None
        return (
            _opened(table, path, stored).held(columns) if stored else read_partition(self.store, table, path, columns)
        )


def read_again(store: PartitionStore, held: Held, columns: Collection[str]) -> Held:
    """The rows of the very object that was held, whatever the pointer names by now.

    Raises ``TransientFailure`` where it is gone or not what it was: then another audit sees what is there.
    """
    stored = store.read_object(held.target)
    again = _opened(held.table, held.path, stored).held(columns) if stored else None
    if again is None or again.problem or again.footer != held.footer:
        problem = again.problem if again and again.problem else f"{held.target} was replaced while it was read"
        raise TransientFailure("read partition", held.name, problem, "Start the audit again")
    return again


def _opened(table: Table, path: str, stored: PartitionObject) -> Undecoded:
    try:
        return Undecoded(table, path, stored.key, open_object(stored.key, stored.body))
    except PipelineBug as error:
        return Undecoded(table, path, stored.key, problem=f"{stored.key} {error.problem}")


def _other_layout(footer: Footer, table: Table, rows: pa.Table) -> str:
    """What of the rows is not by the rules of the contract: told by the footer, else (an old one's) by the rows."""
    wanted = RowLayout.of(table)
    if footer.layout is not None:
        return footer.layout.difference(wanted)
    if ids := text_ids(table):
        return f"its {', '.join(ids)} may be ids of an earlier release"
    if unmarked := [name for name in wanted.latest if name in rows.column_names and rows.column(name).null_count]:
        return f"{', '.join(unmarked)} was never decided"
    if not wanted.key or not set(wanted.key) <= set(rows.column_names):
        return ""
    key = [as_array(rows.column(name)) for name in wanted.key]
    is_sorted = not any(column.null_count for column in key) and is_strictly_sorted(key)
    return "" if is_sorted else f"its rows are not sorted by the key ({', '.join(wanted.key)})"


def target_of(store: PartitionStore, name: str) -> str:
    """The object that a partition's pointer names; empty where there is no pointer, or none that can be read."""
    try:
        pointer = store.read_pointer(name)
    except BrokenPointer:
        return ""
    return pointer.target if pointer else ""


def rows_of_window(rows: pa.Table, time_column: str, window: Window) -> pa.Table:
    """The rows whose instants lie in the window, in their order."""
    return rows_between(rows, time_column, window.start, window.end)
