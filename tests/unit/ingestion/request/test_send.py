"""From a plan to messages on the queue, each of them once."""

from __future__ import annotations

import dataclasses

import pytest
from tests.fakes.log import MemoryLog
from tests.fakes.metrics import MemoryMetrics
from tests.fakes.queue import MemoryQueue
from tests.support.feeds import contracts_in

from core.contract.model import Feed, TradingCalendar
from core.errors import TransientFailure
from core.time import epoch
from ingestion.request.message import read_points_due
from ingestion.request.plan import RequestPlan, plan_requests
from ingestion.request.send import send_requests

OPEN = "2026-11-20T14:30:00Z"


def quotes() -> tuple[Feed, TradingCalendar]:
    contracts = contracts_in()
    return contracts.feed("quotes"), contracts.calendar("XNYS")


def plan(at: str, *, seed: str = "", **changes: object) -> RequestPlan:
    feed, calendar = quotes()
    return plan_requests("quotes", dataclasses.replace(feed, **changes), calendar, time=epoch(at), drop_seed=seed)


def test_only_messages_that_were_refused_are_sent_again() -> None:
    queue, metrics, pauses = MemoryQueue(lambda call, _count: [0, 3] if call == 0 else []), MemoryMetrics(), []
    send_requests(plan(OPEN), dataset="quotes", queue=queue, metrics=metrics, log=MemoryLog(), sleep=pauses.append)
    assert queue.calls == [11, 2]
    assert len(pauses) == 1
    assert sorted(read_points_due(body).entities[0] for body in queue.messages) == sorted(
        entity.name for entity in quotes()[0].entities
    )
    assert metrics.values["PointsExpected"] == [11]


def test_a_queue_that_goes_on_refusing_is_an_error_that_says_how_many() -> None:
    queue = MemoryQueue(lambda _call, _count: [0])
    with pytest.raises(TransientFailure, match="refused 1 of 11 messages 4 times"):
        send_requests(
            plan(OPEN),
            dataset="quotes",
            queue=queue,
            metrics=MemoryMetrics(),
            log=MemoryLog(),
            sleep=lambda _seconds: None,
        )
    assert len(queue.messages) == 10


def test_a_closed_market_sends_nothing_and_is_silent_about_what_it_expects() -> None:
    queue, metrics = MemoryQueue(), MemoryMetrics()
    closed = plan("2026-11-21T15:00:00Z")
    send_requests(closed, dataset="quotes", queue=queue, metrics=metrics, log=MemoryLog(), sleep=lambda _seconds: None)
    assert queue.calls == []
    assert "PointsExpected" not in metrics.values
