"""The analyst of the simulation sees what a reader does wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.simulation.simulation import simulate

from starmend_reader import lake, partitions

Read = Callable[..., Any]


def without_the_last(real: Read) -> Read:
    """Partitions as they are now, but for the last."""
    return lambda *args: real(*args)[:-1]


def whatever_is_current(_real: Read) -> Read:
    """The past as if nothing had been committed since."""
    return lambda _partition, current, *_: current


@pytest.mark.parametrize(
    ("module", "name", "wrong", "problem"),
    [
        (lake, "current_parts", without_the_last, "was read without"),
        (partitions, "object_at", whatever_is_current, "as of"),
    ],
)
def test_a_reader_that_gives_less_or_of_another_time_is_seen(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, wrong: Callable[[Read], Read], problem: str
) -> None:
    monkeypatch.setattr(module, name, wrong(getattr(module, name)))
    outcome = simulate(3, 0.5, calm_hours=0, stops=True)
    assert problem in outcome.wrong[0]
