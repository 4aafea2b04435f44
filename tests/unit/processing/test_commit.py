"""Commits to a partition: whole, once, whatever answers get lost and whoever else is writing."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from decimal import Decimal

import pyarrow as pa
import pytest
from tests.fakes.partitions import MemoryPartitions, Ticking
from tests.support.tables import COUNTS, QUOTES, counts, rows_of

from core.errors import OutOfReach, PipelineBug, TransientFailure
from core.ports import PartitionObject, PartitionStore, Refused, Written
from core.warehouse.arrow_types import stored_schema
from core.warehouse.partition_objects import open_object
from core.warehouse.pointer import pointer_key
from processing.partitions.commit import (
    AlreadyThere,
    CommitContext,
    Committed,
    SourceRef,
    commit_many,
    commit_rows,
    read_partition,
    restate,
)
from processing.partitions.rollback import rollback

PLACE = "dim_count"


def context(seed: int = 1, **more: object) -> CommitContext:
    return CommitContext("contract-1", random=random.Random(seed), sleep=lambda _: None, **more)  # type: ignore[arg-type]


def source(name: str) -> SourceRef:
    return SourceRef(f"feeds/test/{name}.gz", f"etag-{name}")


def commit(store: PartitionStore, numbers: list[int], name: str, *, seed: int = 1, total: int = 0):
    return commit_rows(store, COUNTS, "", counts(numbers, total), sources=[source(name)], context=context(seed))


def numbers_in(store: PartitionStore) -> list[int]:
    snapshot = read_partition(store, COUNTS, "")
    return snapshot.table["number"].to_pylist() if snapshot else []


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


class Interrupted(MemoryPartitions):
    """Before the n-th swap something else happens to the partition."""

    def __init__(self) -> None:
        super().__init__()
        self.before_swap: list[object] = []
        self.swaps = 0

    def swap_pointer(self, partition: str, target: str, *, expected: str | None) -> Written | Refused:
        self.swaps += 1
        if self.before_swap:
            self.before_swap.pop(0)()  # type: ignore[operator]
        return super().swap_pointer(partition, target, expected=expected)


def test_a_beaten_writer_merges_again_on_top_of_the_winner() -> None:
    store = Interrupted()
    commit(store, [1], "a")
    store.before_swap = [lambda: commit(store, [2], "b", seed=2)]
    outcome = commit(store, [3], "c", seed=3)
    assert isinstance(outcome, Committed)
    assert (outcome.version, outcome.tries) == (3, 2)
    assert numbers_in(store) == [1, 2, 3]


def test_a_beaten_writer_waits_for_longer_where_a_try_takes_long_and_after_every_try() -> None:
    store, waits = Interrupted(), []
    commit(store, [0], "start")
    for first, seconds in ((10, 0.001), (20, 2.0)):
        for number in (first, first + 1):
            store.before_swap += [lambda n=number: commit(store, [n], f"w{n}", seed=50 + n), lambda: None]
        clock = Ticking(step=timedelta(seconds=seconds))
        slow = CommitContext(
            "c", random=Widest(first), sleep=waits.append, timer=lambda clock=clock: clock().timestamp()
        )
        commit_rows(store, COUNTS, "", counts([first + 2]), sources=[source(f"mine {first}")], context=slow)
    assert [round(wait, 2) for wait in waits] == [0.06, 0.12, 4.0, 8.0]


class Widest(random.Random):
    """No luck at all: the longest pause every time."""

    def random(self) -> float:
        return 1.0


def test_a_writer_that_is_always_beaten_gives_up_and_can_be_tried_again() -> None:
    store = Interrupted()
    commit(store, [0], "start")
    for number in range(1, 5):
        store.before_swap += [lambda n=number: commit(store, [n], f"w{n}", seed=50 + n), lambda: None]
    with pytest.raises(TransientFailure, match="beaten"):
        commit_rows(store, COUNTS, "", counts([9]), sources=[source("mine")], context=context(4, max_tries=2))
    assert 9 not in numbers_in(store)
    store.before_swap = []
    assert isinstance(commit(store, [9], "mine", seed=5), Committed)


class LosingAnswers(MemoryPartitions):
    """Swaps take place, then the answer is a time-out or a refusal that the client's own retry earned."""

    def __init__(self, answer: str) -> None:
        super().__init__()
        self.answer = answer
        self.lose = 0
        self.then = lambda: None

    def swap_pointer(self, partition: str, target: str, *, expected: str | None) -> Written | Refused:
        result = super().swap_pointer(partition, target, expected=expected)
        if self.lose and isinstance(result, Written):
            self.lose -= 1
            self.then()
            if self.answer == "refused":
                return Refused()
            raise OutOfReach("swap", partition, "the answer was lost")
        return result


