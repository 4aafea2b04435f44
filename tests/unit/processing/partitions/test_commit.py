"""Commits to a partition: whole, once, whatever answers get lost and whoever else is writing."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from tests.fakes.partitions import MemoryPartitions
from tests.support.committing import PLACE, Interrupted, commit, context, numbers_in, source
from tests.support.tables import COUNTS, QUOTES, counts, rows_of

from core.errors import OutOfReach
from core.ports import PartitionObject
from core.warehouse.arrow_types import stored_schema
from core.warehouse.partition_objects import open_object
from core.warehouse.pointer import pointer_key
from processing.partitions.commit import (
    AlreadyThere,
    CommitContext,
    Committed,
    commit_many,
    commit_rows,
    read_partition,
    restate,
)
from processing.partitions.rollback import rollback


def test_a_first_commit_makes_version_one() -> None:
    store = MemoryPartitions()
    outcome = commit(store, [3, 1, 2, 1], "a")
    assert isinstance(outcome, Committed)
    assert (outcome.version, outcome.rows, outcome.inserted, outcome.replaced, outcome.tries) == (1, 3, 3, 0, 1)
    assert numbers_in(store) == [1, 2, 3]


def test_a_second_commit_keeps_what_was_there_and_names_its_parent() -> None:
    store = MemoryPartitions()
    first, second = commit(store, [1, 2], "a"), commit(store, [2, 3], "b", total=5)
    assert isinstance(second, Committed)
    assert (second.version, second.rows, second.inserted, second.replaced) == (2, 3, 1, 1)
    snapshot = read_partition(store, COUNTS, "")
    assert snapshot is not None
    assert snapshot.table.to_pylist() == [
        {"number": 1, "total": 0},
        {"number": 2, "total": 5},
        {"number": 3, "total": 5},
    ]
    assert (snapshot.footer.parent, snapshot.footer.sources) == (first.key, (source("b"),))


def test_a_replay_makes_no_version_and_writes_nothing() -> None:
    store = MemoryPartitions()
    first = commit(store, [1, 2], "a")
    before = dict(store.objects)
    assert commit(store, [1, 2], "a") == AlreadyThere(PLACE, 1, first.key, 2)
    assert store.objects == before


def test_the_same_rows_from_another_object_make_no_version() -> None:
    store = MemoryPartitions()
    commit(store, [1, 2], "a")
    before = dict(store.objects)
    assert isinstance(commit(store, [2, 1], "b"), AlreadyThere)
    assert store.objects == before


def many(name: str, *, total: int = 0, by: str = "contract-1", rows: int = 5_000, store: MemoryPartitions):
    context = CommitContext(by, random=random.Random(name), sleep=lambda _: None)
    return commit_rows(store, COUNTS, "", counts(list(range(rows)), total), sources=[source(name)], context=context)


def test_a_large_batch_is_known_by_its_rows_whatever_object_and_release_bring_them_again() -> None:
    store = Forgetful()
    assert isinstance(many("a", store=store), Committed)
    commit(store, [9_000], "b")
    store.unreadable = True  # the footer alone has to do
    assert isinstance(many("c", by="contract-2", store=store), AlreadyThere)
    store.unreadable = False
    assert isinstance(many("d", total=1, store=store), Committed)


def test_a_large_batch_is_not_known_any_more_after_a_rollback_behind_it() -> None:
    store = MemoryPartitions()
    commit(store, [1], "a")
    many("b", store=store)
    rollback(store, COUNTS, "", to=1, hold=None, context=context(2))
    assert numbers_in(store) == [1]
    assert isinstance(many("c", store=store), Committed)
    assert len(numbers_in(store)) == 5_000


class Forgetful(MemoryPartitions):
    """While ``unreadable``, an object's rows are not what they were, but its footer is."""

    unreadable = False

    def read_object(self, key: str) -> PartitionObject | None:
        found = super().read_object(key)
        if found is None or not self.unreadable:
            return found
        return PartitionObject(key, found.body[:30] + b"\0" * 60 + found.body[90:], found.modified)


def test_a_source_read_by_another_contract_is_no_replay() -> None:
    store = MemoryPartitions()
    commit(store, [1], "a")
    changed = CommitContext("contract-2", random=random.Random(2), sleep=lambda _: None)
    outcome = commit_rows(store, COUNTS, "", counts([1, 2]), sources=[source("a")], context=changed)
    assert isinstance(outcome, Committed)
    assert numbers_in(store) == [1, 2]


def test_a_batch_of_a_known_and_a_new_object_is_committed() -> None:
    store = MemoryPartitions()
    commit(store, [1], "a")
    outcome = commit_rows(store, COUNTS, "", counts([1, 2]), sources=[source("a"), source("b")], context=context(2))
    assert isinstance(outcome, Committed)
    assert numbers_in(store) == [1, 2]


