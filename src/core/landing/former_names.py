"""Former names of a source's fields: lines that came under one are read as the field is called now.

A contract says them with ``was``. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.contract.model import Field, SourceTable
from core.landing.content import HashList

if TYPE_CHECKING:
    import pyarrow as pa


def names_now(source: SourceTable) -> dict[str, str]:
    """The name that each former name's field has now."""
    return {former: field.name for field in source.fields for former in field.was}


def with_former_names(source: SourceTable) -> SourceTable:
    """The source table as its lines may be written: a field more for each former name, of the same type, or null."""
    former = [
        Field(name, field.type, required=False, round=field.round) for field in source.fields for name in field.was
    ]
    return replace(source, fields=(*source.fields, *former)) if former else source


def under_new_names(rows: pa.Table, source: SourceTable) -> pa.Table:
    """Rows of ``with_former_names`` in the fields of today: where a field is null, the last name before has it."""
    import pyarrow.compute as pc  # the commands' help does without Arrow

    former = names_now(source)
    if not former:
        return rows
    for field in source.fields:
        if field.was:
            place = rows.schema.get_field_index(field.name)
            values = pc.coalesce(*(rows.column(name) for name in (field.name, *field.was)))
            rows = rows.set_column(place, rows.schema.field(place), values)
    return rows.drop_columns(list(former))


def line_now(source: SourceTable, line: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a line by the names of today; where one is null, the last name before has it, as in all rows."""
    former = names_now(source)
    now = {name: value for name, value in line.items() if name not in former}
    for field in source.fields:
        written = [line[name] for name in (field.name, *field.was) if name in line]
        if written:
            now[field.name] = next((value for value in written if value is not None), None)
    return now


def list_now(source: SourceTable, columns: HashList) -> HashList:
    """A list of hashed columns with their names of today: the values, and so the hash, are the same."""
    former = names_now(source)
    return replace(columns, columns=tuple((former.get(name, name), form) for name, form in columns.columns))
