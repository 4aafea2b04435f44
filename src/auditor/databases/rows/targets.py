"""The warehouse tables that keep a database's rows, the slices in which they are compared, and by what. Pure.

A *target* is a fact, or the current state of a source table that dimensions are computed from. Its *slices* are what
is compared at once: the rows of one unit of the time that it is partitioned by, or all rows where no time is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product

from core.contract.model import HASH, HASH_LIST, Column, Contract, Contracts, Database, Latest, SourceTable, Table, Take
from core.contract.types import ColumnType
from core.errors import UnknownTable, of_kind
from core.feeds.partitions import unit_bounds
from core.time import at_epoch, iso
from core.warehouse.current_state import CURRENT, current_table, inputs_of
from core.warehouse.keys import first_kept

ALWAYS = (0, 253_402_300_799)  # the window of a slice that is not bounded by time: 1970 to 9999
_DIGITS = {"year": 4, "month": 7, "day": 10, "hour": 13}


@dataclass(frozen=True, slots=True)
class Target:
    """A warehouse table, and the columns by which its rows are compared with those of a source table.

    ``keys``, ``version`` (of rows without a time of change, when they were checked), ``checked``, ``deleted`` and
    ``latest`` are the warehouse table's columns (the last three empty where it has none). ``column`` is the source's
    time that bounds slices (empty: there is one slice), ``unit`` its unit. ``placed`` are the source's columns, by the
    table's, of those that it is partitioned by, as far as they are taken as they are.
    """

    source: SourceTable
    table: Table
    keys: tuple[str, ...]
    version: str
    checked: str = ""
    deleted: str = ""
    latest: str = ""
    column: str = ""
    unit: str = ""
    placed: Mapping[str, str] = field(default_factory=dict)

    @property
    def begins(self) -> int:
        """The start of the first slice that there is (epoch seconds): of what is earlier nothing was promised."""
        return (first_kept(self.table) if self.column else None) or 0

    @property
    def fields(self) -> frozenset[str]:
        """The source's fields that the table's columns are made from."""
        rules = [column.rule for column in self.table.stored_columns]
        names = ("field", "live", "history", "by")
        return frozenset(getattr(rule, name) for rule in rules for name in names if hasattr(rule, name))

    @property
    def compared(self) -> frozenset[str]:
        """The columns that a comparison reads: key, version, marks and hash, and those that a rule is on."""
        ruled = {
            column.name
            for column in self.table.columns
            if column.references or column.required or column.check or column.one_of
        }
        marks = {self.version, self.checked, self.deleted, self.latest} - {""}
        content = {HASH_LIST, HASH} if self.table.keeps_content else set()
        return frozenset({*self.keys, *self.table.key, *marks, *ruled, *content})


@dataclass(frozen=True, slots=True, order=True)
class Slice:
    """``[start, end)`` of a target's slicing time, epoch seconds; ``ALWAYS`` is everything."""

    table: str
    start: int
    end: int

    @property
    def whole(self) -> bool:
        return (self.start, self.end) == ALWAYS


def database_of(contracts: Contracts, dataset: str) -> tuple[Contract, Database]:
    """Raises ``UnknownTable`` where the contracts name no such database."""
    try:
        contract = contracts.dataset(dataset)
    except KeyError as error:
        raise UnknownTable("audit", dataset, str(error.args[0]), "Name a dataset of the contracts") from error
    if not isinstance(contract.source, Database):
        raise UnknownTable("audit", dataset, "is no database", "Name a dataset of kind database")
    return contract, contract.source


def targets_of(contract: Contract) -> tuple[Target, ...]:
    """The tables that can be compared by key: those that take key and version of their rows as they are."""
    database = of_kind(contract.source, Database, "audit", contract.dataset)
    used = {name for table in contract.tables for name in inputs_of(table)}
    targets: list[Target | None] = []
    for source in database.tables:
        facts = [table for table in contract.tables if table.kind == "fact" and table.source == source.name]
        targets += [_target(source, table) for table in facts]
        if source.name in used:
            targets.append(_target(source, current_table(contract, source)))
    return tuple(target for target in targets if target is not None)


