"""Commits to the partition of ``COUNTS``, and the numbers that it then holds."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.fakes.partitions import MemoryPartitions
from tests.support.tables import COUNTS, counts

from core.ports import PartitionStore, Refused, Written
from processing.partitions.commit import CommitContext, Outcome, SourceRef, commit_rows, read_partition

PLACE = "dim_count"


def context(seed: int = 1, **more: object) -> CommitContext:
    return CommitContext("contract-1", random=random.Random(seed), sleep=lambda _: None, **more)  # type: ignore[arg-type]


def source(name: str) -> SourceRef:
    return SourceRef(f"feeds/test/{name}.gz", f"etag-{name}")


def commit(store: PartitionStore, numbers: list[int], name: str, *, seed: int = 1, total: int = 0) -> Outcome:
    return commit_rows(store, COUNTS, "", counts(numbers, total), sources=[source(name)], context=context(seed))


def numbers_in(store: PartitionStore) -> list[int]:
    snapshot = read_partition(store, COUNTS, "")
    return snapshot.table["number"].to_pylist() if snapshot else []


class Interrupted(MemoryPartitions):
    """Before the n-th swap something else happens to the partition."""

    def __init__(self) -> None:
        super().__init__()
        self.before_swap: list[Callable[[], object]] = []
        self.swaps = 0

    def swap_pointer(self, partition: str, target: str, *, expected: str | None) -> Written | Refused:
        self.swaps += 1
        if self.before_swap:
            self.before_swap.pop(0)()
        return super().swap_pointer(partition, target, expected=expected)
