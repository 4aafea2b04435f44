"""One look at the warehouse for a set of windows: what is there, what it is worth, and what is wrong with it.

An audit and the verification of certificates look with the same eyes: both go through here. Partitions are read one by
one (some at a time), so memory grows with a partition and with the points of the windows, not with the lake.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from auditor.feeds.expect import Expectation
from auditor.feeds.points import Coverage
from auditor.warehouse.partitions import Held, proof_of, read_partition, rows_of_window
from auditor.warehouse.rule_breaks import broken_rules, orphans
from auditor.windows import Window, facts_of, partitions_of
from core.audit.findings import BrokenPartition, BrokenRule, HeldPartition, OrphanKeys
from core.contract.model import Contract, Feed, Table
from core.feeds.partitions import column_of
from core.ports import PartitionStore
from core.warehouse.order import as_array

PROVENANCE = "provenance"
Parents = Callable[[str], pa.Array | None]  # "dim_symbol.symbol" -> its values; None where the table has no commit yet


@dataclass
class Survey:
    """``proofs`` holds per window what its certificate would say of each partition with rows of it.

    ``targets`` are the objects that were read, by partition (empty: there is none). ``rolled_back`` are without a hold:
    findings only where something is missing of them or differs from what was certified.
    """

    coverage: Coverage
    proofs: list[dict[str, list[object]]]
    targets: dict[str, str] = field(default_factory=dict)
    broken: list[BrokenPartition] = field(default_factory=list)
    rolled_back: list[BrokenPartition] = field(default_factory=list)
    held: list[HeldPartition] = field(default_factory=list)
    rules: list[BrokenRule] = field(default_factory=list)
    orphans: list[OrphanKeys] = field(default_factory=list)


def survey(
    contract: Contract,
    expectation: Expectation,
    store: PartitionStore,
    *,
    parents: Parents | None = None,
    workers: int = 8,
) -> Survey:
    """Look at every partition that can hold points of the windows. Without ``parents`` no rule is checked.

    Raises ``TransientFailure`` where the store does not answer.
    """
    feed = contract.source
    assert isinstance(feed, Feed)
    found = Survey(Coverage(expectation), [{} for _ in expectation.windows])
    place = {window: number for number, window in enumerate(expectation.windows)}
    combined = None
    for table in facts_of(contract):
        found.coverage = Coverage(expectation)
        wanted = partitions_of(table, feed, expectation.windows)
        for held, proofs in _read_all(store, table, feed, wanted, workers=workers):
            _take_in(found, table, feed, held)
            for window, proof in proofs.items():
                found.proofs[place[window]][held.name] = proof
            if parents is not None and held.rows.num_rows:
                _check(found, table, held, parents)
        # With several facts a point is there when it is in all of them: the codes are ordered from missing to best.
        combined = found.coverage.cells if combined is None else np.minimum(combined, found.coverage.cells)
        found.coverage.cells = combined
    return found


def _read_all(
    store: PartitionStore, table: Table, feed: Feed, wanted: Mapping[str, Sequence[Window]], *, workers: int
) -> Iterator[tuple[Held, dict[Window, list[object]]]]:
    times = column_of(table, feed.time_column)

    def one(path: str) -> tuple[Held, dict[Window, list[object]]]:
        held = read_partition(store, table, path)
        proofs: dict[Window, list[object]] = {}
        kept = []
        for window in wanted[path] if held.rows.num_rows else ():
            rows = rows_of_window(held.rows, times, window)
            if rows.num_rows:
                proofs[window] = proof_of(rows)
                kept.append(rows)
        # Only the windows' rows are kept: a month of one symbol costs no more than the hours that are looked at.
        rows = pa.concat_tables(kept).combine_chunks() if kept else held.rows.slice(0, 0)
        return Held(held.table, held.path, held.target, rows, held.footer, held.problem), proofs

    # A few at a time: what was read of a partition is let go before the next ones come, however many there are.
    paths = list(wanted)
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(paths), 2 * workers):
            yield from pool.map(one, paths[first : first + 2 * workers])


def condition_of(held: Held) -> HeldPartition | BrokenPartition | None:
    """What is wrong with the partition as a whole, None where nothing is."""
    table = held.table
    if held.hold:
        return HeldPartition(table.dataset, table.name, held.path, held.hold)
    if held.problem:
        return BrokenPartition(table.dataset, table.name, held.path, held.problem)
    if held.rolled_back and held.footer:
        problem = f"was rolled back to version {held.footer.restores} without a hold"
        return BrokenPartition(table.dataset, table.name, held.path, problem)
    return None


def _take_in(found: Survey, table: Table, feed: Feed, held: Held) -> None:
    found.targets[held.name] = held.target
    ill = condition_of(held)
    if isinstance(ill, HeldPartition):
        found.held.append(ill)
    elif ill is not None:
        (found.broken if held.problem else found.rolled_back).append(ill)
    if held.rows.num_rows:
        names = [column.name for column in table.columns]
        found.coverage.mark_present(
            held.rows.column(column_of(table, feed.entity_column)),
            held.rows.column(column_of(table, feed.time_column)),
            held.rows.column(PROVENANCE) if PROVENANCE in names else None,
        )


def _check(found: Survey, table: Table, held: Held, parents: Parents) -> None:
    found.rules += broken_rules(table, held.path, held.rows)
    for column in table.columns:
        if not column.references:
            continue
        known = parents(column.references)
        if known is not None:
            lost = orphans(table, column, held.rows.column(column.name), known)
            if lost is not None:
                found.orphans.append(lost)


def parents_of(store: PartitionStore, tables: Callable[[str], Table]) -> Parents:
    """The referenced columns, each table read once."""
    known: dict[str, pa.Array | None] = {}

    def values(reference: str) -> pa.Array | None:
        if reference not in known:
            name, _, column = reference.partition(".")
            held = read_partition(store, tables(name), "", [column])
            known[reference] = as_array(held.rows.column(column)) if held.target and not held.problem else None
        return known[reference]

    return values
