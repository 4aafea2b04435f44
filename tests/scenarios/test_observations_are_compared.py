"""A sample of what was observed is compared with the provider's history: is it true, not only whole?"""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.feed_simulation import FeedSimulation, feed_simulation, with_entities
from tests.support.feeds import ROOT, contracts_in

from auditor.services import Budget, Limits
from core.audit.repair_jobs import Compare
from core.contract.model import Contracts, Feed, Sample

THREE = dt.datetime(2026, 11, 20, 15, 0, tzinfo=dt.UTC)
CANDLE = "candle"


def sampling(points: int, tolerance: str = "0.005", *, of: Contracts | None = None, delay: str = "") -> Contracts:
    contracts = of or with_entities(contracts_in(), "quotes", "AAPL", "AMD", "ZM")
    changed = []
    for contract in contracts:
        if isinstance(contract.source, Feed):
            feed = replace(contract.source, sample=Sample(points, tolerance))
            if delay:
                feed = replace(feed, history=replace(feed.history, settings={**feed.history.settings, "delay": delay}))
            contract = replace(contract, source=feed)
        changed.append(contract)
    return replace(contracts, contracts=tuple(changed))


@pytest.fixture
def feed() -> Iterator[FeedSimulation]:
    with feed_simulation(THREE, contracts=sampling(5)) as simulation:
        yield simulation


def an_hour(feed: FeedSimulation, start: dt.datetime = THREE) -> None:
    feed.trade(start, 60)
    feed.pass_time(minutes=5)


def compared(feed: FeedSimulation, run: str) -> set[tuple[str, int]]:
    jobs = [job for job in feed.jobs(run) if isinstance(job, Compare)]
    return {(job.entity, start) for job in jobs for start, _ in job.ranges}


def test_a_clean_sample_adds_no_finding_no_version_and_no_row(feed: FeedSimulation) -> None:
    an_hour(feed)
    facts = feed.rows("fact_quote")
    answers = feed.heal(run="first")
    assert answers["plan"]["calls"] == 5
    assert len(compared(feed, "first")) == len(feed.asked_history()) == 5
    assert answers["verify"]["healthy"]
    assert (answers["audit"]["findings"], answers["verify"]["findings"]) == (0, 0)
    assert answers["certify"]["certificates"] == 1
    assert feed.rows("fact_quote") == facts
    assert feed.mail.sent == []
    feed.heal()  # certified by now: nothing is left to be compared
    assert len(feed.asked_history()) == 5


def test_the_same_window_has_the_same_sample_for_whoever_audits_it(feed: FeedSimulation) -> None:
    an_hour(feed)
    with feed_simulation(THREE, contracts=sampling(5)) as other:
        an_hour(other)
        feed.heal(run="first")
        other.heal(run="first")
        assert compared(feed, "first") == compared(other, "first")


def test_a_price_that_somebody_altered_is_found_and_made_again_from_its_ingest_object() -> None:
    fine = sampling(5, "0.0001")
    with feed_simulation(THREE, contracts=fine) as feed, feed_simulation(THREE, contracts=fine) as other:
        for each in (feed, other):
            an_hour(each)
        honest = feed.rows("fact_quote")
        other.heal(run="first")
        entity, slot = min(compared(other, "first"))
        feed.change_a_price(entity, dt.datetime.fromtimestamp(slot, dt.UTC))
        assert feed.rows("fact_quote") != honest
        answers = feed.heal(run="first")
        assert answers["verify"]["attempt"] == 2
        assert answers["verify"]["healthy"]
        assert feed.rows("fact_quote") == honest
        assert feed.mail.sent == []


def test_an_observation_that_the_history_contradicts_is_one_mail_until_they_agree() -> None:
    with feed_simulation(THREE, contracts=sampling(20, "0")) as feed:
        an_hour(feed)
        feed.market.fail("revised", endpoint=CANDLE, symbol="AMD")
        answers = feed.heal()
        assert answers["conclude"]["sent"] == ["disputed_value"]
        assert answers["certify"]["certificates"] == 0
        ((_, text),) = feed.mail.sent
        assert "AMD" in text
        assert "told" in text
        assert "docs/runbook.md#disputed-value" in text
        feed.pass_time(minutes=10)
        assert feed.heal()["conclude"]["known"] == ["disputed_value"]
        assert len(feed.mail.sent) == 1
        feed.market.heal()
        feed.pass_time(minutes=10)
        answers = feed.heal()
        assert answers["conclude"]["recovered"] == ["disputed_value"]
        assert answers["certify"]["certificates"] == 1


def test_what_lies_within_the_tolerance_is_no_dispute() -> None:
    with feed_simulation(THREE, contracts=sampling(30, "1")) as feed:
        an_hour(feed)
        feed.market.fail("revised", endpoint=CANDLE)
        assert feed.heal()["verify"]["healthy"]


def test_gaps_come_first_and_both_together_stay_within_the_budget() -> None:
    limits = Limits(grace_seconds=0, workers=4, budget=Budget(calls=4))
    with feed_simulation(THREE, contracts=sampling(30), limits=limits) as feed:
        feed.loses = lambda name, at: name == "AMD" and at.minute in (3, 9, 20)
        an_hour(feed)
        answers = feed.heal(run="first")
        assert answers["plan"]["calls"] == len(feed.asked_history()) == 4
        assert len(compared(feed, "first")) == 3  # the gaps of one entity share a call
        assert answers["verify"]["healthy"]


@pytest.mark.parametrize("fault", ["limited", "html", "forbidden"])
def test_a_history_that_cannot_be_asked_for_a_sample_is_asked_once_and_alarms_nobody(
    feed: FeedSimulation, fault: str
) -> None:
    an_hour(feed)
    feed.market.fail(fault, endpoint=CANDLE)
    answers = feed.heal(run="first")
    assert answers["certify"]["certificates"] == 1
    assert feed.mail.sent == []
    entities = {entity for entity, _ in compared(feed, "first")}
    asked = [call.symbol for call in feed.asked_history()]
    # The first call of each entity, and no more; a limit is everybody's.
    assert sorted(asked) == (sorted(entities)[:1] if fault == "limited" else sorted(entities))


def test_a_refused_history_alarms_for_its_gap_alone_and_once(feed: FeedSimulation) -> None:
    feed.loses = lambda name, at: name == "AMD" and at.minute == 3
    an_hour(feed)
    feed.market.fail("forbidden", endpoint=CANDLE)
    assert feed.heal()["conclude"]["sent"] == ["not_entitled"]
    asked = len(feed.asked_history())
    feed.pass_time(minutes=10)
    assert feed.heal()["conclude"]["known"] == ["not_entitled"]
    assert len(feed.mail.sent) == 1
    assert len(feed.asked_history()) == asked


def test_a_window_that_the_history_does_not_reach_yet_is_not_asked_for(tmp_path: Path) -> None:
    shutil.copy(ROOT / "tests/support/weather.yaml", tmp_path)
    day = dt.datetime(2026, 11, 19, tzinfo=dt.UTC)
    for late, asked in (("1 minute", 3), ("2 days", 0)):
        contracts = sampling(3, of=contracts_in(tmp_path), delay=late)
        with feed_simulation(day, contracts=contracts, dataset="weather") as feed:
            feed.trade(day, 24)
            feed.pass_time(minutes=15)
            assert feed.heal()["certify"]["certificates"] == 1
            assert len(feed.asked_history()) == asked
