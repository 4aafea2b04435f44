"""Several containers that call one provider: its own count of their calls is the judge, not ours."""

from __future__ import annotations

import datetime as dt
import random
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tests.fakes.log import MemoryLog
from tests.fakes.objects import MemoryObjects
from tests.support.feeds import OPENING, Acquisition, PatientClock, contracts_in

from core.errors import OutOfReach
from core.feeds.turns import ROOT, Plan, Turns
from ingestion.pull.ledger import OwnLedger, SharedLedger
from ingestion.pull.pace import Pace

ACCOUNT = "api.example.org/prices"


class StrictProvider:
    """Refuses a call beyond its plan, as token gateways do that count a sliding window; its clock is its own."""

    def __init__(self, time: PatientClock, plan: Plan, *, ahead: float) -> None:
        self.time, self.plan, self.ahead = time, plan, ahead
        self.calls: deque[float] = deque()
        self.refused = 0

    def call(self) -> dt.datetime:
        now = self.time.passed
        windows = [(60.0, self.plan.per_minute)] + ([(1.0, self.plan.per_second)] if self.plan.per_second else [])
        for length, most in windows:
            if sum(call > now - length + 1e-3 for call in self.calls) >= most:
                self.refused += 1
        self.calls.append(now)
        return (OPENING + dt.timedelta(seconds=now + self.ahead)).replace(microsecond=0)


def container(time: PatientClock, plan: Plan, store: MemoryObjects, *, log: MemoryLog | None = None) -> Pace:
    return Pace(time.clock, plan, ledger=SharedLedger(store, ACCOUNT), log=log)


@pytest.mark.parametrize("seed", range(30))
def test_however_many_containers_call_the_provider_never_has_to_refuse(seed: int) -> None:
    chance = random.Random(seed)
    time, store = PatientClock(), MemoryObjects()
    plan = Plan(chance.randrange(2, 40), chance.choice((0, 0, 1, 5)))
    provider = StrictProvider(time, plan, ahead=chance.choice((0.0, 0.0, 7200.0, -86_400.0)))
    paces = [container(time, plan, store) for _ in range(chance.randrange(1, 9))]
    started = time.passed
    for _ in range(5 * plan.per_minute):
        if chance.random() < 0.1:
            time.advance(chance.random() * 3)
        pace = chance.choice(paces)
        assert pace.enter(until=time.clock.monotonic() + 3600)
        pace.set_time(provider.call(), asked_at=time.clock.now())
        if chance.random() < 0.02:
            paces.remove(pace)  # its memory goes with it
            paces.append(container(time, plan, store))
    assert provider.refused == 0
    assert time.passed - started <= 6 * 60, "and the plan is used"


def test_a_pause_that_one_was_asked_for_holds_for_all() -> None:
    time, store = PatientClock(), MemoryObjects()
    first, second = (container(time, Plan(60), store) for _ in range(2))
    first.close(30)
    assert not second.enter(until=time.clock.monotonic() + 29)
    assert second.enter(until=time.clock.monotonic() + 31)


def test_threads_of_all_containers_share_the_plan() -> None:
    time, store = PatientClock(), MemoryObjects()
    paces = [container(time, Plan(60), store) for _ in range(4)]
    start = threading.Barrier(32)

    def call(number: int) -> bool:
        start.wait(60)
        return paces[number % 4].enter(until=time.clock.monotonic())

    with ThreadPoolExecutor(32) as pool:
        entered = list(pool.map(call, range(96)))
    assert sum(entered) == 60
    kept = store.read(f"{ROOT}{ACCOUNT}.json")
    assert kept is not None
    assert len(Turns.from_json(kept.body).taken) == 60


def test_feeds_that_tell_different_plans_of_one_account_keep_the_strictest() -> None:
    contracts = contracts_in()
    quotes, feed = contracts.dataset("quotes"), contracts.feed("quotes")
    strict = replace(quotes, dataset="strict", source=replace(feed, calls_per_minute=20))
    both = replace(contracts, contracts=(quotes, strict))
    acquisition = Acquisition(contracts=both, dataset="quotes", url="http://127.0.0.1:1", token="token")
    clients = [acquisition.runtime.client(name) for name in ("quotes", "strict")]
    until = acquisition.time.clock.monotonic()
    paces = [pace for client in clients for pace in (client.live_pace, client.history_pace)]
    assert sum(paces[turn % 4].enter(until=until) for turn in range(100)) <= 20


def test_an_object_that_is_lost_or_no_longer_read_begins_anew() -> None:
    time, store = PatientClock(), MemoryObjects()
    pace = container(time, Plan(2), store)
    store.write(f"{ROOT}{ACCOUNT}.json", b"{")
    assert [pace.enter(until=time.clock.monotonic()) for _ in range(3)] == [True, True, False]


def test_where_the_object_is_out_of_reach_the_calls_go_on_and_it_is_told_once_a_minute() -> None:
    time, store, log = PatientClock(), MemoryObjects(), MemoryLog()
    store.fail = lambda _effect, key: OutOfReach("read an object", key, "no answer", "Try again")
    pace = container(time, Plan(5), store, log=log)
    assert [pace.enter(until=time.clock.monotonic()) for _ in range(6)] == [True] * 5 + [False]
    assert len(log.about("not shared")) == 1


def test_a_turn_is_not_moved_by_a_clock_that_another_call_hears_of_meanwhile() -> None:
    time = PatientClock()

    class Between(OwnLedger):
        def change(self, change: Callable[[Turns], Turns]) -> Turns:
            turns = super().change(change)
            pace.set_time(OPENING - dt.timedelta(hours=1), asked_at=time.clock.now())
            return turns

    pace = Pace(time.clock, Plan(60), ledger=Between())
    assert pace.enter(until=time.clock.monotonic() + 5)
    assert time.slept == []


def test_a_machine_whose_clock_is_set_back_waits_for_no_turn_of_the_future() -> None:
    time, store = PatientClock(), MemoryObjects()
    pace = container(time, Plan(5, 1), store)
    assert all(pace.enter(until=time.clock.monotonic() + 60) for _ in range(5))
    slept = list(time.slept)
    time.start -= dt.timedelta(hours=1)
    assert pace.enter(until=time.clock.monotonic())
    assert time.slept == slept


def test_a_pause_that_was_told_to_a_clock_in_the_future_ends_within_its_own_time() -> None:
    time, store = PatientClock(), MemoryObjects()
    time.start += dt.timedelta(hours=10)
    ahead = container(time, Plan(5), store)
    assert ahead.enter(until=time.clock.monotonic())
    ahead.set_time(OPENING, asked_at=time.clock.now())
    ahead.close(30)
    time.start -= dt.timedelta(hours=10)
    other = container(time, Plan(5), store)
    assert other.enter(until=time.clock.monotonic() + 31)
    other.close(20)
    assert not container(time, Plan(5), store).enter(until=time.clock.monotonic() + 19)
    assert container(time, Plan(5), store).enter(until=time.clock.monotonic() + 21)
