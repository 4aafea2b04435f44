"""Changes of a database by itself: what of a table is another than it was, and what of it the contract cannot take.

Two looks at the catalog are compared. A column is known by its number where the engine has one, so that one that was
renamed is not taken for one that is gone and one that is new.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from core.contract.model import Field, SourceTable
from core.errors import InvalidData
from core.sources.catalog import CatalogColumn
from core.sources.fitting import fit
from core.sources.lines import column_line

ChangeKind = Literal["added", "dropped", "renamed", "retyped", "nullable", "new table", "gone"]
Columns = Sequence[CatalogColumn]


@dataclass(frozen=True, slots=True)
class SourceChange:
    """A change of one table: of its ``column``, or of the whole (empty). ``was`` and ``now`` are names or types.

    Of a column that was dropped, ``now`` is the type that the contract still promises. ``line`` is the contract's line
    that takes the change, empty where there is none to write.
    """

    kind: ChangeKind
    table: str
    column: str = ""
    was: str = ""
    now: str = ""
    line: str = ""

    def __str__(self) -> str:
        text = {
            "added": f"column {self.column} ({self.now}) was added",
            "dropped": f"column {self.column} ({self.was}) was dropped{self.now and ', promised as '}{self.now}",
            "renamed": f"column {self.was} was renamed to {self.now}",
            "retyped": f"column {self.column} was {self.was} and is {self.now}",
            "nullable": f"column {self.column} may be null now",
            "new table": "a table that no contract names",
            "gone": "the table is gone",
        }[self.kind]
        return f"{text}; the contract's line: {self.line}" if self.line else text


def changes_between(table: SourceTable, before: Columns, now: Columns) -> Iterator[SourceChange]:
    """The changes of a table that both looks saw, each once.

    What the contract does not need to know is left out, and what it has taken: a change is over with its line.
    """
    promised = {field.name: field for field in table.fields if not field.added}
    lost = [column for column in before if not _column(now, column.name)]
    new = [column for column in now if not _column(before, column.name)]
    renamed: dict[str, str] = {}
    for column in lost:
        other = next((each for each in new if column.number and each.number == column.number), None)
        if other is None:
            promise = str(promised[column.name].type) if column.name in promised else ""
            yield SourceChange("dropped", table.name, column.name, column.stated, promise)
            continue
        renamed[other.name] = column.name
        if other.name in promised and column.name not in promised:
            continue  # the contract knows it by its new name already
        field = promised.get(column.name)
        line = column_line(other, was=(column.name, *field.was)) if field else ""
        yield SourceChange("renamed", table.name, column.name, column.name, other.name, line)
    for column in new:
        field = promised.get(column.name)  # one that is back, as it was promised, is no news
        if column.name not in renamed and (field is None or fit(column.type, field.type) != "whole"):
            line = column_line(column, was=field.was if field else ())
            yield SourceChange("added", table.name, column.name, "", column.stated, line)
    for column in now:
        old = _column(before, renamed.get(column.name, column.name))
        if old is not None:
            yield from _altered(table, promised.get(column.name), old, column)


def _altered(table: SourceTable, field: Field | None, old: CatalogColumn, new: CatalogColumn) -> Iterator[SourceChange]:
    is_promised = field is not None and fit(new.type, field.type) == "whole"
    if old.stated != new.stated and not is_promised:
        line = "" if field is None else column_line(new, was=field.was)
        yield SourceChange("retyped", table.name, new.name, old.stated, new.stated, line)
    if field is not None and field.required and new.nullable and not old.nullable:
        yield SourceChange("nullable", table.name, new.name, line=column_line(new, was=field.was))


def changes_of_tables(
    tables: Sequence[SourceTable], before: Mapping[str, Columns], now: Mapping[str, Columns]
) -> Iterator[SourceChange]:
    """The changes of the contract's tables, and the tables that are new beside them (by their relation).

    A table that the look before did not see at all tells nothing: it is known from now on.
    """
    contracted = {table.name: table for table in tables}
    for name, table in contracted.items():
        if name in before and name not in now:
            yield SourceChange("gone", name)
        elif name in before:
            yield from changes_between(table, before[name], now[name])
    if before:
        for name in now:
            if name not in contracted and name not in before:
                yield SourceChange("new table", name)


def refuse_other_columns(table: SourceTable, columns: Columns, *, place: str) -> None:
    """Raises ``InvalidData`` naming the columns whose every value the contract's type would refuse."""
    wrong = []
    for field in table.fields:
        column = None if field.added else _column(columns, field.name)
        if column is not None and fit(column.type, field.type) == "never":
            wrong.append(f"{field.name} is {column.stated}, which no {field.type} can hold")
    if wrong:
        remedy = "Write the types as the database has them: starmend contract suggest"
        raise InvalidData("find columns", place, "; ".join(wrong), remedy)


def spare_columns(table: SourceTable, columns: Columns) -> list[str]:
    """The names of the columns that no field of the contract names, in the server's order."""
    names = {field.name for field in table.fields}
    return [column.name for column in columns if column.name not in names]


def _column(columns: Columns, name: str) -> CatalogColumn | None:
    return next((column for column in columns if column.name == name), None)
