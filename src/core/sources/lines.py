"""Lines of a contract for columns and tables as a database has them, to be looked at by whoever owns the contract.

Names that the warehouse does not take are turned into ones that it does; whatever YAML would read as something else
stands in quotes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

from core.contract.types import ColumnType
from core.sources.catalog import CatalogColumn, CatalogTable
from core.sources.fitting import proposed

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"}
_STAR_NAME = 63


def column_line(column: CatalogColumn, *, was: Sequence[str] = ()) -> str:
    """``colour: string?``, below a source table's ``columns``; with its former names where it has any."""
    kind = type_text(proposed(column.type), nullable=column.nullable)
    former = [name for name in was if name != column.name]
    if not former:
        return f"{text(column.name)}: {kind}"
    return f"{text(column.name)}: {{type: {text(kind)}, was: {names_list(former)}}}"


def names_list(names: Sequence[str]) -> str:
    """``boss``, or ``[manager, boss]``."""
    listed = ", ".join(map(text, names))
    return listed if len(names) == 1 else f"[{listed}]"


def warehouse_line(column: CatalogColumn) -> str:
    """``colour: {type: string, from: colour}``, below a warehouse table's ``columns``."""
    kind = proposed(column.type)
    written = text(str(kind)) if kind.name == "decimal" else str(kind)
    return f"{text(star_name(column.name))}: {{type: {written}, from: {text(column.name)}}}"


def type_text(kind: ColumnType, *, nullable: bool) -> str:
    """A source column's type, with ``?`` where it may be null."""
    return f"{kind}?" if nullable else str(kind)


def star_name(name: str) -> str:
    """A name of the warehouse: small letters, digits and underscores, beginning with a letter."""
    name = re.sub(r"[^a-z0-9_]", "_", name.lower())
    return (name if name[:1].isalpha() else f"c{name}")[:_STAR_NAME]


def text(value: str) -> str:
    """A value as YAML reads it back, in quotes where it has to be."""
    is_plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
    return value if is_plain else json.dumps(value, ensure_ascii=False)


def table_lines(table: CatalogTable) -> Iterator[str]:
    """A source table as it stands below a contract's ``tables``, in lines without their common indentation.

    Which columns are the times of creation and change is guessed from their types and names, and said to be a guess.
    """
    yield f"{text(star_name(table.name))}:"
    if not table.visible or table.name != star_name(table.name):
        yield f"  relation: {json.dumps(table.relation, ensure_ascii=False)}"
    key = ", ".join(map(text, table.key))
    yield f"  key: [{key}]" if key else "  key: []  # nothing is unique there: say what names a row"
    for setting, names in (("created_at", _CREATED), ("changed_at", _CHANGED)):
        guess = clock_named(table.columns, names)
        if guess:
            yield f"  {setting}: {text(guess)}  # guessed by its name"
    yield "  columns:"
    yield from (f"    {column_line(column)}" for column in table.columns)


_CREATED = re.compile(r"(?i)(^|_)(creat|insert|added|made)")
_CHANGED = re.compile(r"(?i)(^|_)(last_)?(updat|chang|modif)")


def clock_named(columns: Sequence[CatalogColumn], names: re.Pattern[str]) -> str:
    """The first column of times whose name is like these; empty where none is."""
    clocks = [column for column in columns if column.type.kind in ("instant", "wall")]
    return next((column.name for column in clocks if names.search(column.name)), "")
