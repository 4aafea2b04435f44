"""Items that are sent until they are taken."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from core.sending import Sent, send_until_taken


class Picky:
    """Refuses the items that it was told to, so many times each."""

    def __init__(self, **times: int) -> None:
        self._times = times
        self.taken: list[str] = []
        self.calls: list[list[str]] = []

    def send(self, items: Sequence[str]) -> list[int]:
        self.calls.append(list(items))
        refused = []
        for index, item in enumerate(items):
            if self._times.get(item, 0) > 0:
                self._times[item] -= 1
                refused.append(index)
            else:
                self.taken.append(item)
        return refused


def test_only_what_was_refused_is_sent_again() -> None:
    picky = Picky(b=1, d=2)
    assert send_until_taken(picky.send, ["a", "b", "c", "d"], attempts=5) == Sent((), 3)
    assert picky.calls == [["a", "b", "c", "d"], ["b", "d"], ["d"]]
    assert sorted(picky.taken) == ["a", "b", "c", "d"]


def test_what_is_never_taken_is_named_by_its_index_after_the_last_attempt() -> None:
    picky = Picky(b=99, d=99, c=1)
    assert send_until_taken(picky.send, ["a", "b", "c", "d"], attempts=3) == Sent((1, 3), 3)
    assert len(picky.calls) == 3


def test_nothing_is_sent_where_there_is_nothing() -> None:
    picky = Picky()
    assert send_until_taken(picky.send, [], attempts=3) == Sent((), 0)
    assert picky.calls == []


def test_a_pause_comes_before_each_further_attempt_and_may_forbid_it() -> None:
    picky, paused = Picky(a=99), list[int]()

    def pause(attempt: int) -> bool:
        paused.append(attempt)
        return attempt < 3

    assert send_until_taken(picky.send, ["a"], attempts=9, pause=pause) == Sent((0,), 3)
    assert paused == [1, 2, 3]


def test_an_error_passes_through() -> None:
    def send(_items: Sequence[str]) -> list[int]:
        raise ConnectionError("no answer")

    with pytest.raises(ConnectionError):
        send_until_taken(send, ["a"], attempts=3)