@pytest.mark.parametrize("answer", ["refused", "timeout"])
def test_a_win_whose_answer_got_lost_is_still_a_win(answer: str) -> None:
    store = LosingAnswers(answer)
    store.lose = 1
    outcome = commit(store, [1], "a")
    assert isinstance(outcome, Committed)
    assert (outcome.version, outcome.tries) == (1, 1)
    assert len(store.history[PLACE]) == 1


@pytest.mark.parametrize("answer", ["refused", "timeout"])
def test_a_win_that_others_have_built_upon_is_still_a_win(answer: str) -> None:
    store = LosingAnswers(answer)
    store.lose = 1
    store.then = lambda: [commit(store, [number], f"x{number}", seed=number) for number in range(10, 20)]
    outcome = commit(store, [1], "a")
    assert isinstance(outcome, Committed)
    assert outcome.version == 1
    assert len(store.history[PLACE]) == 11
    assert numbers_in(store) == [1, *range(10, 20)]


@pytest.mark.parametrize("answer", ["refused", "timeout"])
def test_a_win_too_long_ago_to_be_recognised_is_seen_in_the_rows(answer: str) -> None:
    store = LosingAnswers(answer)
    store.lose = 1
    store.then = lambda: [commit(store, [number], f"x{number}", seed=number) for number in range(100, 140)]
    assert isinstance(commit(store, [1], "a"), AlreadyThere)
    assert len(store.history[PLACE]) == 41


class DelayedSwap(MemoryPartitions):
    """The first swap times out and only takes place when the second one is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.late: tuple[str, str, str | None] | None = None
        self.delayed = False

    def swap_pointer(self, partition: str, target: str, *, expected: str | None) -> Written | Refused:
        if not self.delayed:
            self.delayed, self.late = True, (partition, target, expected)
            raise OutOfReach("swap", partition, "timed out")
        if self.late:
            (late_partition, late_target, late_expected), self.late = self.late, None
            super().swap_pointer(late_partition, late_target, expected=late_expected)
        return super().swap_pointer(partition, target, expected=expected)


def test_a_swap_that_takes_place_long_after_its_time_out_is_the_same_commit() -> None:
    store = DelayedSwap()
    outcome = commit(store, [1], "a")
    assert isinstance(outcome, Committed)
    assert outcome.version == 1
    assert store.history[PLACE] == [outcome.key]
    assert sum(key.endswith(".parquet") for key in store.objects) == 1


def test_a_pointer_to_a_missing_object_stops_the_commit_and_names_the_remedy() -> None:
    store = MemoryPartitions()
    first = commit(store, [1], "a")
    store.delete([first.key])
    with pytest.raises(PipelineBug, match="starmend rebuild"):
        commit(store, [2], "b")


def test_an_altered_object_is_not_built_upon() -> None:
    store = MemoryPartitions()
    first = commit(store, list(range(100)), "a")
    body = bytearray(store.objects[first.key])
    body[60] ^= 1
    store.objects[first.key] = bytes(body)
    with pytest.raises(PipelineBug, match="rebuild"):
        commit(store, [200], "b")
    with pytest.raises(PipelineBug, match="rebuild"):
        read_partition(store, COUNTS, "")


def test_an_object_that_is_no_parquet_is_not_built_upon() -> None:
    store = MemoryPartitions()
    first = commit(store, [1], "a")
    store.objects[first.key] = b"not parquet"
    with pytest.raises(PipelineBug, match="no Parquet"):
        commit(store, [2], "b")


def test_an_object_that_vacuum_took_while_it_was_read_is_looked_up_again() -> None:
    class Vacuumed(MemoryPartitions):
        once = True

        def read_object(self, key: str):
            if self.once and "v000000000001" in key:
                self.once = False
                commit(self, [2], "b", seed=7)
                self.delete([key])
            return super().read_object(key)

    store = Vacuumed()
    store.once = False
    commit(store, [1], "a")
    store.once = True
    commit(store, [3], "c", seed=8)
    assert numbers_in(store) == [1, 2, 3]


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