def _target(source: SourceTable, table: Table) -> Target | None:
    taken = {
        column.rule.field: column.name
        for column in reversed(table.columns)
        if isinstance(column.rule, Take) and column.rule.form == "value"
    }
    changed = source.checked_mark if source.by_keys else source.changed_at or source.created_at
    if changed not in taken or not all(name in taken for name in source.key):
        return None
    stored = {column.name for column in table.stored_columns}
    fields = {column: name for name, column in taken.items()}
    column, unit = "", ""
    for part in table.partition_by:
        name = fields.get(part.column, "")
        if part.transform in _DIGITS and name and source.field(name).type.name in ("timestamp", "date"):
            column, unit = name, part.transform
    return Target(
        source=source,
        table=table,
        keys=tuple(taken[name] for name in source.key),
        version=taken[changed],
        checked=table.checked if table.checked in stored else "",
        deleted=table.deleted if table.deleted in stored else "",
        latest=next((column.name for column in table.columns if isinstance(column.rule, Latest)), ""),
        column=column,
        unit=unit,
        placed={
            part.column: fields[part.column]
            for part in table.partition_by
            if part.column in fields and _same_values(source.field(fields[part.column]).type, table.column(part.column))
        },
    )


def _same_values(kind: ColumnType, column: Column) -> bool:
    """Whether a field's values and the column's are the same, or times of which one may be longer than the other."""
    return kind == column.type or {kind.name, column.type.name} == {"timestamp", "date"}


# ---------------------------------------------------------------- slices and partitions


def slices_between(target: Target, start: int, end: int) -> list[Slice]:
    """The slices that overlap ``[start, end)``, in order; none that the table's first partition comes after.

    Whoever compares, counts or tells gets its slices here, so that no row from before the promise is missing anywhere.
    """
    if not target.column:
        return [Slice(target.table.name, *ALWAYS)]
    slices = []
    at = _floor(target.unit, at_epoch(max(start, target.begins)))
    while at.timestamp() < end:
        following = _next(target.unit, at)
        slices.append(Slice(target.table.name, int(at.timestamp()), int(following.timestamp())))
        at = following
    return slices


def all_slices(target: Target, until: int) -> list[Slice]:
    """The target's slices from the first day that the table may hold on."""
    return slices_between(target, target.begins, until)


def slices_of(target: Target, path: str) -> list[Slice]:
    """The slices that rows of a partition are compared in."""
    if not target.column:
        return [Slice(target.table.name, *ALWAYS)]
    values = dict(folder.partition("=")[::2] for folder in path.split("/"))
    bounds = [
        unit_bounds(level.transform, values[level.name])
        for level in target.table.partition_by
        if level.transform == target.unit and level.name in values
    ]
    return [part for start, end in bounds for part in slices_between(target, start, end)]


def _floor(unit: str, at: datetime) -> datetime:
    at = at.replace(hour=at.hour if unit == "hour" else 0, minute=0, second=0, microsecond=0)
    if unit in ("month", "year"):
        at = at.replace(day=1)
    return at.replace(month=1) if unit == "year" else at


def _next(unit: str, at: datetime) -> datetime:
    if unit == "year":
        return at.replace(year=at.year + 1)
    if unit == "month":
        return at.replace(year=at.year + at.month // 12, month=at.month % 12 + 1)
    return at + (timedelta(days=1) if unit == "day" else timedelta(hours=1))


def paths_of(target: Target, part: Slice) -> list[str]:
    """The partitions of a slice."""
    levels: list[Iterable[str]] = []
    for level in target.table.partition_by:
        if level.transform in _DIGITS:
            text = iso(part.start).replace("T", "-").replace(":", "-")
            values: list[str] = [text[: _DIGITS[level.transform]]]
        elif level.transform == "bucket":
            values = [str(number) for number in range(level.buckets)]
        else:
            values = list(level.values)
        levels.append([f"{level.name}={value}" for value in values])
    return ["/".join(folders) for folders in product(*levels)]


def owner_of(contract: Contract, table: str) -> str:
    """The table to make again where this one is broken: for a current state, a dimension that is computed from it."""
    if not table.startswith(f"{CURRENT}/"):
        return table
    source = table.removeprefix(f"{CURRENT}/")
    return next(derived.name for derived in contract.tables if source in inputs_of(derived))
