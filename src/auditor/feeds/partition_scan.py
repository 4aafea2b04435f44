"""The scan of the partitions that can hold points of a set of windows: what is there, and what is wrong with it.

An audit, the verification of certificates and the report all go through here, so they see the same. Partitions are read
one by one (some at a time), so memory grows with a partition and with the points of the windows, not with the lake.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from auditor.feeds.expect import Expectation
from auditor.feeds.points import ABSENT, MISSING, OBSERVED, Coverage
from auditor.warehouse.outdated import OutdatedPlace
from auditor.warehouse.parents import Parents
from auditor.warehouse.partitions import Held, Undecoded, locate_partition, rows_of_window
from auditor.warehouse.rule_breaks import broken_rules, orphans
from auditor.windows import Window, facts_of, partitions_of
from core.audit.findings import BrokenPartition, BrokenRule, HeldPartition, OrphanKeys
from core.contract.model import Contract, Feed, Table
from core.errors import of_kind
from core.feeds.calendar import FOREVER
from core.feeds.lines import PROVENANCE
from core.feeds.partitions import column_of, entities_in, period_of
from core.ports import PartitionStore
from core.warehouse.canonical_rows import proof_of
from core.warehouse.keys import first_kept

Cells = npt.NDArray[np.uint8]


@dataclass
class PartitionScan:
    """The points of the windows as ``coverage``, and what is wrong with the partitions that can hold them.

    ``proofs`` holds per window what its certificate would say of each partition with rows of it. ``targets`` are the
    objects that were read, by partition (empty: there is none), ``sizes`` how many rows they have in all, ``folders``
    the tables' by their names. ``rolled_back``
    are without a hold: findings only where something is missing of them or differs from what was certified. An earlier
    contract made those that are ``outdated``. ``kept`` are objects that lack points, for they are read once more.
    ``own`` are the cells of each fact by itself, where there are several.
    """

    coverage: Coverage
    proofs: list[dict[str, list[Any]]]
    targets: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    broken: list[BrokenPartition] = field(default_factory=list)
    rolled_back: list[BrokenPartition] = field(default_factory=list)
    held: list[HeldPartition] = field(default_factory=list)
    rules: list[BrokenRule] = field(default_factory=list)
    orphans: list[OrphanKeys] = field(default_factory=list)
    unknown_parents: list[str] = field(default_factory=list)
    kept: dict[str, Undecoded] = field(default_factory=dict)
    outdated: list[OutdatedPlace] = field(default_factory=list)
    own: dict[str, Cells] = field(default_factory=dict)

    def cells_of(self, fact: str) -> Cells:
        """The points as this fact has them; absent is what is not in it and known to be absent."""
        whole = self.coverage.cells
        own = self.own.get(fact, whole)
        return np.where((own == MISSING) & (whole == ABSENT), whole, own)


def scan_partitions(
    contract: Contract,
    expectation: Expectation,
    store: PartitionStore,
    *,
    parents: Parents | None = None,
    workers: int = 8,
    as_certified: bool = False,
    keep: int = 0,
) -> PartitionScan:
    """Read every partition that can hold points of the windows. Without ``parents`` no rule is checked.

    ``as_certified``: see ``read_partition``. ``keep``: so many bytes of objects that lack points are kept.

    Raises ``TransientFailure`` where the store does not answer.
    """
    feed = of_kind(contract.source, Feed, "audit", contract.dataset)
    scan = PartitionScan(Coverage(expectation), [{} for _ in expectation.windows])
    places = {window: number for number, window in enumerate(expectation.windows)}
    combined = None
    facts = facts_of(contract)
    for table in facts:
        scan.coverage = Coverage(expectation)
        scan.folders[table.name] = table.folder
        wanted = partitions_of(table, feed, expectation.windows)
        read = _read_all(store, table, feed, wanted, workers=workers, as_certified=as_certified)
        for partition, size, proofs, undecoded in read:
            _add_partition(scan, table, feed, partition)
            if 0 < undecoded.size <= keep and _lacks_points(scan.coverage, table, feed, partition.path):
                scan.kept[partition.name] = undecoded
                keep -= undecoded.size
            scan.sizes[partition.name] = size
            for window, proof in proofs.items():
                scan.proofs[places[window]][partition.name] = proof
            if not as_certified and (problem := partition.outdated):
                scan.outdated.append((table.name, partition.path, problem))
            if parents is not None and partition.rows.num_rows:
                _check_rules(scan, table, partition, parents)
        if len(facts) > 1:
            scan.own[table.name] = scan.coverage.cells
        # With several facts a point is there when it is in all of them: the codes are ordered from missing to best.
        cells = _where_it_begins(scan.coverage, table, facts)
        combined = cells if combined is None else np.minimum(combined, cells)
        scan.coverage.cells = combined
    return scan


def _where_it_begins(coverage: Coverage, table: Table, facts: Sequence[Table]) -> Cells:
    """The cells of a fact; what is from before its first partition, and another of the facts has, it owes nobody."""
    begin, first = first_kept(table), min(first_kept(fact) or -FOREVER for fact in facts)
    if begin is None or begin <= first:
        return coverage.cells
    slots = coverage.expectation.grid.slots
    others = (slots >= first) & (slots < begin)
    return np.where(others & (coverage.cells == MISSING), np.uint8(OBSERVED), coverage.cells)


def _read_all(
    store: PartitionStore,
    table: Table,
    feed: Feed,
    wanted: Mapping[str, Sequence[Window]],
    *,
    workers: int,
    as_certified: bool,
) -> Iterator[tuple[Held, int, dict[Window, list[Any]], Undecoded]]:
    """The partitions with the rows of their windows, how many rows there are, each window's proof, and the object."""
    times = column_of(table, feed.time_column)

    def read(path: str) -> tuple[Held, int, dict[Window, list[Any]], Undecoded]:
        undecoded = locate_partition(store, table, path)
        partition = undecoded.held(as_certified=as_certified)
        proofs: dict[Window, list[Any]] = {}
        kept = []
        for window in wanted[path] if partition.rows.num_rows else ():
            rows = rows_of_window(partition.rows, times, window)
            if rows.num_rows:
                proofs[window] = proof_of(rows)
                kept.append(rows)
        # Only the windows' rows are kept: a month of one symbol costs no more than the hours that are scanned.
        rows = pa.concat_tables(kept).combine_chunks() if kept else partition.rows.slice(0, 0)
        return replace(partition, rows=rows), partition.rows.num_rows, proofs, undecoded

    # A few at a time: what was read of a partition is let go before the next ones come, however many there are.
    paths = list(wanted)
    with ThreadPoolExecutor(workers) as pool:
        for first in range(0, len(paths), 2 * workers):
            yield from pool.map(read, paths[first : first + 2 * workers])


