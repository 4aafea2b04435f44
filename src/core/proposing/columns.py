"""Columns of proposed tables: what is read of a source table, and what a star table takes of it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from core.contract.model import RESERVED
from core.contract.types import ColumnType
from core.proposing.clocks import holds_days
from core.proposing.naming import plain_name, unused
from core.proposing.roles import Understood
from core.proposing.writing import Value, one_line
from core.sources.catalog import CatalogColumn
from core.sources.fitting import UNBOUNDED, proposed

_SECRET = re.compile(
    r"(^|_)(password|passwd|pwd|secret|token|api_?key|private_?key|salt|iban|ssn|cvv|pin|"
    r"(card|account|acc|ac)_(number|no|nr))(_|$)"
)
_UNREAD = {"bytea": "binary", "tsvector": "an index of words", "tsquery": "an index of words", "xml": "XML"}
LONGEST_COMMENT = 160  # of the 255 that the catalog keeps, with unit and reference behind it
_MARKS = ("deleted_at", "checked_at")


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

    def reserve(self, *names: str) -> None:
        """Names that something else has: levels of partitions, what the pipeline adds."""
        self._used |= set(names)

    def add(self, name: str, settings: Mapping[str, Value], remark: str = "", *, taken: str = "") -> str:
        """A column; ``taken`` is the field it takes, where its name may be another. The name that it got."""
        plain = unused(plain_name(name), self._used)
        given: dict[str, Value] = {"type": settings["type"]}
        if taken and taken != plain:
            given["from"] = taken
        given |= {key: value for key, value in settings.items() if key != "type"}
        self.written.append((plain, given["type"] if len(given) == 1 else given, remark))
        return plain


def read_columns(known: Understood) -> list[Read]:
    """The columns of a table, those that are left where they are too."""
    return [_read(column, known) for column in known.table.columns]


def _read(column: CatalogColumn, known: Understood) -> Read:
    kind = proposed(column.type)
    if column.name in (known.clocks.created_at, known.clocks.changed_at):
        return Read(column, ColumnType("timestamp"))
    why_not = "" if column.name in known.table.key else _why_not(column)
    remark = ""
    if kind == UNBOUNDED:
        remark = f"the source has {column.stated}, without a bound: rows with more digits are refused"
    elif column.type.kind == "text" and holds_days(column, known.sample):
        remark = "texts, but every one that was looked at is a day"
    return Read(column, kind, why_not, remark)


def _why_not(column: CatalogColumn) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column.name).lower()
    if not column.readable:
        return "this role may not read it"
    if column.stated in _UNREAD:
        return f"{_UNREAD[column.stated]}: nothing to ask in SQL"
    if column.name.startswith(RESERVED):
        return "names that begin so are the pipeline's"
    if _SECRET.search(words):
        return "looks like a secret: it stays where it is unless somebody asks for it"
    return ""


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
    """What the pipeline calls its marks of deleted and of checked rows, beside columns of the source of that name."""
    own = {read.column.name for read in columns if not read.why_not}
    return tuple(f"{RESERVED}{name}" if name in own else name for name in _MARKS)  # type: ignore[return-value]
