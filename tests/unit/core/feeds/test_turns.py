"""Turns at a provider, of callers whose plans differ."""

from __future__ import annotations

import heapq
import random
from bisect import insort
from collections.abc import Sequence

import pytest

from core.feeds.turns import MINUTE, Plan, Share, Turns

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


@pytest.mark.parametrize(("live", "least_an_hour"), [(0, 3_540), (20, 2_360), (40, 1_180), (50, 590)])
def test_history_has_what_live_calls_leave_of_a_plan_and_no_minute_has_more(live: int, least_an_hour: int) -> None:
    """Two functions that ask for history all the time, beside a feed around the clock."""
    plan = Plan(60)
    share, turns = Share(plan, left=60 - live, least=6), Turns()
    queue: list[tuple[int, str]] = [(NOW + minute * MINUTE + 2_000, "live") for minute in range(60)]
    queue += [(NOW + 20_000, "history"), (NOW + 20_001, "history")]
    heapq.heapify(queue)
    all_turns: list[int] = []
    history = late = 0
    while queue and queue[0][0] < NOW + 60 * MINUTE:
        now, kind = heapq.heappop(queue)
        turns = Turns.from_json(turns.to_json())
        if kind == "live":
            turns, granted = turns.grant(live, plan, now=now, latest=now + 25_000)
            late += live - len(granted)
        else:
            turns, granted = turns.grant(1, share, now=now, latest=now + 240_000)
            history += len(granted)
            heapq.heappush(queue, (max(granted[0], now) + 500 if granted else now + 60_000, kind))
        all_turns += granted
    assert (late, history >= least_an_hour - 60) == (0, True), history
    assert keeps(plan, all_turns)


def test_history_may_have_a_tenth_of_a_plan_that_live_calls_need_whole_while_they_pause() -> None:
    share, full = Share(Plan(60), left=0, least=6), Turns(tuple(range(NOW - 5, NOW + 1)))
    turns, granted = Turns().grant(7, share, now=NOW, latest=NOW + MINUTE - 1)
    assert (len(granted), turns.history) == (6, granted)
    assert full.grant(1, share, now=NOW, latest=NOW + MINUTE - 6) == (full, ())
    assert full.next_turn(share, now=NOW) == NOW - 5 + MINUTE


def test_turns_of_an_earlier_release_are_read_as_nobodys_history() -> None:
    turns = Turns((NOW,), history=(NOW,))
    earlier = turns.to_json().replace(b'"history":[%d],' % NOW, b"")
    assert (Turns.from_json(turns.to_json()), Turns.from_json(earlier)) == (turns, Turns((NOW,)))
