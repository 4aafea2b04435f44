"""The story of a point of a feed is what happened to it, and a trace of an object is what came of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from tests.chaos.stories import run_hours
from tests.scenarios.test_auditor_heals_the_feed import THREE, an_hour, few, only
from tests.support.feed_simulation import FeedSimulation, feed_simulation

from auditor.interventions.pauses import change_pauses
from auditor.stories.object import trace
from auditor.stories.story import Story
from auditor.stories.tell import tell
from core.errors import Misuse


@pytest.fixture
def feed() -> Iterator[FeedSimulation]:
    """Three symbols, at three in the afternoon (UTC)."""
    with feed_simulation(THREE, contracts=few()) as simulation:
        yield simulation


def story(feed: FeedSimulation, entity: str, minute: int) -> Story:
    at = (THREE + dt.timedelta(minutes=minute)).isoformat()
    return tell(feed.services(), feed.contracts.table("fact_quote"), {}, entity=entity, at=at)


def words(told: Story) -> list[str]:
    return [event.what for event in told.events]


def test_observed_missing_and_repaired(feed: FeedSimulation) -> None:
    feed.loses = only("AMD", 3)
    an_hour(feed)
    observed, missing = story(feed, "AAPL", 7), story(feed, "AMD", 3)
    assert (observed.verdict, words(observed)) == ("observed", ["asked", "arrived", "processed", "stored"])
    assert (missing.verdict, missing.events, missing.is_fine) == ("missing", (), False)
    assert missing.next[0] == "No audit has looked yet. Now: starmend heal --dataset quotes"
    assert missing.next[1].startswith("If it is still missing at 2026-11-20T17:03:00Z")
    feed.heal(run="healing")
    assert words(story(feed, "AAPL", 7)) == ["asked", "arrived", "processed", "audited", "certified", "stored"]
    repaired = story(feed, "AMD", 3)
    assert repaired.verdict == "repaired"
    assert words(repaired) == ["asked", "tried", "arrived", "processed", "audited", "certified", "stored"]
    assert repaired.events[1].text == "run healing, attempt 1: the provider gave it, and the stream took it"
    assert repaired.sentence.endswith("is there and certified: it was missed, and fetched by the auditor")


def test_late(feed: FeedSimulation) -> None:
    feed.trade(THREE, 4, slots_an_object=60)  # delivered at the end: four minutes after the first slot
    told = story(feed, "AAPL", 0)
    assert (told.verdict, words(told)) == ("late", ["asked", "arrived", "processed", "stored"])
    assert story(feed, "AAPL", 3).verdict == "observed"


def test_absent_from_doubt_to_proof() -> None:
    with feed_simulation(THREE, contracts=few(complete_within=40 * 60)) as feed:
        feed.loses = only("AMD", 3)
        an_hour(feed)
        hole = (THREE + dt.timedelta(minutes=3), THREE + dt.timedelta(minutes=4))
        feed.market.fail("hole", endpoint="candle", symbol="AMD", covering=hole)
        feed.heal(run="first")
        doubted = story(feed, "AMD", 3)
        assert doubted.verdict == "alarmed" if feed.mail.sent else "missing"
        assert {"tried", "answered"} <= set(words(doubted))
        assert any(step.startswith("The source is asked again from") for step in doubted.next)
        feed.pass_time(hours=2)
        feed.heal(run="second")
        absent = story(feed, "AMD", 3)
        assert (absent.verdict, absent.is_fine) == ("absent", True)
        assert words(absent).count("answered") == 2
        assert "absent" in words(absent)
        assert absent.next[0].startswith("The source is asked again from")


def test_alarmed_says_what_was_tried_and_what_to_do(feed: FeedSimulation) -> None:
    feed.loses = only("ZM")
    an_hour(feed)
    feed.market.fail("forbidden", symbol="ZM", endpoint="candle")
    feed.heal(run="refused")
    assert len(feed.mail.sent) == 1
    told = story(feed, "ZM", 30)
    assert (told.verdict, told.is_fine) == ("alarmed", False)
    assert "the provider refuses to give its history" in told.sentence
    (tried,) = [event for event in told.events if event.what == "tried"]
    assert tried.text.startswith("run refused, attempt 1: not entitled")
    assert any("Look at the provider's plan and the token" in step for step in told.next)
    assert story(feed, "AAPL", 30).verdict == "observed"


def test_a_lost_event_is_an_object_that_waits_and_then_is_processed(feed: FeedSimulation) -> None:
    feed.loses_event = lambda key: key.endswith("000002")
    an_hour(feed)
    key = "feeds/quotes/2026/11/20/15/object-000002"
    waiting = trace(feed.services(), key)
    assert (waiting.verdict, waiting.next[1]) == ("waiting", f"Now: starmend replay {key}")
    told = story(feed, "AAPL", 4)
    assert (told.verdict, words(told)) == ("missing", ["asked", "arrived", "waiting"])
    assert told.sentence.endswith("is missing, though an ingest object has it")
    feed.heal()
    processed = trace(feed.services(), f"s3://ingest/{key}")
    assert processed.verdict == "processed"
    (place, *_) = processed.subject["partitions"]
    assert place["partition"] == "fact_quote/symbol=AAPL/month=2026-11"
    assert place["now"] >= place["version"] > 0
    assert trace(feed.services(), "receipts/dataset=quotes/source_table=quotes/2026-11-20-15-object-000002.json") == (
        processed
    )
    current = trace(feed.services(), place["object"])
    assert (current.verdict, current.dataset) == ("current", "quotes")
    assert current.events[-1].what == "parent"
    replaced = trace(feed.services(), current.events[-1].object)
    assert (replaced.verdict, replaced.subject["current"]) == ("replaced", place["object"])
    feed.lake.ingest.delete([key])
    assert trace(feed.services(), key).verdict == "lost"
    for nonsense in ("feeds/quotes/2026/11/20/15/none", "audit/state/quotes.json", ""):
        with pytest.raises(Misuse):
            trace(feed.services(), nonsense)


def test_what_is_not_due_not_owed_and_not_known(feed: FeedSimulation) -> None:
    an_hour(feed)
    assert story(feed, "AAPL", 64).verdict == "settling"
    closed = story(feed, "AAPL", -9 * 60)
    assert (closed.verdict, closed.is_fine) == ("not_owed", True)
    assert "the calendar XNYS expects nothing then" in closed.sentence
    assert "the pipeline began at" in story(feed, "AAPL", -24 * 60).sentence
    with pytest.raises(Misuse, match="is no entity of quotes"):
        story(feed, "ACME", 3)
    with pytest.raises(Misuse, match="needs an entity and an instant"):
        tell(feed.services(), feed.contracts.table("fact_quote"), {"symbol": "AAPL"})
    by_name = {"symbol": "AAPL", "minute": "2026-11-20T15:07"}
    assert tell(feed.services(), feed.contracts.table("fact_quote"), by_name) == story(feed, "AAPL", 7)
    rollup = tell(feed.services(), feed.contracts.table("fact_quote_hourly"), {"symbol": "AAPL"})
    assert (rollup.verdict, rollup.next) == ("derived", ("Ask of what it is made of: starmend why fact_quote",))


def test_a_pause_owes_nothing_new_and_its_end_makes_the_audit_catch_up(feed: FeedSimulation) -> None:
    an_hour(feed)
    feed.heal()
    change_pauses(feed.lake.records, "quotes", lambda all_: all_.paused(epoch(feed), by="alice", reason="move"))
    feed.pass_time(hours=1)  # nobody asks for anything
    assert feed.heal()["audit"]["windows"] == 0
    told = story(feed, "AAPL", 90)
    assert (told.verdict, told.is_fine) == ("paused", True)
    assert "paused since 2026-11-20T16:05:00Z by alice: move" in told.sentence
    assert told.next == ("When the dataset is resumed, the audit catches up: starmend resume quotes",)
    assert feed.mail.sent == []
    change_pauses(feed.lake.records, "quotes", lambda all_: all_.resumed(epoch(feed)))
    assert story(feed, "AAPL", 90).verdict == "missing"
    answers = feed.heal()
    assert (answers["audit"]["missing"], answers["verify"]["healthy"]) == (180, True)
    assert story(feed, "AAPL", 90).verdict == "repaired"


def epoch(feed: FeedSimulation) -> int:
    return int(feed.now.timestamp())


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_random_points_of_disturbed_hours_have_the_story_that_the_disturber_knows(seed: int) -> None:
    world = run_hours(8, seed, points=9)
    assert world.wrong == []
    assert len(world.verdicts) >= 4
