"""The jobs that make rollups again at the end of an audit: they die, or fail, when nothing else comes for days."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support import feed_simulation as simulation
from tests.support.feed_simulation import FeedSimulation, feed_simulation, with_entities
from tests.support.feeds import contracts_in

from auditor.state import read_state
from core.errors import InvalidData
from processing.restating import job as restating

LAST_HOUR = dt.datetime(2026, 11, 20, 20, tzinfo=dt.UTC)  # of a Friday


@pytest.fixture
def feed() -> Iterator[FeedSimulation]:
    """Two symbols in the last hour before a weekend, which has settled and is not audited yet."""
    contracts = with_entities(contracts_in(), "quotes", "AMD", "ZM")
    with feed_simulation(LAST_HOUR, contracts=contracts) as feed:
        feed.deployed()
        feed.trade(LAST_HOUR, 60, slots_an_object=30)
        feed.pass_time(minutes=5)
        yield feed


def complete(feed: FeedSimulation) -> list[str]:
    return [row["symbol"] for row in feed.rows("fact_quote_hourly") if row["complete"]]


def test_rollups_of_an_audit_that_died_are_made_by_the_next_though_nothing_came_since(
    feed: FeedSimulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as dying:
        dying.setattr(simulation, "restate_job", lambda *_: {})
        assert feed.heal()["certify"]["certificates"] == 1
    assert complete(feed) == []
    feed.pass_time(hours=1)
    assert feed.heal()["audit"]["windows"] == 0
    assert complete(feed) == ["AMD", "ZM"]
    feed.pass_time(hours=1)
    assert feed.heal()["certify"]["rollups"] == []
    assert read_state(feed.lake.records, "quotes").rollups == ()


def test_a_rollup_that_cannot_be_made_is_told_and_open_until_it_is(
    feed: FeedSimulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> None:
        raise InvalidData("derive", "fact_quote_hourly", "no decimal(18,6) holds it", "Widen it")

    with monkeypatch.context() as failing:
        failing.setattr(restating, "derive_rollup", refuse)
        for hours in range(3):
            answer = feed.heal()
            assert answer["certify"]["causes"] == (1 if hours else 0)
            feed.pass_time(hours=1)
    (mail,) = feed.mail.sent
    assert "no decimal(18,6) holds it" in mail[1]
    feed.heal()
    assert complete(feed) == ["AMD", "ZM"]
    feed.pass_time(hours=1)
    assert feed.heal()["certify"]["causes"] == 0
    assert [": over: " in subject for subject, _ in feed.mail.sent] == [False, True]
