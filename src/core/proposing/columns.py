"""Columns of proposed tables: what is read of a source table, and what a star table takes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.contract.model import CHECKED, DELETED, RESERVED
from core.contract.types import ColumnType
from core.proposing.clocks import holds_days
from core.proposing.naming import LONGEST, plain_name, unused
from core.proposing.roles import Understood
from core.proposing.unread import unread
from core.proposing.writing import Value, one_line
from core.sources.catalog import CatalogColumn
from core.sources.fitting import UNBOUNDED, proposed

LONGEST_COMMENT = 160  # of the 255 that the catalog keeps, with unit and reference behind it
OWN = "source_"  # before a name that the pipeline keeps for itself


@dataclass(frozen=True, slots=True)
class Read:
    """A column of a source table as it is read; ``why_not`` says why it is only proposed in a remark."""

    column: CatalogColumn
    type: ColumnType
    why_not: str = ""
    remark: str = ""

    @property
    def written(self) -> str:
        """As the contract writes it: the type, with ``?`` where it may be null."""
        return f"{self.type}{'?' if self.column.nullable else ''}"


@dataclass(slots=True)
class StarColumns:
    """Columns of a star table, in order, each with its remark; names are given once."""

    written: list[tuple[str, Value, str]] = field(default_factory=list)
    _used: set[str] = field(default_factory=set)
    _kept: set[str] = field(default_factory=set)
    _named: dict[str, str] = field(default_factory=dict)

    def reserve(self, *names: str) -> None:
        """Names that the pipeline keeps for itself: levels of partitions, marks of rows, what it adds."""
        self._used |= set(names)
        self._kept |= set(names)

    def name(self, *fields: str) -> list[str]:
        """Give fields their names before anything else gets one, first to those that are a contract's already."""
        for each in sorted(fields, key=lambda field: field != plain_name(field)):
            self._named.setdefault(each, self._free(each))
        return [self._named[each] for each in fields]

    def mark(self, name: str, comment: str) -> str:
        """A mark that the pipeline sets, by the very name that is kept for it."""
        self.written.append((name, {"type": "timestamp", "comment": comment}, ""))
        return name

    def add(self, name: str, settings: Mapping[str, Value], remark: str = "", *, taken: str = "") -> str:
        """A column; ``taken`` is the field it takes, where its name may be another. The name that it got."""
        plain = self._named.get(taken) or self._free(name)
        if taken and plain.startswith(OWN) and plain_name(taken) in self._kept:
            remark = "; ".join(filter(None, [remark, f"the source's own: {plain_name(taken)} is the pipeline's"]))
        given: dict[str, Value] = {"type": settings["type"]}
        if taken and taken != plain:
            given["from"] = taken
        given |= {key: value for key, value in settings.items() if key != "type"}
        self.written.append((plain, given["type"] if len(given) == 1 else given, remark))
        return plain

    def _free(self, name: str) -> str:
        plain = plain_name(name)
        is_kept = plain in self._kept or plain.startswith(RESERVED)
        return unused(f"{OWN}{plain}"[:LONGEST] if is_kept else plain, self._used)


def read_columns(known: Understood) -> list[Read]:
    """The columns of a table, those that are left where they are too."""
    why_not = unread(known.table, (*known.table.key, known.clocks.created_at, known.clocks.changed_at))
    return [_read(column, known, why_not.get(column.name, "")) for column in known.table.columns]


def _read(column: CatalogColumn, known: Understood, why_not: str) -> Read:
    kind = proposed(column.type)
    if column.name in (known.clocks.created_at, known.clocks.changed_at):
        return Read(column, ColumnType("timestamp"))
    remark = ""
    if kind.name == "json" and column.name in known.table.key:
        kind, remark = ColumnType("string"), "a key: kept as the text that the server prints"
    elif kind == UNBOUNDED:
        remark = f"the source has {column.stated}, without a bound: rows with more digits are refused"
    elif column.type.kind == "text" and holds_days(column, known.sample):
        remark = "texts, but every one that was looked at is a day"
    return Read(column, kind, why_not, remark)


def star_settings(read: Read, known: Understood, references: Mapping[str, str]) -> dict[str, Value]:
    """Type, reference and comment of a column that is taken as it is; texts that hold days become days."""
    kind = "date" if holds_days(read.column, known.sample) else str(read.type)
    settings: dict[str, Value] = {"type": kind}
    if kind == "date":
        settings["references"] = "dim_date.date_id"
    elif read.column.name in references:
        settings["references"] = references[read.column.name]
    if comment := one_line(read.column.comment):
        settings["comment"] = comment[:LONGEST_COMMENT]
    return settings


def marks(columns: Sequence[Read]) -> tuple[str, str]:
    """What the pipeline calls its marks of deleted and of checked rows: as ``SourceTable`` does.

    A column of the source that only becomes such a name, as ``deletedAt`` does, leaves it to the pipeline.
    """
    own = {read.column.name.casefold() for read in columns if not read.why_not}
    deleted, checked = (f"{RESERVED}{name}" if name in own else name for name in (DELETED, CHECKED))
    return deleted, checked
