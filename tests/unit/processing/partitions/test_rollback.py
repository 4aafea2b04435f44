"""Going back is a commit like any other; a hold keeps it there."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from tests.fakes.partitions import MemoryPartitions, Ticking
from tests.support.tables import COUNTS, counts

from core.errors import InvalidData
from core.ports import PartitionStore
from processing.partitions.commit import (
    AlreadyThere,
    CommitContext,
    Committed,
    SourceRef,
    commit_rows,
    read_partition,
    restate,
)
from processing.partitions.rollback import release, rollback

CONTEXT = CommitContext("c", random=random.Random(3), sleep=lambda _: None)


def commit(store: PartitionStore, number: int):
    source = SourceRef(f"object-{number}", "e")
    return commit_rows(store, COUNTS, "", counts([number]), sources=[source], context=CONTEXT)


def back(store: PartitionStore, to: int | str, hold: str | None = None):
    return rollback(store, COUNTS, "", to=to, hold=hold, context=CONTEXT)


def now(store: PartitionStore):
    snapshot = read_partition(store, COUNTS, "")
    assert snapshot is not None
    return snapshot


def test_a_rollback_is_the_next_version_with_an_earlier_one_s_rows() -> None:
    store = MemoryPartitions()
    for number in (1, 2, 3):
        commit(store, number)
    outcome = back(store, 2)
    assert isinstance(outcome, Committed)
    assert outcome.version == 4
    assert now(store).table["number"].to_pylist() == [1, 2]
    assert (now(store).footer.kind, now(store).footer.restores) == ("rollback", 2)


def test_what_was_merged_after_that_version_is_merged_again_when_it_is_replayed() -> None:
    store = MemoryPartitions()
    for number in (1, 2, 3):
        commit(store, number)
    back(store, 1)
    assert isinstance(commit(store, 1), AlreadyThere)
    assert isinstance(commit(store, 3), Committed)
    assert now(store).table["number"].to_pylist() == [1, 3]


def test_a_hold_is_inherited_by_every_commit_until_it_is_released() -> None:
    store = MemoryPartitions()
    for number in (1, 2):
        commit(store, number)
    back(store, 1, hold="prices were wrong")
    commit(store, 5)
    restate(store, COUNTS, "", lambda: (counts([1]), []), context=CONTEXT)
    assert now(store).footer.hold == "prices were wrong"
    assert isinstance(release(store, COUNTS, "", context=CONTEXT), Committed)
    assert now(store).footer.hold == ""
    assert isinstance(release(store, COUNTS, "", context=CONTEXT), AlreadyThere)


def test_asking_again_makes_no_version() -> None:
    store = MemoryPartitions()
    for number in (1, 2):
        commit(store, number)
    back(store, 1, hold="why")
    assert isinstance(back(store, 1, hold="why"), AlreadyThere)
    assert isinstance(back(store, 1), Committed)


def test_a_version_that_nobody_remembers_is_refused_with_those_there_are() -> None:
    store = MemoryPartitions()
    for number in (1, 2):
        commit(store, number)
    with pytest.raises(InvalidData, match=r"\[1, 2\]"):
        back(store, 7)


def test_a_version_whose_object_was_removed_is_refused() -> None:
    store = MemoryPartitions()
    first = commit(store, 1)
    commit(store, 2)
    store.delete([first.key])
    with pytest.raises(InvalidData, match="removed"):
        back(store, 1)


def test_a_partition_without_a_version_is_refused() -> None:
    with pytest.raises(InvalidData, match="no version"):
        back(MemoryPartitions(), 1)


def test_the_last_version_of_each_day_is_found_beyond_the_recent_ones() -> None:
    store = MemoryPartitions(clock=Ticking(step=timedelta(minutes=10)))
    for number in range(400):
        commit(store, number)
    remembered = now(store).footer.dailies
    assert len({daily.day for daily in remembered}) == len(remembered) == 7
    oldest = remembered[0].version
    assert oldest < 400 - 32
    back(store, oldest)
    assert now(store).table["number"].to_pylist() == list(range(oldest))


def test_a_broken_partition_is_rolled_back_by_its_object_s_key() -> None:
    store = MemoryPartitions()
    first = commit(store, 1)
    store.delete([commit(store, 2).key])
    back(store, first.key)
    assert now(store).table["number"].to_pylist() == [1]
    assert now(store).version == 3
