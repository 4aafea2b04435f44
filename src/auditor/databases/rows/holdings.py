"""The warehouse's rows of a slice, as the comparison with the source needs them."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from auditor.databases.rows.proofs import Proofs
from auditor.databases.rows.targets import Slice, Target, owner_of, paths_of
from auditor.warehouse.partitions import Held
from core.audit.findings import BrokenPartition, HeldPartition
from core.audit.fingerprint import Hashes, key_hashes, microseconds
from core.contract.model import Contract
from core.warehouse.order import Ints, as_array


@dataclass(frozen=True, slots=True)
class Holding:
    """A slice as it is read from the warehouse.

    ``live`` are the current rows, ``gone`` those that are known to be deleted; of both what a comparison needs.

    ``hashes`` and ``versions`` (microseconds) are the live rows'. ``proofs`` say of each partition with rows what its
    certificate would. ``paths`` are the slice's partitions, ``places`` for each live row the index of its own.
    """

    target: Target
    slice: Slice
    live: pa.Table
    gone: pa.Table
    hashes: Hashes
    versions: Ints
    paths: tuple[str, ...]
    places: Ints
    proofs: dict[str, list[object]] = field(default_factory=dict)
    objects: dict[str, str] = field(default_factory=dict)
    broken: tuple[BrokenPartition, ...] = ()
    rolled_back: tuple[BrokenPartition, ...] = ()
    held: tuple[HeldPartition, ...] = ()
    missing: tuple[str, ...] = ()

    @property
    def checked(self) -> Ints:
        """When each live row was fetched again (microseconds); 0 where it never was."""
        column = as_array(self.live.column(self.target.checked)).cast(pa.int64())
        return np.asarray(column.fill_null(0))

    @property
    def comparable(self) -> bool:
        """Whether all of it could be read, and may be healed."""
        return not self.broken and not self.held


def read_slices(
    proofs: Proofs, contract: Contract, target: Target, slices: Sequence[Slice], *, workers: int = 8
) -> list[Holding]:
    """Read the slices' partitions. Raises ``TransientFailure`` where the store does not answer."""
    paths = [paths_of(target, part) for part in slices]
    with ThreadPoolExecutor(workers) as pool:
        read = pool.map(
            lambda path: proofs.read(target.table, path, target.compared), [path for group in paths for path in group]
        )
        return [
            holding_of(contract, target, part, [next(read) for _ in group])
            for part, group in zip(slices, paths, strict=True)
        ]


def holding_of(contract: Contract, target: Target, part: Slice, proven: Sequence[tuple[Held, list[object]]]) -> Holding:
    """A slice of partitions that are read, each with what its certificate would say of it."""
    partitions = [partition for partition, _ in proven]
    rows = pa.concat_tables(
        [held.rows for held in partitions]
    )  # in pieces: only single columns are made whole, in turn
    places = np.repeat(np.arange(len(partitions)), [held.rows.num_rows for held in partitions])
    current, gone, places = _split(target, rows, places)
    owner = owner_of(contract, target.table.name)

    def broken(held: Held, problem: str) -> BrokenPartition:
        return BrokenPartition(target.table.dataset, owner, held.path if owner == target.table.name else "", problem)

    back = "was rolled back without a hold"
    return Holding(
        target=target,
        slice=part,
        live=current,
        gone=gone,
        hashes=key_hashes([current.column(name) for name in target.keys]),
        versions=_versions(target, current),
        proofs={held.name: proof for held, proof in proven if proof},
        objects={held.name: held.target for held in partitions},
        broken=tuple(broken(held, held.problem) for held in partitions if held.problem and not held.hold),
        rolled_back=tuple(broken(held, back) for held in partitions if held.rolled_back and not held.hold),
        held=tuple(
            HeldPartition(held.table.dataset, held.table.name, held.path, held.hold) for held in partitions if held.hold
        ),
        missing=tuple(held.path for held in partitions if not held.target),
        paths=tuple(held.path for held in partitions),
        places=places,
    )


def _versions(target: Target, rows: pa.Table) -> Ints:
    """When the rows were written; of a table without times of change all are of one version, as at the source."""
    if target.source.by_keys:
        return np.zeros(rows.num_rows, np.int64)
    return microseconds(rows.column(target.version))


def _split(target: Target, rows: pa.Table, places: Ints) -> tuple[pa.Table, pa.Table, Ints]:
    """The current rows, the newest rows of what is known to be deleted, and the places of the current ones."""
    none = rows.slice(0, 0)
    deleted = pc.is_valid(rows.column(target.deleted)) if target.deleted else None
    if target.latest:
        if pc.all(rows.column(target.latest)).as_py():
            return rows, none, places
        latest = as_array(rows.column(target.latest))
        live, places = rows.filter(latest), places[np.asarray(latest)]
        if deleted is None:
            return live, none, places
        return live, rows.filter(pc.and_(deleted, pc.invert(latest))), places
    if deleted is None or not pc.any(deleted).as_py():
        return rows, none, places
    return rows.filter(pc.invert(deleted)), rows.filter(deleted), places[~np.asarray(as_array(deleted))]


def known_keys(holding: Holding) -> Ints:
    """Count the rows of the source that the slice answers for: live ones, and those known to be gone."""
    gone = holding.gone
    dead = key_hashes([gone.column(name) for name in holding.target.keys]) if gone.num_rows else holding.hashes[:0]
    distinct = len(np.setdiff1d(dead, holding.hashes))  # one that came back, or lies in another partition, is not gone
    return np.array([holding.live.num_rows, distinct])
