"""What is remembered is found by content: an object that was altered is another, and errors come again."""

from __future__ import annotations

import pytest
from tests.simulation.remembered import MOST, Answers, Same, remembering
from tests.simulation.simulation import simulate

import core.warehouse.partition_objects as objects
from core.errors import PipelineBug


def test_an_answer_is_of_everything_that_it_was_asked_with() -> None:
    known, first, second = Answers(), [1], [1]
    assert [known.of((b"a", 1), lambda: "x"), known.of((b"a", 2), lambda: "y")] == ["x", "y"]
    assert known.of((b"".join([b"a"]), 1), lambda: "z") == "x"
    assert [known.of(Same(thing), lambda thing=thing: id(thing)) for thing in (first, second)] == [
        id(first),
        id(second),
    ]
    for number in range(MOST):
        known.of(number, lambda number=number: number)
    assert known.of((b"a", 1), lambda: "made again") == "made again"


def test_an_object_that_cannot_be_read_is_refused_each_time_and_nothing_stays_patched() -> None:
    before = objects.open_object
    with remembering():
        for _ in range(2):
            with pytest.raises(PipelineBug):
                objects.open_object("a", b"no Parquet")
    assert objects.open_object is before


def test_a_simulation_is_the_same_with_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    remembered = simulate(5, 0.05, calm_hours=0)
    monkeypatch.setattr(Answers, "of", lambda _self, _of, work: work())
    without = simulate(5, 0.05, calm_hours=0)
    assert (remembered.trace, remembered.events, remembered.counts) == (without.trace, without.events, without.counts)