def test_no_rows_make_no_partition() -> None:
    store = MemoryPartitions()
    assert commit(store, [], "a") == AlreadyThere(PLACE, 0, "", 0)
    assert store.objects == {}


def test_the_same_rows_version_and_sources_are_the_same_bytes() -> None:
    stores = [MemoryPartitions(), MemoryPartitions()]
    for store in stores:
        commit(store, [1, 2], "a", seed=5)
        commit(store, [3, 2], "b", seed=6, total=1)
    assert stores[0].objects == stores[1].objects


def test_the_rows_alone_decide_the_bytes_whatever_order_they_came_in() -> None:
    one, other = MemoryPartitions(), MemoryPartitions()
    commit(one, [1, 2, 3], "a", seed=5)
    commit(other, [3, 1, 2, 3], "a", seed=5)
    assert one.objects == other.objects


def test_a_restatement_replaces_what_is_missing_or_altered() -> None:
    for damage in (lambda s, key: s.delete([key]), lambda s, key: s.objects.__setitem__(key, b"garbage")):
        store = MemoryPartitions()
        damage(store, commit(store, [1, 2], "a").key)
        outcome = restate(
            store, COUNTS, "", lambda: (counts([1, 2, 3]), [source("a"), source("b")]), context=context(3)
        )
        assert isinstance(outcome, Committed)
        assert outcome.version == 2
        assert numbers_in(store) == [1, 2, 3]
        assert isinstance(commit(store, [3], "b"), AlreadyThere)


def test_a_restatement_takes_rows_away_that_no_source_has() -> None:
    store = MemoryPartitions()
    commit(store, [1, 2, 99], "a")
    restate(store, COUNTS, "", lambda: (counts([1, 2]), [source("a")]), context=context(3))
    assert numbers_in(store) == [1, 2]


def test_a_restatement_of_the_same_rows_makes_no_version() -> None:
    store = MemoryPartitions()
    commit(store, [1, 2], "a")
    outcome = restate(store, COUNTS, "", lambda: (counts([2, 1]), [source("a")]), context=context(3))
    assert isinstance(outcome, AlreadyThere)


def test_a_beaten_restatement_looks_at_the_sources_again() -> None:
    store = Interrupted()
    landed = [1]
    commit(store, [1, 99], "a")

    def live() -> None:
        landed.append(2)
        commit(store, [2], "b", seed=2)

    store.before_swap = [live]
    restate(store, COUNTS, "", lambda: (counts(landed), [source("a")]), context=context(3))
    assert numbers_in(store) == [1, 2]


def test_many_partitions_are_committed_at_once_and_do_not_hide_a_failure() -> None:
    class OneBroken(MemoryPartitions):
        def write_object(self, partition: str, name: str, body: bytes) -> str:
            if "symbol=MSFT" in partition:
                raise OutOfReach("write", partition, "down")
            return super().write_object(partition, name, body)

    def quote(price: int) -> pa.Table:
        minute = datetime(2026, 11, 20, 14, 30)  # noqa: DTZ001
        return rows_of(QUOTES, [{"minute": minute, "price": Decimal(price), "provenance": "observed"}])

    changes = [(QUOTES, f"symbol={name}/month=2026-11", quote(1)) for name in ("AAPL", "MSFT", "ZM")]
    good = commit_many(MemoryPartitions(), changes, sources=[source("a")], context=context(), workers=3)
    assert [outcome.partition for outcome in good] == [f"fact_quote/{path}" for _, path, _ in changes]
    broken = OneBroken()
    with pytest.raises(OutOfReach):
        commit_many(broken, changes, sources=[source("a")], context=context(), workers=3)
    assert pointer_key(f"fact_quote/{changes[0][1]}") in broken.objects
    assert pointer_key(f"fact_quote/{changes[2][1]}") in broken.objects


def test_sixteen_racing_writers_lose_and_double_nothing() -> None:
    store = MemoryPartitions()
    writers, batches, size = 16, 12, 5

    def write(writer: int) -> None:
        racing = CommitContext("c", random=random.Random(writer), sleep=lambda _: None, max_tries=1000)
        for batch in range(batches):
            first = (writer * batches + batch) * size
            rows = counts(list(range(first, first + size)))
            commit_rows(store, COUNTS, "", rows, sources=[source(f"{writer}-{batch}")], context=racing)

    with ThreadPoolExecutor(writers) as pool:
        list(pool.map(write, range(writers)))
    assert numbers_in(store) == list(range(writers * batches * size))
    history = store.history[PLACE]
    assert len(history) == len(set(history)) == writers * batches
    seen: set[int] = set()
    for target in history:
        found = store.read_object(target)
        assert found is not None
        now = open_object(found.key, found.body).read(stored_schema(COUNTS))["number"].to_pylist()
        assert len(now) == len(set(now))
        assert seen <= set(now)
        seen = set(now)
