"""Attempts of a commit: whatever answers get lost and whoever else is writing, a win is known as one."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from tests.fakes.partitions import MemoryPartitions, Ticking
from tests.support.committing import PLACE, Interrupted, commit, context, numbers_in, source
from tests.support.tables import COUNTS, counts

from core.errors import OutOfReach, PipelineBug, TransientFailure
from core.ports import Refused, Written
from processing.partitions.commit import (
    AlreadyThere,
    CommitContext,
    Committed,
    commit_rows,
    read_partition,
)


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
