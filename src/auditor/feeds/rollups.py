"""Rollups against the facts they are made of: one that differs from the certified windows is stale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any

import numpy as np
import pyarrow as pa

from auditor.feeds.expect import Expectation
from auditor.feeds.partition_scan import Cells, PartitionScan
from auditor.feeds.points import ABSENT, MISSING, NOT_OWED, REPAIRED
from auditor.warehouse.partitions import read_partition
from auditor.windows import DAY, HOUR, Window, facts_of, partitions_of
from core.audit.certificate import LedgerEntry, window_name
from core.audit.findings import HeldPartition, StaleDerived
from core.contract.model import Aggregated, Contract, Feed, GroupValue, Table, TradingCalendar
from core.errors import of_kind
from core.feeds.grid import expected_slots
from core.feeds.partitions import column_of, covers
from core.ports import PartitionStore
from core.time import at_epoch

UNITS = {"hour": HOUR, "day": DAY}  # groups that lie in one window, or in a day's windows
COUNTED = ("count", "expected", "repaired", "absent", "complete")  # functions whose result a window can tell
Counts = dict[tuple[str, int], dict[str, int | bool]]  # by entity and group, of the functions above


def stale_rollups(
    store: PartitionStore,
    contract: Contract,
    calendar: TradingCalendar,
    expectation: Expectation,
    scan: PartitionScan,
    entries: Mapping[str, LedgerEntry],
) -> list[StaleDerived | HeldPartition]:
    """Rollup partitions that lack a group of certified windows, or count it otherwise; and those that are held.

    A window whose rows are not those of its certificate any more is passed over: it gets a successor first, and the
    rollup is made again after that.
    """
    feed = of_kind(contract.source, Feed, "audit", contract.dataset)
    settled = [
        place
        for place, window in enumerate(expectation.windows)
        if (entry := entries.get(window_name(feed.table.name, window.name))) is not None
        and dict(entry.partitions) == scan.proofs[place]
    ]
    findings: list[StaleDerived | HeldPartition] = []
    facts = {fact.name: fact for fact in facts_of(contract)}
    for table in contract.tables:
        if table.kind == "rollup" and table.source in facts and (unit := _time_unit(table, feed, facts)):
            counts = _counts(feed, calendar, expectation, scan.cells_of(table.source), settled, UNITS[unit])
            findings += _stale_partitions(store, table, facts[table.source], feed, expectation.windows, counts)
    return findings


def _time_unit(table: Table, feed: Feed, facts: Mapping[str, Table]) -> str:
    """The unit of time that a rollup is grouped by, where a window can tell what its groups must be."""
    times = column_of(facts[table.source], feed.time_column)
    for column in table.columns:
        if isinstance(column.rule, GroupValue) and column.rule.column == times and column.rule.unit in UNITS:
            return column.rule.unit
    return ""


def _counts(
    feed: Feed,
    calendar: TradingCalendar,
    expectation: Expectation,
    points: Cells,
    settled: list[int],
    unit: int,
) -> Counts:
    """The points of each entity and group, for groups all of whose slots were scanned and are certified.

    An audit may have read an hour of a day alone, or a part of an hour.
    """
    grid = expectation.grid
    certain = np.isin(expectation.window_of, settled)
    groups = grid.slots // unit
    counts: Counts = {}
    for group in np.unique(groups).tolist():
        columns = groups == group
        if not certain[columns].all() or columns.sum() < _slots_in(feed, calendar, group * unit, unit):
            continue
        cells = points[:, columns]
        owed = (cells != NOT_OWED).sum(axis=1)
        absent, missing = (cells == ABSENT).sum(axis=1), (cells == MISSING).sum(axis=1)
        repaired = (cells == REPAIRED).sum(axis=1)
        for row in np.flatnonzero(owed).tolist():
            counts[grid.entities[row], group * unit] = {
                "expected": int(owed[row]),
                "absent": int(absent[row]),
                "repaired": int(repaired[row]),
                "count": int(owed[row] - absent[row] - missing[row]),
                "complete": not missing[row],
            }
    return counts


def _slots_in(feed: Feed, calendar: TradingCalendar, start: int, unit: int) -> int:
    """The slots of a group, as far as the calendar knows its time: as a rollup counts them."""
    start, end = max(start, calendar.covers_from), min(start + unit, calendar.covers_to)
    return len(expected_slots(calendar, every=feed.every, start=start, end=end))


def _stale_partitions(
    store: PartitionStore, table: Table, fact: Table, feed: Feed, windows: Sequence[Window], counts: Counts
) -> Iterator[StaleDerived | HeldPartition]:
    """The rollup's partitions that do not have the counts, or that are held."""
    for path, covered in partitions_of(table, feed, windows, fact=fact).items():
        partition = read_partition(store, table, path)
        if partition.hold:
            yield HeldPartition(table.dataset, table.name, path, partition.hold)
            continue
        if partition.problem:
            yield StaleDerived(table.dataset, table.name, path, partition.problem)
            continue
        expected = {
            (entity, group): count
            for (entity, group), count in counts.items()
            if covers(table, feed, path, entity=entity, start=group, end=group + 1, fact=fact)
        }
        stored = _stored_counts(table, fact, feed, partition.rows, covered)
        wrong = [key for key, count in expected.items() if not _equal(stored.get(key), count)]
        if wrong:
            entity, group = min(wrong, key=lambda key: (key[1], key[0]))
            moment = at_epoch(group).strftime("%Y-%m-%dT%H:%MZ")
            problem = f"{len(wrong)} groups are not as certified, the first {entity} {moment}"
            yield StaleDerived(table.dataset, table.name, path, problem)


def _stored_counts(
    table: Table, fact: Table, feed: Feed, rows: pa.Table, windows: Sequence[Window]
) -> dict[tuple[str, int], dict[str, Any]]:
    """The columns of the rollup's rows that a window can tell, by function."""
    entity_column, time_column = _group_columns(table, fact, feed)
    functions = {
        column.name: column.rule.function
        for column in table.columns
        if isinstance(column.rule, Aggregated) and column.rule.function in COUNTED
    }
    return {
        (row[entity_column], int(row[time_column].replace(tzinfo=UTC).timestamp())): {
            function: row[name] for name, function in functions.items()
        }
        for row in _rows_between(rows, time_column, windows[0].start, windows[-1].end)
    }


def _equal(stored: Mapping[str, Any] | None, count: Mapping[str, Any]) -> bool:
    return stored is not None and all(value == count[function] for function, value in stored.items())


def _group_columns(table: Table, fact: Table, feed: Feed) -> tuple[str, str]:
    """The rollup's columns of the entity and of the time."""
    of = {column.rule.column: column.name for column in table.columns if isinstance(column.rule, GroupValue)}
    return of[column_of(fact, feed.entity_column)], of[column_of(fact, feed.time_column)]


def _rows_between(rows: pa.Table, column: str, start: int, end: int) -> list[dict[str, Any]]:
    times = np.asarray(rows.column(column).cast(pa.timestamp("us")).cast(pa.int64())) // 1_000_000
    return rows.filter(pa.array((times >= start // DAY * DAY) & (times < end))).to_pylist()  # type: ignore[no-any-return]
