"""A repair job goes on where it stopped, asks nothing twice, and always leaves an outcome."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from tests.fakes.log import MemoryLog
from tests.fakes.objects import MemoryObjects
from tests.support.feeds import OPENING, Acquisition, contracts_in

from core.audit.efforts import Effort
from core.audit.history import HistoryOutcome, HistoryRequest, Result
from core.audit.repair_jobs import (
    Compare,
    FetchHistory,
    Repair,
    RepairJob,
    RepairOutcome,
    Restate,
    Revive,
    find_outcome,
    write_job,
)
from core.errors import InvalidData, OutOfReach
from ingestion.repair.job import RepairClients, TaskResult, carry_out
from local.market import Market

NOW = datetime(2026, 11, 20, 20, tzinfo=UTC)
RANGES = ((0, 60), (120, 180), (300, 360))


class Provider:
    """Answers each range as told, ``answered`` unless told otherwise; keeps what it was asked."""

    def __init__(self) -> None:
        self.results: dict[int, Result] = {}
        self.asked: list[HistoryRequest] = []
        self.broken = False

    def __call__(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if self.broken:
            raise OutOfReach("ask", "provider", "no answer")
        asked = HistoryRequest.from_data(request)
        self.asked.append(asked)
        result = self.results.get(asked.start, "answered")
        healed = ((asked.start, asked.end),) if result == "answered" else ()
        return HistoryOutcome(result, healed=healed, reason="" if healed else f"is {result}").to_data()


class Setting:
    def __init__(self) -> None:
        self.records, self.provider, self.log = MemoryObjects(), Provider(), MemoryLog()
        self.old_versions = {"feeds/quotes/a"}
        self.clients = RepairClients(self.records, self.provider, self, lambda: NOW, self.log)

    def revive(self, key: str) -> bool:
        return key in self.old_versions

    def job(self, repair: Repair) -> str:
        return write_job(self.records, RepairJob("quotes", "r", repair), attempt=1, number=0)

    def carry_out(self, key: str) -> TaskResult:
        return carry_out(self.clients, key)

    def outcome(self, key: str) -> RepairOutcome:
        outcome = find_outcome(self.records, key)
        assert outcome is not None
        return outcome


@pytest.fixture
def setting() -> Setting:
    return Setting()


def asked(setting: Setting) -> list[tuple[int, int]]:
    return [(request.start, request.end) for request in setting.provider.asked]


def test_every_range_is_asked_in_order_and_its_answer_kept(setting: Setting) -> None:
    key = setting.job(FetchHistory("quotes", "AAPL", RANGES, 3))
    assert setting.carry_out(key) == TaskResult("", "", {"asked": 3, "healed": 3, "absent": 0})
    outcome = setting.outcome(key)
    assert (outcome.result, outcome.finished_at) == ("done", int(NOW.timestamp()))
    assert outcome.history is not None
    assert tuple((call.start, call.end) for call in outcome.history) == RANGES == tuple(asked(setting))


@pytest.mark.parametrize(
    ("result", "error"),
    [("limited", "ProviderLimited"), ("not_entitled", ""), ("secret_missing", "")],
)
def test_what_no_other_call_would_get_either_ends_the_job(setting: Setting, result: Result, error: str) -> None:
    setting.provider.results[120] = result
    key = setting.job(FetchHistory("quotes", "AAPL", RANGES, 3))
    assert setting.carry_out(key) == TaskResult(error, f"is {result}", {"asked": 2, "healed": 1, "absent": 0})
    assert setting.outcome(key).reason == f"is {result}"
    assert asked(setting) == list(RANGES[:2])


def test_a_range_that_is_broken_for_ever_keeps_no_other_from_being_asked(setting: Setting) -> None:
    setting.provider.results[0] = "broken"
    key = setting.job(FetchHistory("quotes", "AAPL", RANGES, 3))
    result = TaskResult("ProviderBroken", "is broken", {"asked": 3, "healed": 2, "absent": 0})
    assert setting.carry_out(key) == result
    assert setting.outcome(key).reason == "is broken"
    assert setting.carry_out(key) == result
    assert asked(setting) == [*RANGES, RANGES[0]]


def test_ranges_that_are_broken_in_a_row_end_the_job_for_now_and_the_next_attempt_begins_with_the_others(
    setting: Setting,
) -> None:
    """Whatever a history has forgotten lies at its beginning; of a provider that is down no more is asked than this."""
    ranges = tuple((60 * number, 60 * number + 60) for number in range(8))
    setting.provider.results = dict.fromkeys((0, 60, 120, 180), "broken")
    key = setting.job(FetchHistory("quotes", "AAPL", ranges, 8))
    assert setting.carry_out(key).counts == {"asked": 3, "healed": 0, "absent": 0}
    assert setting.carry_out(key).counts == {"asked": 8, "healed": 4, "absent": 0}
    assert asked(setting) == [*ranges[:3], *ranges[:2:-1], *ranges[:2]]


def test_a_job_that_is_given_again_asks_only_what_was_not_answered(setting: Setting) -> None:
    setting.provider.results[120] = "limited"
    key = setting.job(FetchHistory("quotes", "AAPL", RANGES, 3))
    setting.carry_out(key)
    setting.provider.results.clear()
    assert setting.carry_out(key).counts == {"asked": 3, "healed": 3, "absent": 0}
    assert asked(setting) == [RANGES[0], RANGES[1], RANGES[2], RANGES[1]]
    before = setting.outcome(key)
    setting.carry_out(key)
    assert setting.outcome(key) == before
    assert len(setting.provider.asked) == 4


def test_a_comparison_asks_for_values_alone_and_is_not_tried_again(setting: Setting) -> None:
    setting.provider.results[0] = "limited"
    assert setting.carry_out(setting.job(Compare("quotes", "AAPL", RANGES))).error == ""
    assert [request.values_only for request in setting.provider.asked] == [True]


def test_an_error_that_nobody_thought_of_leaves_an_outcome_without_what_it_was_given(setting: Setting) -> None:
    def ask(_request: Mapping[str, Any]) -> dict[str, Any]:
        raise TypeError("'<' between a secret and a number")

    setting.clients = replace(setting.clients, ask=ask)
    key = setting.job(FetchHistory("quotes", "AAPL", RANGES, 3))
    assert setting.carry_out(key).error == "TypeError"
    assert setting.outcome(key).result == "failed"
    assert setting.outcome(key).reason.startswith("TypeError at test_job.py:")


def test_a_failure_leaves_an_outcome_that_keeps_what_was_answered(setting: Setting) -> None:
    setting.provider.results[120] = "limited"
    key = setting.job(FetchHistory("quotes", "AAPL", RANGES, 3))
    setting.carry_out(key)
    history = setting.outcome(key).history
    setting.provider.broken = True
    assert setting.carry_out(key).error == "OutOfReach"
    outcome = setting.outcome(key)
    assert (outcome.result, outcome.history) == ("failed", history)
    assert "no answer" in outcome.reason


def test_objects_that_have_an_old_version_are_brought_back(setting: Setting) -> None:
    key = setting.job(Revive("quotes", ("feeds/quotes/a", "feeds/quotes/b")))
    assert setting.carry_out(key) == TaskResult("", "", {"revived": 1, "lost": 1})
    assert setting.outcome(key).revived == ("feeds/quotes/a",)


def test_a_job_of_another_executor_fails_and_says_whose_it_is(setting: Setting) -> None:
    key = setting.job(Restate("quotes", "fact_quote", ("",)))
    assert setting.carry_out(key).error == "InvalidData"
    assert "executor_of" in setting.outcome(key).reason


def test_a_job_that_is_not_there_leaves_nothing(setting: Setting) -> None:
    with pytest.raises(InvalidData, match="there is no such job"):
        setting.carry_out("audit/runs/r/jobs/9-000.json")
    assert list(setting.records.list("")) == []


def test_the_outcome_adds_up_what_all_attempts_took_and_no_answer_twice(setting: Setting) -> None:
    setting.clients = replace(
        setting.clients, memory_mb=512, now=lambda: NOW + timedelta(seconds=1.5 * len(setting.provider.asked))
    )
    setting.provider.results[120] = "limited"
    key = setting.job(FetchHistory("quotes", "AAPL", RANGES, 3))
    setting.carry_out(key)
    assert setting.outcome(key).effort == Effort(3.0, 1.5, calls=2, rows=1)
    setting.provider.results.clear()
    setting.carry_out(key)
    assert setting.outcome(key).effort == Effort(6.0, 3.0, calls=4, rows=3)


def test_a_function_that_is_killed_loses_the_answers_of_its_last_moments_alone(setting: Setting) -> None:
    now = NOW

    def ask(request: Mapping[str, Any]) -> dict[str, Any]:
        nonlocal now
        now += timedelta(seconds=25)
        if len(setting.provider.asked) == 2:
            raise SystemExit
        return setting.provider(request)

    killed = replace(setting.clients, ask=ask, now=lambda: now)
    key = setting.job(FetchHistory("quotes", "AAPL", RANGES, 3))
    with pytest.raises(SystemExit):
        carry_out(killed, key)
    assert setting.outcome(key).result == "failed"
    assert setting.carry_out(key).counts == {"asked": 3, "healed": 3, "absent": 0}
    assert asked(setting) == list(RANGES)
    assert setting.outcome(key).result == "done"


def test_all_ranges_of_a_job_have_the_functions_time_together() -> None:
    """With a plan of so few calls, the job ends in time, limited, and the next one goes on where it stopped."""
    contracts = contracts_in()
    quotes = contracts.dataset("quotes")
    slow = replace(quotes, source=replace(contracts.feed("quotes"), calls_per_minute=12))
    first = int(OPENING.timestamp())
    ranges = tuple((start, start + 60) for start in range(first, first + 3000, 300))
    records = MemoryObjects()
    with Market.start(seed=7) as market:
        market.clock.set(OPENING + timedelta(hours=8))
        acquisition = Acquisition(
            contracts=replace(contracts, contracts=(slow,)), dataset="quotes", url=market.api_url, token=market.token
        )
        key = write_job(
            records, RepairJob("quotes", "r", FetchHistory("quotes", "AAPL", ranges, 10)), attempt=1, number=0
        )
        runs = []
        for _ in range(3):
            before, time = acquisition.time.passed, acquisition.time.clock
            until = acquisition.runtime.last_call(milliseconds=300_000)
            ask = partial(acquisition.runtime.repair, until=until)
            clients = RepairClients(records, ask, Setting(), time.now, MemoryLog())
            runs.append((carry_out(clients, key).error, acquisition.time.passed - before <= 300))
    assert runs == [("ProviderLimited", True), ("ProviderLimited", True), ("", True)]


def test_a_revived_object_is_a_write(setting: Setting) -> None:
    setting.clients = replace(setting.clients, memory_mb=512)
    key = setting.job(Revive("quotes", ("feeds/quotes/a", "feeds/quotes/gone")))
    setting.carry_out(key)
    assert setting.outcome(key).effort == Effort(writes=1)
