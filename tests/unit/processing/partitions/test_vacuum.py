"""Vacuum: what anybody may still need stays."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.partitions import START, MemoryPartitions, Ticking
from tests.support.tables import COUNTS, counts

from core.warehouse.pointer import object_name, pointer_key, version_of
from processing.partitions.commit import CommitContext, SourceRef, commit_rows, read_partition, restate
from processing.partitions.rollback import rollback
from processing.partitions.vacuum import vacuum

HOUR = timedelta(hours=1)
PLACE = "dim_count"


def commit(store: MemoryPartitions, number: int):
    context = CommitContext("c", random=random.Random(number), sleep=lambda _: None)
    return commit_rows(store, COUNTS, "", counts([number]), sources=[SourceRef(f"o{number}", "e")], context=context)


@settings(max_examples=40, deadline=None)
@given(minutes=st.lists(st.integers(1, 600), min_size=2, max_size=40), later=st.integers(0, 60 * 24 * 10))
def test_after_any_history_readers_and_rollbacks_find_what_they_were_promised(minutes: list[int], later: int) -> None:
    clock = Ticking(step=timedelta())
    store = MemoryPartitions(clock=clock)
    current_since: dict[str, datetime] = {}
    for number, pause in enumerate(minutes):
        clock.now += timedelta(minutes=pause)
        current_since[commit(store, number).key] = clock.now
    clock.now += timedelta(minutes=later)
    keys = list(current_since)
    list(vacuum(store, store, COUNTS, now=clock.now))
    there = {one.key for one in store.list("warehouse/_data/")}
    assert keys[-1] in there
    last_of_day = {current_since[one].date(): one for one in keys}
    for one, successor in pairwise(keys):
        following = keys[keys.index(successor) + 1] if successor != keys[-1] else successor
        in_grace = clock.now - current_since[following] < 6 * HOUR  # what times alone prove, a commit later
        day = current_since[one].date()
        in_week = last_of_day[day] == one and clock.now.date() - day <= timedelta(days=7)
        assert (one in there) == (in_grace or in_week)
    snapshot = read_partition(store, COUNTS, "")
    assert snapshot is not None
    for daily in snapshot.footer.dailies:
        if daily.key in there:
            context = CommitContext("c", random=random.Random(5), sleep=lambda _: None)
            rollback(store, COUNTS, "", to=daily.version, hold=None, context=context)


def test_a_slow_writer_wakes_after_a_day_and_vacuum_and_swap_agree() -> None:
    """Its object is never taken from under a swap that could still succeed."""
    clock = Ticking(step=timedelta())
    store = MemoryPartitions(clock=clock)
    commit(store, 1)
    pointer = store.read_pointer(PLACE)
    assert pointer is not None
    slow = store.write_object(PLACE, object_name(2, "f" * 32), b"made a day ago")
    clock.now += timedelta(days=1)
    list(vacuum(store, store, COUNTS, now=clock.now))
    assert slow in store.objects
    commit(store, 2)
    clock.now += timedelta(days=1)
    list(vacuum(store, store, COUNTS, now=clock.now))
    assert slow not in store.objects
    assert version_of(slow) == 2
    assert type(store.swap_pointer(PLACE, slow, expected=pointer.etag)).__name__ == "Refused"


def test_who_reads_what_was_current_until_the_pointer_was_lost_has_the_grace_though_a_writer_died_before() -> None:
    clock = Ticking(step=timedelta())
    store = MemoryPartitions(clock=clock)
    read = commit(store, 1).key
    store.write_object(PLACE, object_name(2, "f" * 32), b"by a writer that died before its swap")
    clock.now += 10 * HOUR  # somebody follows the pointer now
    store.delete([pointer_key(PLACE)])
    context = CommitContext("c", random=random.Random(3), sleep=lambda _: None)
    restate(store, COUNTS, "", lambda: (counts([1]), [SourceRef("o1", "e")]), context=context)
    clock.now += HOUR
    list(vacuum(store, store, COUNTS, now=clock.now))
    assert read in store.objects
    clock.now += 5 * HOUR + timedelta(days=8)
    list(vacuum(store, store, COUNTS, now=clock.now))
    assert read not in store.objects


def test_a_dry_run_removes_nothing_and_a_broken_partition_is_left_alone() -> None:
    store = MemoryPartitions()
    commit(store, 1)
    last = commit(store, 2)
    later = START + 48 * HOUR + timedelta(days=9)
    before = dict(store.objects)
    assert [len(plan.remove) for plan in vacuum(store, store, COUNTS, now=later, dry_run=True)] == [1]
    assert store.objects == before
    store.objects[last.key] = b"broken"
    assert list(vacuum(store, store, COUNTS, now=later)) == []
