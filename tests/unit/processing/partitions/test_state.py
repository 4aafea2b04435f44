"""States of a partition: what is broken is never taken for what has no commit yet."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace

import pytest
from tests.fakes.partitions import MemoryPartitions
from tests.support.committing import PLACE, commit, context, numbers_in
from tests.support.partition_histories import DAMAGES, DERIVED, current_key, lose_pointer, losses
from tests.support.tables import COUNTS, counts

from core.errors import BrokenPointer, LostCommit, PipelineBug
from core.warehouse.footer import Footer
from core.warehouse.partition_objects import open_object
from core.warehouse.pointer import object_key, object_name, pointer_key
from processing.partitions.commit import AlreadyThere, commit_table, read_partition, restate
from processing.partitions.parquet import encode
from processing.partitions.state import last_sound, read_current


def of(numbers: list[int]) -> Callable[[], tuple[object, tuple[()]]]:
    return lambda: (counts(numbers), ())


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_broken_is_neither_read_nor_merged_onto_nor_derived_from_and_names_its_remedy(
    damage: Callable[[MemoryPartitions], None],
) -> None:
    store = MemoryPartitions()
    commit(store, [1], "a")
    commit(store, [2], "b")
    damage(store)
    for attempt in (
        lambda: commit(store, [3], "c"),
        lambda: read_partition(store, COUNTS, ""),
        lambda: commit_table(store, DERIVED, "", lambda _: counts([]), inputs=[(COUNTS, "")], context=context(3)),
    ):
        with pytest.raises(LostCommit, match="starmend rebuild dim_count"):
            attempt()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_restatement_replaces_what_is_broken_under_a_number_that_was_never_given(
    damage: Callable[[MemoryPartitions], None],
) -> None:
    store = MemoryPartitions()
    commit(store, [1], "a")
    commit(store, [2], "b")
    before = set(store.objects)
    damage(store)
    outcome = restate(store, COUNTS, "", of([1, 2]), context=context(4))  # type: ignore[arg-type]
    assert outcome.version == 3
    assert outcome.key not in before
    assert numbers_in(store) == [1, 2]
    commit(store, [3], "c", seed=5)
    assert numbers_in(store) == [1, 2, 3]


def test_a_hold_outlives_the_pointer_of_its_partition() -> None:
    store = MemoryPartitions()
    commit(store, [1], "a")
    first = open_object(current_key(store), store.objects[current_key(store)])
    held = replace(first.footer, hold="game day", version=2)
    rewrite(store, held)
    lose_pointer(store)
    restate(store, COUNTS, "", of([1]), context=context(4))  # type: ignore[arg-type]
    current = read_current(store, PLACE)
    assert current is not None
    assert (current.footer.hold, current.version) == ("game day", 3)


def rewrite(store: MemoryPartitions, footer: Footer) -> None:
    """Another object of the same rows, with this footer, becomes current."""
    key = store.write_object(PLACE, object_name(footer.version, "e" * 32), encode(counts([1]), footer, key=COUNTS.key))
    pointer = store.read_pointer(PLACE)
    store.swap_pointer(PLACE, key, expected=pointer.etag if pointer else None)


def test_the_rows_of_a_first_commit_that_crashed_before_its_swap_are_merged() -> None:
    """Or they are all that is left of the only commit of a partition whose pointer was lost."""
    store = MemoryPartitions()
    commit(store, [1], "a", total=5)
    lose_pointer(store)
    outcome = commit(store, [2], "b", seed=2, total=6)
    assert outcome.version == 1
    assert numbers_in(store) == [1, 2]
    assert isinstance(commit(store, [1], "a", seed=3, total=5), AlreadyThere)


def test_a_first_commit_s_object_that_is_damaged_is_not_passed_over() -> None:
    store = MemoryPartitions()
    key = commit(store, [1], "a").key
    lose_pointer(store)
    store.objects[key] = store.objects[key][:-9]
    with pytest.raises(PipelineBug, match="rebuild"):
        commit(store, [2], "b")


def test_a_derived_table_whose_own_pointer_is_lost_is_made_again() -> None:
    store = MemoryPartitions()
    commit(store, [1], "a")

    def derive(seed: int) -> int:
        recompute = lambda snapshots: counts([snapshots["dim_count"].table["number"][0].as_py() + seed])  # noqa: E731
        return commit_table(store, DERIVED, "", recompute, inputs=[(COUNTS, "")], context=context(seed)).version

    assert derive(1) == 1
    commit(store, [0], "b")
    assert derive(2) == 2
    store.delete([pointer_key("dim_sum")])
    assert derive(3) == 3


def test_an_input_that_lost_the_pointer_of_its_only_commit_is_not_derived_from_as_if_it_were_empty() -> None:
    store = MemoryPartitions()
    commit(store, [1], "a")
    derive = lambda seed: commit_table(  # noqa: E731
        store, DERIVED, "", lambda found: counts([len(found)]), inputs=[(COUNTS, "")], context=context(seed)
    )
    derive(1)
    lose_pointer(store)
    with pytest.raises(LostCommit, match="was made of"):
        derive(2)
    commit(store, [2], "b", seed=9)
    derive(3)


def test_a_pointer_that_is_made_between_the_look_at_it_and_the_listing_is_no_loss() -> None:
    class Overtaken(MemoryPartitions):
        def list_objects(self, partition: str) -> list[str]:
            if not self.history:
                commit_to(self)
            return list(super().list_objects(partition))

    def commit_to(store: MemoryPartitions) -> None:
        store.history[PLACE] = []
        commit(store, [1], "a", seed=11)
        commit(store, [2], "b", seed=12)

    store = Overtaken()
    commit(store, [3], "c", seed=13)
    assert numbers_in(store) == [1, 2, 3]


def test_the_last_sound_object_is_found_behind_those_that_are_not() -> None:
    store = MemoryPartitions()
    keys = [commit(store, [number], str(number)).key for number in range(3)]
    store.objects[keys[2]] = b"no Parquet"
    sound = last_sound(store, PLACE)
    assert sound is not None
    assert sound.key == keys[1]


def test_the_etag_of_a_broken_pointer_survives_a_process_boundary() -> None:
    error = BrokenPointer("read pointer", "here", "is nothing", "Rebuild it", "etag-1")
    assert pickle.loads(pickle.dumps(error)).etag == "etag-1"
    assert object_key(PLACE, "x").endswith("x")


@pytest.mark.parametrize("seed", range(25))
def test_commits_among_losses_give_the_dictionary_s_rows_or_a_lost_commit(seed: int) -> None:
    """No sequence of commits, crashes, losses and restatements ends with fewer rows than were committed."""
    assert losses(seed) == []
