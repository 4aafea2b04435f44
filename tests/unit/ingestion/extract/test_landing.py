from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fakes.objects import MemoryObjects

from core.errors import ObjectConflict, OutOfReach, TransientFailure
from core.landing.ingest_objects import EPOCH, ObjectFacts, Position, TableObject, encode_facts
from core.landing.state import StoredState
from ingestion.extract.landing import Landing, write_object

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FACTS = ObjectFacts(EPOCH, NOON, NOON, (17,), 3, "ab" * 32, True)
KEY = TableObject("sales", "staff", 1).key


def failing(objects: MemoryObjects, effect: str, times: int = 1, *, after: Callable[[], object] = lambda: None) -> None:
    """The next calls of this effect fail; ``after`` is what has happened all the same."""
    left = [times]

    def fail(what: str, key: str) -> Exception | None:
        if what != effect or left[0] == 0:
            return None
        left[0] -= 1
        after()
        return OutOfReach(effect, key, "no answer in time")

    objects.fail = fail


def test_an_object_is_written_once_and_the_same_again_changes_nothing() -> None:
    objects = MemoryObjects()
    write_object(objects, KEY, b"body", metadata=encode_facts(FACTS))
    before = objects.stat(KEY)
    write_object(objects, KEY, b"body", metadata=encode_facts(FACTS))
    assert objects.stat(KEY) == before


def test_an_object_of_that_name_with_other_content_is_a_file_exists_error() -> None:
    objects = MemoryObjects()
    write_object(objects, KEY, b"body", metadata=encode_facts(FACTS))
    with pytest.raises(FileExistsError) as caught:
        write_object(objects, KEY, b"other", metadata=encode_facts(FACTS) | {"starmend-sha256": "cd" * 32})
    assert isinstance(caught.value, ObjectConflict)
    assert KEY in str(caught.value)
    stored = objects.read(KEY)
    assert stored is not None
    assert stored.body == b"body"


def test_s3_out_of_reach_is_a_connection_error() -> None:
    objects = MemoryObjects()
    failing(objects, "write", times=99)
    with pytest.raises(ConnectionError, match=KEY):
        write_object(objects, KEY, b"body", metadata=encode_facts(FACTS))
    assert objects.stat(KEY) is None


def test_after_a_failure_without_effect_it_is_tried_again() -> None:
    objects = MemoryObjects()
    failing(objects, "write")
    write_object(objects, KEY, b"body", metadata=encode_facts(FACTS))
    assert objects.stat(KEY) is not None


@pytest.mark.parametrize("won", [True, False])
def test_after_a_lost_answer_the_object_that_is_there_decides(won: bool) -> None:
    objects = MemoryObjects()
    metadata = encode_facts(FACTS) if won else encode_facts(FACTS) | {"starmend-rows": "9"}
    failing(objects, "write", after=lambda: MemoryObjects.write(objects, KEY, b"body", metadata=metadata))
    if won:
        write_object(objects, KEY, b"body", metadata=encode_facts(FACTS))
    else:
        with pytest.raises(ObjectConflict):
            write_object(objects, KEY, b"body", metadata=encode_facts(FACTS))


# ---------------------------------------------------------------- state


def put(objects: MemoryObjects, number: int, until: datetime = NOON) -> None:
    facts = ObjectFacts(EPOCH, until, until, (number,), 1, "ab" * 32, True)
    key = TableObject("sales", "staff", number).key
    objects.write(key, b"", if_absent=True, metadata=encode_facts(facts))


def test_objects_beyond_the_stored_id_are_found_and_only_the_newest_is_read() -> None:
    objects = MemoryObjects()
    for number in (1, 2, 3):
        put(objects, number, NOON.replace(minute=number))
    objects.write("tables/sales/staff/README", b"")
    objects.write(TableObject("sales", "staff2", 9).key, b"")
    state = Landing(objects, "sales").state("staff", StoredState(NOON.replace(minute=1), 1))
    assert (state.position, state.number, state.missing) == (Position(NOON.replace(minute=3)), 3, ())


def test_the_newest_object_is_remembered_from_pass_to_pass() -> None:
    objects, asked = MemoryObjects(), []
    put(objects, 1)
    landing = Landing(objects, "sales")
    objects.fail = lambda effect, key: asked.append((effect, key)) if effect == "stat" else None  # type: ignore[func-returns-value]
    for _ in range(3):
        assert landing.state("staff", StoredState(NOON, 1)).number == 1
    assert asked.count(("stat", KEY)) == 1


def test_an_object_that_no_extraction_wrote_stops_the_table() -> None:
    objects = MemoryObjects()
    objects.write(KEY, b"by hand")
    with pytest.raises(ObjectConflict, match="not written by an extraction"):
        Landing(objects, "sales").state("staff", StoredState(EPOCH, 0))


def test_a_lost_id_is_found_by_looking_at_the_whole_sequence() -> None:
    objects = MemoryObjects()
    for number in (1, 2, 4):
        put(objects, number)
    state = Landing(objects, "sales").state("staff", StoredState(None, None))
    assert (state.number, state.missing, state.write_number) == (4, (3,), 4)


def test_a_store_that_keeps_refusing_without_an_object_is_a_transient_failure() -> None:
    class Odd(MemoryObjects):
        def stat(self, key: str) -> None:  # type: ignore[override]
            return None

    objects = Odd()
    objects.write(KEY, b"body")
    with pytest.raises(TransientFailure):
        write_object(objects, KEY, b"body", metadata={})


def test_a_quiet_pass_asks_for_the_successor_s_name_alone_and_lists_where_there_is_one() -> None:
    objects, asked = MemoryObjects(), []
    put(objects, 1)
    landing = Landing(objects, "sales")
    assert landing.state("staff", StoredState(NOON, 1)).number == 1
    objects.fail = lambda effect, key: asked.append((effect, key))  # type: ignore[func-returns-value]
    assert landing.state("staff", StoredState(NOON, 1)).number == 1
    assert asked == [("stat", TableObject("sales", "staff", 2).key)], "a HEAD costs a twelfth of a LIST"
    objects.fail = lambda *_: None
    put(objects, 2, NOON.replace(minute=2))  # another extraction has been faster
    put(objects, 3, NOON.replace(minute=3))
    assert landing.state("staff", StoredState(NOON, 1)).number == 3
    assert landing.state("staff", StoredState(NOON, 1)).number == 3, "the parameters may stay behind"
    for _ in range(2):
        assert landing.state("staff", StoredState(NOON.replace(minute=3), 3)).number == 3


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(st.tuples(st.integers(0, 2), st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_a_warm_container_adopts_what_one_that_lists_everything_does(steps: list[tuple[int, bool, bool]]) -> None:
    """Others write some objects between two passes; the parameters are written or not; the container stays or not."""
    objects, number = MemoryObjects(), 0
    stored = StoredState(None, None)
    landing = Landing(objects, "sales")
    for others, is_kept, is_warm in steps:
        for _ in range(others):
            number += 1
            put(objects, number, NOON + timedelta(minutes=number))
        state = landing.state("staff", stored)
        assert state == Landing(objects, "sales").state("staff", stored)
        assert (state.number, state.missing) == (number, ())
        if is_kept and number:
            stored = StoredState(state.position.at, state.number)
        landing = landing if is_warm else Landing(objects, "sales")
