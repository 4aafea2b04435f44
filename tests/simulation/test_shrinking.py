"""A failing seed is shrunk to what it needs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from tests.simulation import shrinking


def test_what_a_failure_does_not_need_is_left_out_and_the_rest_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = {"shop", "killed"}

    def simulate(_seed: int, days: float, *, off: frozenset[str]) -> SimpleNamespace:
        return SimpleNamespace(wrong=["a promise"] if days >= 0.5 and not off & needed else [])

    monkeypatch.setattr(shrinking, "simulate", simulate)
    days, off = shrinking.shrink(7, 2.0)
    assert (days, off) == (0.5, {*shrinking.ACTORS, *shrinking.FAULTS} - needed)
    assert shrinking.command(7, days, off).startswith(
        'python -m tests.simulation --seed 7 --days 0.5 --without "analyst"'
    )
