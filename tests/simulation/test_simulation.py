"""The simulation in a short form: a fixed seed, that the same seed is the same run, and that bugs are seen."""

from __future__ import annotations

import pytest
from tests.simulation.planted import PLANTED, read_table
from tests.simulation.shrinking import command
from tests.simulation.simulation import simulate

from core.evolution import deployments


@pytest.mark.parametrize("seed", [1])
def test_every_promise_is_kept_in_nasty_hours_and_the_calm_days_after_them(seed: int) -> None:
    outcome = simulate(seed, 0.5)
    assert not outcome.wrong, (command(seed, 0.5), outcome.wrong)
    seen = ("audits", "certificates", "commits", "objects", "points", "receipts", "rows")
    assert all(outcome.counts[name] for name in seen), outcome.counts


def test_the_same_seed_is_the_same_run_and_another_is_another() -> None:
    deployments._KNOWN.clear()  # as in a process of its own
    first, second, other = (simulate(seed, 0.1, calm_hours=1).trace for seed in (3, 3, 4))
    assert first == second
    assert first != other


@pytest.mark.parametrize("name", ["event"])
def test_a_planted_bug_is_seen(name: str) -> None:
    (bug,) = [bug for bug in PLANTED if bug.name == name]
    with bug.planted():
        assert simulate(7, 0.5, calm_hours=0, stops=True).wrong


def test_every_bug_can_be_planted_and_half_of_them_are_of_peers() -> None:
    for bug in PLANTED:
        with bug.planted():
            assert bug.wrong
    assert len({bug.name for bug in PLANTED}) >= 20
    assert sum(bool(bug.peer) for bug in PLANTED) >= 10


def test_the_table_says_which_seed_found_which_bug() -> None:
    table, bugs = read_table(), {bug.name: bug for bug in PLANTED}
    for name, row in table.items():
        assert (row["wrong"], row.get("peer", "")) == (bugs[name].wrong, bugs[name].peer)
    assert sum(row["seed"] is not None for row in table.values()) >= 20
