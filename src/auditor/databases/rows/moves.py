"""Rows that the warehouse has as current in another partition than the source has them in. Pure.

A partition decides its own latest rows, so a row whose partition changed is current twice. Within a slice the row's own
versions tell: the one that would win if they lay in one partition is right. A slice that the source does not have the
row in asks where else it is (``core.audit.source_check.LocateRows``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from auditor.databases.rows.targets import Target
from core.audit.key_values import Key, key_values
from core.contract.model import Partition
from core.warehouse.arrow_types import arrow_type
from core.warehouse.keys import in_partitions, partition_codes
from core.warehouse.order import Bools, Ints, as_array

MOST_LOCATED = 10_000  # rows of a slice that are looked for elsewhere; those beyond are looked for by a later audit


@dataclass(frozen=True, slots=True)
class HeldRows:
    """Rows of the warehouse: key, version, when they were checked (empty: never), and the partition that holds each."""

    keys: tuple[Key, ...] = ()
    versions: tuple[str, ...] = ()
    checked: tuple[str, ...] = ()
    partitions: tuple[str, ...] = ()

    def __add__(self, other: HeldRows) -> HeldRows:
        return HeldRows(
            self.keys + other.keys,
            self.versions + other.versions,
            self.checked + other.checked,
            self.partitions + other.partitions,
        )

    def at(self, places: Sequence[int]) -> HeldRows:
        """The rows at these places, in their order."""
        return HeldRows(
            tuple(self.keys[place] for place in places),
            tuple(self.versions[place] for place in places),
            tuple(self.checked[place] for place in places),
            tuple(self.partitions[place] for place in places),
        )


@dataclass(frozen=True, slots=True)
class Moves:
    """Rows with the partition that each belongs to now; empty where the table has none for it."""

    rows: HeldRows = HeldRows()
    now: tuple[str, ...] = ()

    def __add__(self, other: Moves) -> Moves:
        return Moves(self.rows + other.rows, self.now + other.now)


def superseded(keys: Ints, right: Bools, seen: Ints, versions: Ints) -> tuple[Ints, Ints]:
    """The rows that another one of their key outranks, and for each the one that does.

    ``keys`` number the rows' keys. Rows of the source's version (``right``) go first, then those ``seen`` last.
    """
    order = np.lexsort((versions, seen, right, keys))
    last = np.append(keys[order][1:] != keys[order][:-1], True)[: len(order)]
    best = order[last][np.cumsum(last) - last]
    return order[~last], best[~last]


# ---------------------------------------------------------------- rows that a slice of the source does not have


def located(target: Target, gone: HeldRows, rows: pa.Table, keys: pa.Schema) -> tuple[HeldRows, Moves]:
    """Which of the rows the source has no more, and which it has in another partition.

    ``rows`` are the source's that have their keys (``target.placed``), ``keys`` the types of the warehouse's. A row
    that is in its partition again by now is neither.
    """
    levels = [part for part in target.table.partition_by if part.column in target.placed]
    now = _paths(target, levels, rows, keys)
    lost, moved = [], []
    for place, key in enumerate(gone.keys):
        if key not in now:
            lost.append(place)
        elif now[key] != _known(levels, gone.partitions[place]):
            moved.append(place)
    rows_moved = gone.at(moved)
    return gone.at(lost), Moves(rows_moved, tuple(now[key] for key in rows_moved.keys))


def _paths(target: Target, levels: Sequence[Partition], rows: pa.Table, keys: pa.Schema) -> Mapping[Key, str]:
    """The path of each row, by key, as far as its levels are known; empty where no partition can hold it."""
    table = replace(target.table, partition_by=tuple(levels))
    placed = pa.table(
        {
            part.column: as_array(rows.column(target.placed[part.column])).cast(
                arrow_type(table.column(part.column).type), safe=False
            )
            for part in levels
        }
    )
    inside = in_partitions(table, placed)
    codes, names = partition_codes(table, placed.filter(inside))
    paths = np.full(rows.num_rows, "", dtype=object)
    paths[np.asarray(inside)] = [names[code] for code in codes.tolist()]
    columns = [
        key_values(as_array(rows.column(name)).cast(keys.field(ours).type))
        for name, ours in zip(target.source.key, target.keys, strict=True)
    ]
    return dict(zip(zip(*columns, strict=True), paths.tolist(), strict=True))


def _known(levels: Sequence[Partition], path: str) -> str:
    names = {part.name for part in levels}
    return "/".join(folder for folder in path.split("/") if folder.partition("=")[0] in names)


def changed_columns(target: Target, moves: Moves) -> tuple[str, ...]:
    """The partition columns that changed, in the path's order."""
    changed = set()
    for was, now in zip(moves.rows.partitions, moves.now, strict=True):
        before, after = (dict(folder.partition("=")[::2] for folder in path.split("/")) for path in (was, now))
        changed |= {name for name in before if before[name] != after.get(name, before[name] if now else "")}
    return tuple(dict.fromkeys(part.column for part in target.table.partition_by if part.name in changed))


def instants(rows: pa.Table, column: str) -> tuple[str, ...]:
    """Instants as ISO 8601 in UTC; empty where there is none."""
    if not column:
        return ("",) * int(rows.num_rows)
    # Not by Arrow's strftime: it asks for the system's time zones even for UTC, and a function may have none.
    texts = rows.column(column).cast(pa.string()).to_pylist()
    return tuple(f"{text.replace(' ', 'T')}Z" if text else "" for text in texts)
