"""Turns at a provider, of callers whose plans differ."""

from __future__ import annotations

import heapq
import random
from bisect import insort
from collections.abc import Sequence

import pytest

from core.feeds.turns import MINUTE, Plan, Turns

NOW = 1_800_000_000_000


def keeps(plan: Plan, turns: Sequence[int]) -> bool:
    ordered = sorted(turns)
    return all(
        later - earlier >= length
        for length, most in ((MINUTE, plan.per_minute), (1_000, plan.per_second))
        if most
        for earlier, later in zip(ordered, ordered[most:], strict=False)
    )


@pytest.mark.parametrize("seed", range(40))
def test_a_turn_is_the_earliest_that_the_plan_allows_beside_any_others(seed: int) -> None:
    chance = random.Random(seed)
    plan, taken = Plan(chance.choice((1, 2, 5, 8, 30)), chance.choice((0, 0, 1, 3))), list[int]()
    for _ in range(chance.randrange(40)):
        after = chance.randrange(300) * chance.choice((1, 1_000))
        turn = plan.earliest(taken, after=after)
        ends = sorted(end for taken_turn in taken for end in (taken_turn + 1_000, taken_turn + MINUTE) if end > after)
        assert turn == next(time for time in [after, *ends] if keeps(plan, [*taken, time]))
        insort(taken, turn)


def test_live_calls_stand_behind_no_history_that_waits() -> None:
    live, history = Plan(5), Plan(4)
    turns, served = Turns(), 0
    calls = [(NOW + caller, "history") for caller in range(8)]
    calls += [(NOW + 30_000 + minute * MINUTE, "live") for minute in range(10)]
    heapq.heapify(calls)
    while calls and calls[0][0] < NOW + 10 * MINUTE:
        now, kind = heapq.heappop(calls)
        patience = 50_000 if kind == "live" else 800_000
        turns, granted = turns.grant(1, live if kind == "live" else history, now=now, latest=now + patience)
        if kind == "history" and granted:
            heapq.heappush(calls, (granted[0] + 1_000, kind))
        served += kind == "live" and bool(granted)
    assert served == 10
