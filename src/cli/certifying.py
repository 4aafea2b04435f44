"""Proof of a dataset's last snapshots, and their tags: all tables of it at once, so that they go together."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from auditor.prove import Verified, verify
from auditor.state import DatasetState, read_state
from core.contract.model import Contracts
from core.time import epoch
from mirror.certified import Certified, Claim, MirroredPartitions, certify_snapshot
from mirror.commit import Waits, mirror_table
from mirror.reading import MirrorServices, read_mirror


@dataclass(frozen=True, slots=True)
class Uncertified:
    """No tag of the dataset moved, and why."""

    dataset: str
    problem: str


def certify_dataset(
    contracts: Contracts, dataset: str, services: MirrorServices, *, workers: int = 8
) -> tuple[Certified, ...] | Uncertified:
    """Mirror the tables of a dataset, prove its certificates in those very snapshots, and tag them, as one group.

    They are claimed up to the first window that is not whole, was not audited, or does not hold in the snapshots; a
    chain that is broken is claimed of nothing. Raises ``TransientFailure`` where a store does not answer.
    """
    state = read_state(services.objects, dataset)  # before the proof: what is certified meanwhile was not proven
    tables = {table.folder: table for table in contracts.dataset(dataset).tables}
    for table in tables.values():
        if isinstance(outcome := mirror_table(table, services), Waits):
            return Uncertified(dataset, f"{table.name} waits for {len(outcome.partitions)} partitions of older types")
    mirrors = {folder: read_mirror(table.name, services.objects) for folder, table in tables.items()}
    partitions = MirroredPartitions(services.partitions, mirrors)
    verified = verify(contracts, dataset, records=services.objects, partitions=partitions, workers=workers)
    until = certified_until(verified, state)
    if not until:
        problem = verified.failures[0].problem if verified.failures else "no window of it is certified yet"
        return Uncertified(dataset, problem)
    last = verified.links.certificates[-1]
    heads = (f"{dataset}/{last.number} {last.hash}",)
    snapshots = [str(mirror.metadata.current_snapshot_id) for mirror in mirrors.values() if mirror.metadata]
    claim = Claim(until, heads, _group([str(until), *heads, *snapshots]))
    return tuple(certify_snapshot(table, mirrors[folder], claim, services) for folder, table in tables.items())


def certified_until(verified: Verified, state: DatasetState) -> int:
    """The instant (epoch seconds) up to which every window is certified and was proven; 0: nothing is.

    ``state`` is of before the proof. A failure that names no window is of the chain itself.
    """
    if not verified.windows or state.frontier is None:
        return 0
    if any(not failure.window for failure in verified.failures):
        return 0
    failed = [epoch(failure.window.rpartition("/")[2]) for failure in verified.failures]
    return min([state.frontier, *state.open, *failed])


def _group(words: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(words).encode()).hexdigest()[:32]
