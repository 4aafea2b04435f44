"""An object that many change at once keeps every change, and is not written for nothing."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from tests.fakes.objects import MemoryObjects

from core.change import TRIES, Remembered, change_object
from core.errors import OutOfReach, TransientFailure
from core.ports import Refused, Written

KEY = "audit/state/quotes.json"


def read(body: bytes | None) -> int:
    return int(body) if body is not None else 0


def write(number: int) -> bytes:
    return b"%d" % number


class Rivals(MemoryObjects):
    """Before each of the first ``times`` writes somebody else adds 100 to the object."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times
        self.writes = 0

    def write(self, key: str, body: bytes, **conditions: object) -> Written | Refused:  # type: ignore[override]
        self.writes += 1
        if self.writes <= self.times:
            stored = self.read(key)
            super().write(key, write(read(stored.body if stored else None) + 100))
        return super().write(key, body, **conditions)  # type: ignore[arg-type]


def add_one(store: MemoryObjects) -> int:
    return change_object(
        store, KEY, lambda number: number + 1, read=read, write=write, operation="count", remedy="Count again"
    )


def stored_in(store: MemoryObjects) -> int:
    stored = store.read(KEY)
    assert stored is not None
    return read(stored.body)


def test_an_object_that_is_not_there_is_made() -> None:
    store = MemoryObjects()
    assert (add_one(store), stored_in(store)) == (1, 1)


@pytest.mark.parametrize("times", [1, 2, TRIES - 1])
def test_a_change_is_applied_to_what_a_faster_writer_wrote(times: int) -> None:
    store = Rivals(times)
    assert (add_one(store), stored_in(store)) == (100 * times + 1, 100 * times + 1)


def test_who_is_always_beaten_gives_up_with_the_callers_words_and_changes_nothing() -> None:
    store = Rivals(TRIES)
    with pytest.raises(TransientFailure, match=rf"count: {KEY}: beaten {TRIES} times. Count again"):
        add_one(store)
    assert stored_in(store) == 100 * TRIES


def test_what_changes_nothing_is_not_written() -> None:
    store = MemoryObjects()
    add_one(store)
    before = store.stat(KEY)
    same = change_object(store, KEY, lambda number: number, read=read, write=write, operation="", remedy="")
    assert (same, store.stat(KEY)) == (1, before)


def test_no_change_of_racing_writers_is_lost() -> None:
    store = MemoryObjects()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: add_one(store), range(16)))
    assert stored_in(store) == 16


def test_what_reading_and_the_store_raise_passes_through() -> None:
    store = MemoryObjects()
    store.write(KEY, b"no number")
    with pytest.raises(ValueError, match="no number"):
        add_one(store)
    store.fail = lambda _effect, key: OutOfReach("read", key, "did not answer")
    with pytest.raises(OutOfReach):
        add_one(store)


@dataclass(frozen=True)
class Counted:
    count: int = 0

    def to_json(self) -> bytes:
        return json.dumps({"count": self.count}).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Counted:
        return cls(json.loads(body)["count"])


@pytest.mark.parametrize("body", [None, b"", b"{", b"[]", b'{"other": 1}', b"\xff"])
def test_what_is_remembered_counts_as_none_where_it_is_lost_or_cannot_be_read(body: bytes | None) -> None:
    store, remembered = MemoryObjects(), Remembered(Counted, "audit/counts/", "count")
    if body is not None:
        store.write("audit/counts/sales.json", body)
    assert remembered.read(store, "sales") == Counted()
    remembered.change(store, "sales", lambda before: Counted(before.count + 1))
    assert remembered.read(store, "sales") == Counted(1)
    assert remembered.read(store, "quotes") == Counted()
