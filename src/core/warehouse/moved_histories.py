"""Histories with rows in several partitions: a column that the contract declares immutable has changed at the source.

Each partition decides its own latest rows, so that such a history has two. Only the rows at hand are looked at, for
where a history lay before no index tells; the audit compares all of them with the source, and marks the old version as
deleted (``core.audit.findings.MovedRows``). A history whose rows in a partition are all marked has left it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from core.contract.model import Table
from core.warehouse.order import as_array, sort_rows, starts

NAMED = 20  # histories that are named


@dataclass(frozen=True, slots=True)
class MovedHistories:
    """Histories of one table (their ``history_of`` values, the first of them) with rows in more than one partition."""

    table: str
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    count: int


def moved_histories(parts: Iterable[tuple[Table, str, pa.Table]]) -> list[MovedHistories]:
    """Find them among rows by table and partition; one result for each table that has any."""
    tables: dict[str, tuple[Table, list[tuple[str, pa.Table]]]] = {}
    for table, path, rows in parts:
        if table.partition_by and _stored_history(table):
            left = rows.filter(rows.column(table.deleted).is_null()) if table.deleted in rows.column_names else rows
            tables.setdefault(table.folder, (table, []))[1].append((path, left))
    moved = []
    for table, placed in tables.values():
        if len({path for path, _ in placed}) > 1 and (several := _in_several(table, placed)):
            moved.append(several)
    return moved


def _stored_history(table: Table) -> bool:
    """Whether a history can be told by the stored columns; else its partition is part of it, and it cannot move."""
    return bool(table.history_of) and set(table.history_of) <= {column.name for column in table.stored_columns}


def _in_several(table: Table, placed: Sequence[tuple[str, pa.Table]]) -> MovedHistories | None:
    codes = {path: code for code, path in enumerate(sorted({path for path, _ in placed}))}
    rows = pa.concat_tables([rows.select(table.history_of) for _, rows in placed])
    place = np.repeat([codes[path] for path, _ in placed], [rows.num_rows for _, rows in placed])
    columns = [as_array(column) for column in rows.columns]
    order, begins = sort_rows([*columns, pa.array(place)])
    pairs = order[begins]  # one for each history and partition
    history = [column.take(pa.array(pairs)) for column in columns]
    again = np.flatnonzero(~starts(history))
    if not len(again):
        return None
    firsts = again[~np.isin(again - 1, again)] - 1  # where each history that moved begins
    named = [column.take(pa.array(firsts[:NAMED])).cast(pa.string()).to_pylist() for column in history]
    moved = tuple(part.column for part in table.partition_by if part.column not in table.history_of)
    return MovedHistories(table.name, moved, tuple(" ".join(key) for key in zip(*named, strict=True)), len(firsts))