def _lacks_points(coverage: Coverage, table: Table, feed: Feed, path: str) -> bool:
    first, last = period_of(table, feed, path)
    return coverage.lacks(entities_in(table, feed, path), first, last)


def partition_problem(partition: Held) -> HeldPartition | BrokenPartition | None:
    """The finding about the partition as a whole; None where nothing is wrong with it."""
    dataset, table, path = partition.table.dataset, partition.table.name, partition.path
    if partition.hold:
        return HeldPartition(dataset, table, path, partition.hold)
    if partition.problem:
        return BrokenPartition(dataset, table, path, partition.problem)
    if partition.rolled_back and partition.footer:
        problem = f"was rolled back to version {partition.footer.restores} without a hold"
        return BrokenPartition(dataset, table, path, problem)
    return None


def _add_partition(scan: PartitionScan, table: Table, feed: Feed, partition: Held) -> None:
    scan.targets[partition.name] = partition.target
    problem = partition_problem(partition)
    if isinstance(problem, HeldPartition):
        scan.held.append(problem)
    elif problem is not None:
        (scan.broken if partition.problem else scan.rolled_back).append(problem)
    rows = partition.rows
    if rows.num_rows:
        names = [column.name for column in table.columns]
        scan.coverage.mark_present(
            rows.column(column_of(table, feed.entity_column)),
            rows.column(column_of(table, feed.time_column)),
            rows.column(PROVENANCE) if PROVENANCE in names else None,
        )


def _check_rules(scan: PartitionScan, table: Table, partition: Held, parents: Parents) -> None:
    scan.rules += broken_rules(table, partition.path, partition.rows)
    for column in table.columns:
        known = parents(column.references) if column.references else None
        if known is not None:
            lost = orphans(table, column, partition.rows.column(column.name), known)
            if lost is not None and column.missing == "alarm":
                scan.orphans.append(lost)
        elif column.references:
            scan.unknown_parents.append(f"{table.name}.{column.name}")
