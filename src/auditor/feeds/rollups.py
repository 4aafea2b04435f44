"""Rollups against what they are made of: one that does not say what the certified windows say is stale."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC
from typing import Any

import numpy as np
import pyarrow as pa

from auditor.feeds.expect import Expectation
from auditor.feeds.partition_scan import PartitionScan
from auditor.feeds.points import ABSENT, MISSING, NOT_OWED, REPAIRED
from auditor.warehouse.partitions import read_partition
from auditor.windows import DAY, HOUR, facts_of, partitions_of
from core.audit.certificate import LedgerEntry, window_name
from core.audit.findings import StaleDerived
from core.contract.model import Aggregated, Contract, Feed, GroupValue, Table
from core.feeds.partitions import column_of, covers
from core.ports import PartitionStore
from core.time import at_epoch

UNITS = {"hour": HOUR, "day": DAY}  # groups that lie in one window, or in a day's windows
Counts = dict[tuple[str, int], dict[str, int | bool]]


def stale_rollups(
    store: PartitionStore,
    contract: Contract,
    expectation: Expectation,
    seen: PartitionScan,
    entries: Mapping[str, LedgerEntry],
) -> list[StaleDerived]:
    """Rollup partitions that lack a group of a certified window, or count it otherwise.

    A window whose rows are not those of its certificate any more is passed over: it gets a successor first, and the
    rollup is made again after that.
    """
    feed = contract.source
    assert isinstance(feed, Feed)
    settled = [
        place
        for place, window in enumerate(expectation.windows)
        if (entry := entries.get(window_name(feed.table.name, window.name))) is not None
        and dict(entry.partitions) == seen.proofs[place]
    ]
    found: list[StaleDerived] = []
    if not settled:
        return found
    facts = {fact.name: fact for fact in facts_of(contract)}
    for table in contract.tables:
        if table.kind == "rollup" and table.source in facts and (unit := _time_unit(table, feed, facts)):
            wanted = _counts(expectation, seen, settled, UNITS[unit])
            found += _compare(store, table, facts[table.source], feed, expectation, settled, wanted)
    return found


def _time_unit(table: Table, feed: Feed, facts: Mapping[str, Table]) -> str:
    """The unit of time that a rollup is grouped by, where a window can tell what its groups must be."""
    times = column_of(facts[table.source], feed.time_column)
    for column in table.columns:
        if isinstance(column.rule, GroupValue) and column.rule.column == times and column.rule.unit in UNITS:
            return column.rule.unit
    return ""


def _counts(expectation: Expectation, seen: PartitionScan, settled: list[int], unit: int) -> Counts:
    """Per entity and group: minutes present, expected, repaired, absent; groups all of whose slots are certified."""
    grid = expectation.grid
    certain = np.isin(expectation.window_of, settled)
    groups = grid.slots // unit
    found: Counts = {}
    for group in np.unique(groups).tolist():
        columns = groups == group
        if not certain[columns].all():
            continue
        cells = seen.coverage.cells[:, columns]
        owed = (cells != NOT_OWED).sum(axis=1)
        absent, missing = (cells == ABSENT).sum(axis=1), (cells == MISSING).sum(axis=1)
        repaired = (cells == REPAIRED).sum(axis=1)
        for row in np.flatnonzero(owed).tolist():
            found[grid.entities[row], group * unit] = {
                "expected": int(owed[row]),
                "absent": int(absent[row]),
                "repaired": int(repaired[row]),
                "count": int(owed[row] - absent[row] - missing[row]),
                "complete": not missing[row],
            }
    return found


def _compare(
    store: PartitionStore,
    table: Table,
    fact: Table,
    feed: Feed,
    expectation: Expectation,
    settled: list[int],
    wanted: Counts,
) -> Iterator[StaleDerived]:
    windows = [expectation.windows[place] for place in settled]
    entity_column, time_column = _group_columns(table, fact, feed)
    told = {
        column.name: column.rule.function
        for column in table.columns
        if isinstance(column.rule, Aggregated) and column.rule.function in ("count", "expected", "repaired", "absent")
    }
    told |= {
        column.name: "complete"
        for column in table.columns
        if isinstance(column.rule, Aggregated) and column.rule.function == "complete"
    }
    for path, partition in partitions_of(table, feed, windows, fact=fact).items():
        held = read_partition(store, table, path)
        if held.problem:
            yield StaleDerived(table.dataset, table.name, path, held.problem)
            continue
        rows = {
            (row[entity_column], int(row[time_column].replace(tzinfo=UTC).timestamp())): row
            for row in _rows_between(held.rows, time_column, partition[0].start, partition[-1].end)
        }
        there = {key: {what: row[name] for name, what in told.items()} for key, row in rows.items()}
        mine = {
            key: one
            for key, one in wanted.items()
            if covers(table, feed, path, entity=key[0], start=key[1], end=key[1] + 1, fact=fact)
        }
        wrong = [key for key, one in mine.items() if there.get(key) != {what: one[what] for what in told.values()}]
        if wrong:
            entity, group = min(wrong, key=lambda one: (one[1], one[0]))
            moment = at_epoch(group).strftime("%Y-%m-%dT%H:%MZ")
            problem = f"{len(wrong)} groups are not as certified, the first {entity} {moment}"
            yield StaleDerived(table.dataset, table.name, path, problem)


def _group_columns(table: Table, fact: Table, feed: Feed) -> tuple[str, str]:
    """The rollup's columns of the entity and of the time."""
    of = {column.rule.column: column.name for column in table.columns if isinstance(column.rule, GroupValue)}
    return of[column_of(fact, feed.entity_column)], of[column_of(fact, feed.time_column)]


def _rows_between(rows: pa.Table, column: str, start: int, end: int) -> list[dict[str, Any]]:
    times = np.asarray(rows.column(column).cast(pa.timestamp("us")).cast(pa.int64())) // 1_000_000
    return rows.filter(pa.array((times >= start // DAY * DAY) & (times < end))).to_pylist()  # type: ignore[no-any-return]
