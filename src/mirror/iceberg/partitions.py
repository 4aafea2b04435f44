"""Partitions of a table as Iceberg's partition spec, and the values that a partition's path stands for.

The path is the truth: a value that lies in it lies in no object (``core.contract.model.Table.stored_columns``). Years,
months, days and hours are Iceberg's own transforms of the column. Our buckets are CRC-32 and Iceberg's are murmur3,
so a bucket is an identity partition of a column that holds its number.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionField, PartitionSpec
from pyiceberg.transforms import (
    DayTransform,
    HourTransform,
    IdentityTransform,
    MonthTransform,
    Transform,
    YearTransform,
)
from pyiceberg.typedef import Record

from core.contract.model import GroupValue, Partition, Table
from core.errors import InvalidData
from mirror.iceberg.columns import FieldIds

_TRANSFORMS: dict[str, Transform[Any, Any]] = {
    "year": YearTransform(),
    "month": MonthTransform(),
    "day": DayTransform(),
    "hour": HourTransform(),
    "value": IdentityTransform(),
    "bucket": IdentityTransform(),
}
_EPOCH = date(1970, 1, 1)


def spec_of(table: Table, ids: FieldIds, known: Iterable[PartitionSpec], *, last: int = 0) -> PartitionSpec:
    """The spec of the contract's partitions: one of the ``known`` where it is the same, else the next.

    A field that an earlier spec had too keeps its id; others get ids after the ``last`` that was ever given.
    """
    earlier = list(known)
    numbers = {_likeness(field): field.field_id for spec in earlier for field in spec.fields}
    last = max([PARTITION_FIELD_ID_START - 1, last, *numbers.values()])
    fields = []
    for part in table.partition_by:
        source = _source(table, part)
        name = source if part.transform in ("value", "bucket") else _field_name(table, f"{source}_{part.transform}")
        field = PartitionField(ids.by_name[source], 0, _TRANSFORMS[part.transform], name)
        if _likeness(field) not in numbers:
            last += 1
            numbers[_likeness(field)] = last
        fields.append(PartitionField(field.source_id, numbers[_likeness(field)], field.transform, name))
    for spec in earlier:
        if spec.fields == tuple(fields):
            return spec
    return PartitionSpec(*fields, spec_id=max((spec.spec_id for spec in earlier), default=-1) + 1)


def _likeness(field: PartitionField) -> tuple[int, str, str]:
    return field.source_id, str(field.transform), field.name


def _source(table: Table, part: Partition) -> str:
    """The column that a partition's value is of; a rollup lies in the partitions of its fact, by its own time."""
    if part.transform == "bucket":
        return part.name
    names = [column.name for column in table.columns]
    grouped = [
        column.name
        for column in table.columns
        if isinstance(column.rule, GroupValue) and column.rule.column == part.column
    ]
    return part.column if part.column in names else grouped[0]


def _field_name(table: Table, name: str) -> str:
    """The name, or one that is no column's: Iceberg wants them apart."""
    return _field_name(table, f"{name}_of_time") if name in {column.name for column in table.columns} else name


def partition_values(table: Table, path: str) -> Record:
    """The values of the spec's fields, in their order, that a path stands for.

    Raises ``InvalidData`` where the path is none of the table's.
    """
    folders = [folder.partition("=")[::2] for folder in path.split("/")] if path else []
    if [name for name, _ in folders] != [part.name for part in table.partition_by]:
        raise InvalidData("mirror partition", f"{table.folder}/{path}", "is no partition of the contract's table")
    pairs: Sequence[tuple[Partition, str]] = [
        (part, text) for part, (_, text) in zip(table.partition_by, folders, strict=True)
    ]
    try:
        return Record(*[_value(table, part, text) for part, text in pairs])
    except ValueError as error:
        place = f"{table.folder}/{path}"
        raise InvalidData("mirror partition", place, f"has a value that cannot be read ({error})") from error


def _value(table: Table, part: Partition, text: str) -> object:
    if part.transform == "value":
        return _typed(table.column(part.column).type.name, text)
    if part.transform == "bucket":
        return int(text)
    if part.transform == "year":
        return int(text) - 1970
    if part.transform == "month":
        year, month = text.split("-")
        return (int(year) - 1970) * 12 + int(month) - 1
    days = (date.fromisoformat(text[:10]) - _EPOCH).days
    return days if part.transform == "day" else days * 24 + int(text[11:])


def _typed(kind: str, text: str) -> object:
    """The value of a text in a path, as ``core.warehouse.keys`` cast it, in Iceberg's own representation."""
    if kind in ("int", "bigint"):
        return int(text)
    if kind == "boolean":
        return text == "true"
    if kind == "date":
        return (date.fromisoformat(text) - _EPOCH).days
    if kind == "decimal":
        return Decimal(text)
    if kind in ("double", "timestamp"):
        raise ValueError(f"no text in a path stands for a {kind}")
    return text
