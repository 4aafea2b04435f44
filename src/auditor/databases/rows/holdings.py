"""The warehouse's rows of a slice, as the comparison with the source needs them: their sums, and the rows on demand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import pyarrow as pa

from auditor.databases.rows.live_rows import LiveRows, count_gone, live_rows
from auditor.databases.rows.proofs import Proofs, Proven
from auditor.databases.rows.sums import NO_ROW, BucketSums, Summary, added, sums_of_rows
from auditor.databases.rows.targets import Slice, Target, owner_of, paths_of
from auditor.warehouse.outdated import OutdatedPlace
from auditor.warehouse.parents import References
from auditor.warehouse.partitions import Held
from core.audit.findings import BrokenPartition, HeldPartition
from core.audit.fingerprint import Hashes
from core.contract.model import Contract
from core.warehouse.order import Ints, as_array


@dataclass(frozen=True, slots=True)
class Holding:
    """A slice as it is read from the warehouse.

    ``summaries`` are those of its sound partitions; what they say needs no row. ``decoded`` gives the rows, which are
    read only where a partition is not remembered or something differs. ``proofs`` say of each partition with rows what
    its certificate would. ``paths`` are the slice's partitions, ``outdated`` those that an earlier contract made.
    """

    target: Target
    slice: Slice
    paths: tuple[str, ...]
    summaries: tuple[Summary, ...]
    decoded: Callable[[], LiveRows]
    proofs: dict[str, list[object]] = field(default_factory=dict)
    objects: dict[str, str] = field(default_factory=dict)
    broken: tuple[BrokenPartition, ...] = ()
    rolled_back: tuple[BrokenPartition, ...] = ()
    held: tuple[HeldPartition, ...] = ()
    missing: tuple[str, ...] = ()
    outdated: tuple[OutdatedPlace, ...] = ()

    # ------------------------------------------------------------ without a row

    @property
    def count(self) -> int:
        """The number of live rows."""
        return sum(summary.live for summary in self.summaries)

    @property
    def newest(self) -> int:
        """The greatest version of a live row (microseconds)."""
        return max((summary.newest for summary in self.summaries), default=NO_ROW)

    @property
    def lists(self) -> frozenset[int]:
        """The lists of columns that live rows were hashed by; empty where the table keeps no hashes."""
        if not self.target.table.keeps_content:
            return frozenset()
        return frozenset().union(*(summary.sums.lists for summary in self.summaries))

    @property
    def in_order(self) -> bool:
        """Whether no row breaks a rule or lacks a parent."""
        return all(summary.in_order for summary in self.summaries)

    @property
    def repaired(self) -> int:
        """The number of live rows that were fetched again."""
        return sum(summary.repaired for summary in self.summaries)

    @property
    def accepted(self) -> int:
        """The number of live rows whose missing parents the contract accepts."""
        return sum(summary.accepted for summary in self.summaries)

    @property
    def gone(self) -> int:
        """The number of keys that are known to be deleted; rows tell it where they may be live in other partitions."""
        of_each = [summary.gone for summary in self.summaries if summary.rows]
        return count_gone(self.target, self.decoded()) if len(of_each) > 1 and any(of_each) else sum(of_each)

    @property
    def readable(self) -> bool:
        """Whether all of it could be read."""
        return len(self.summaries) == len(self.paths)

    @property
    def comparable(self) -> bool:
        """Whether all of it could be read, and may be healed."""
        return not self.broken and not self.held

    def sums(self, *, until: int, buckets: int) -> BucketSums:
        """The sums of the live rows that are older than ``until`` (microseconds)."""
        if self.newest < until:
            return added((summary.sums for summary in self.summaries), buckets)
        rows, old = self.decoded(), self.versions < until
        content = rows.content
        kept = None if content is None else (content[0][old], content[1][old])
        return sums_of_rows(rows.hashes[old], rows.versions[old], kept, buckets)

    # ------------------------------------------------------------ the rows

    @property
    def live(self) -> pa.Table:
        """The live rows, with what a comparison needs of them."""
        return self.decoded().live

    @property
    def hashes(self) -> Hashes:
        """The hash of each live row's key."""
        return self.decoded().hashes

    @property
    def versions(self) -> Ints:
        """The version of each live row (microseconds)."""
        return self.decoded().versions

    @property
    def places(self) -> Ints:
        """For each live row the partition that it lies in, by its place among the ``paths``."""
        return self.decoded().places

    @property
    def checked(self) -> Ints:
        """When each live row was fetched again (microseconds); 0 where it never was."""
        column = as_array(self.live.column(self.target.checked)).cast(pa.int64())
        return np.asarray(column.fill_null(0))


def read_slices(
    proofs: Proofs,
    contract: Contract,
    target: Target,
    slices: Sequence[Slice],
    *,
    buckets: int,
    references: References,
    workers: int = 8,
) -> list[Holding]:
    """Read the slices' partitions. Raises ``TransientFailure`` where the store does not answer."""
    paths = [paths_of(target, part) for part in slices]

    def read(path: str) -> Proven:
        return proofs.read(target, path, buckets=buckets, references=references)

    def believed(proven: Proven) -> Proven:
        return read(proven.held.path) if proven.remembered and proofs.false else proven

    with ThreadPoolExecutor(workers) as pool:
        proven = pool.map(believed, list(pool.map(read, [path for group in paths for path in group])))
        return [
            holding_of(proofs, contract, target, part, [next(proven) for _ in group])
            for part, group in zip(slices, paths, strict=True)
        ]


def holding_of(proofs: Proofs, contract: Contract, target: Target, part: Slice, proven: Sequence[Proven]) -> Holding:
    """A slice of partitions that are read, each with what its certificate would say of it."""
    partitions = [each.held for each in proven]
    owner = owner_of(contract, target.table.name)

    def broken(held: Held, problem: str) -> BrokenPartition:
        return BrokenPartition(target.table.dataset, owner, held.path if owner == target.table.name else "", problem)

    @cache
    def decoded() -> LiveRows:
        rows = [(proofs.again(each, target) if each.remembered else each.held).rows for each in proven]
        return live_rows(target, rows)

    back = "was rolled back without a hold"
    return Holding(
        target=target,
        slice=part,
        paths=tuple(held.path for held in partitions),
        summaries=tuple(each.summary for each in proven if each.summary is not None),
        decoded=decoded,
        proofs={each.held.name: each.proof for each in proven if each.proof},
        objects={held.name: held.target for held in partitions},
        broken=tuple(broken(held, held.problem) for held in partitions if held.problem and not held.hold),
        rolled_back=tuple(broken(held, back) for held in partitions if held.rolled_back and not held.hold),
        held=tuple(
            HeldPartition(held.table.dataset, held.table.name, held.path, held.hold) for held in partitions if held.hold
        ),
        missing=tuple(held.path for held in partitions if not held.target),
        outdated=tuple((held.table.name, held.path, problem) for held in partitions if (problem := held.outdated)),
    )
