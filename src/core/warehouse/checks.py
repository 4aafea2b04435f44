"""Checks: the rules that a contract gives the columns of a table, and the rows that break them. Pure.

A null breaks ``required`` alone, never ``check`` or ``one_of`` (as in SQL). A column of the key is always required.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from core.contract.model import Check, Column, Table
from core.contract.types import ColumnType
from core.warehouse.arrow_types import arrow_type

_COMPARISONS: Mapping[str, Callable[..., pa.ChunkedArray]] = {
    ">": pc.greater,
    ">=": pc.greater_equal,
    "<": pc.less,
    "<=": pc.less_equal,
    "=": pc.equal,
    "!=": pc.not_equal,
}


@dataclass(frozen=True, slots=True)
class BrokenCheck:
    """A rule that at least one row breaks. ``breaks`` is true for those rows, false or null for all others."""

    column: str
    rule: str
    breaks: pa.ChunkedArray


def broken_checks(table: Table, rows: pa.Table) -> Iterator[BrokenCheck]:
    """The rules that rows of a table break: column by column, and in each ``required``, ``check``, ``one_of``.

    Columns that the rows lack are not checked.
    """
    present = set(rows.column_names)  # a list that is made anew each time it is asked for
    for column in table.columns:
        if column.name not in present:
            continue
        values = rows.column(column.name)
        if values.null_count and (column.required or column.name in table.key):
            yield BrokenCheck(column.name, "required", pc.is_null(values))
        if column.check is not None:
            yield from _compare(column, column.check, values)
        if column.one_of:
            yield from _look_up(column, values)


def _compare(column: Column, check: Check, values: pa.ChunkedArray) -> Iterator[BrokenCheck]:
    holds = _COMPARISONS[check.operator](values, _literal(check.literal, column.type))
    if not _all(holds):
        yield BrokenCheck(column.name, f"check {check.operator} {check.literal}", pc.invert(holds))


def _look_up(column: Column, values: pa.ChunkedArray) -> Iterator[BrokenCheck]:
    texts = values if pa.types.is_string(values.type) else values.cast(pa.string())
    listed = pc.is_in(texts, value_set=_listed(column.one_of))
    if _all(listed):
        return
    breaks = pc.and_(pc.invert(listed), pc.is_valid(values))  # a null is not listed
    if pc.any(breaks).as_py():
        yield BrokenCheck(column.name, f"one_of {', '.join(column.one_of)}", breaks)


# Each block of rows is held against the same values.
@functools.lru_cache(maxsize=256)
def _literal(text: str, kind: ColumnType) -> pa.Scalar:
    return pa.scalar(text).cast(arrow_type(kind))


@functools.lru_cache(maxsize=256)
def _listed(values: tuple[str, ...]) -> pa.Array:
    return pa.array(values, pa.string())


def _all(mask: pa.ChunkedArray) -> bool:
    """Whether no value is false; null is not."""
    return pc.all(mask, skip_nulls=True, min_count=0).as_py() is not False
