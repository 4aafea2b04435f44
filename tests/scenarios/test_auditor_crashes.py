"""The auditor killed in any state, and started again, ends the same; so do two that run at once."""

from __future__ import annotations

import datetime as dt
import functools
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.crashpoints import WAYS, Effects, Point, Way, until_done
from tests.support.feed_simulation import FeedSimulation, feed_simulation, with_entities
from tests.support.feeds import contracts_in
from tests.support.moments import Moment

from core.audit.certificate import Certificate

THREE = dt.datetime(2026, 11, 20, 15, 0, tzinfo=dt.UTC)
EVERY = 4  # tests that share the points among themselves


@pytest.fixture(scope="module")
def damaged() -> Iterator[tuple[FeedSimulation, Moment]]:
    """An hour with a gap, a lost event, an unhealable symbol and a deleted object, not audited yet."""
    contracts = with_entities(contracts_in(), "quotes", "AAPL", "AMD", "ZM")
    with feed_simulation(THREE, contracts=contracts) as feed:
        feed.trade(THREE, 60, slots_an_object=6)
        feed.pass_time(minutes=5)
        feed.heal(run="earlier")  # there is a chain to go on with
        feed.loses = lambda name, at: (name == "AMD" and at.minute in (5, 6, 30)) or (name == "ZM" and at.minute == 9)
        feed.loses_event = lambda key: key.endswith("000015")
        feed.trade(THREE + dt.timedelta(hours=1), 60, slots_an_object=6)
        feed.pass_time(minutes=5)
        feed.market.fail("forbidden", symbol="ZM", endpoint="candle")
        feed.deleted_objects.delete(next(info.key for info in feed.lake.ingest.list("feeds/")))
        yield feed, Moment(feed)


def outcome(feed: FeedSimulation) -> dict[str, Any]:
    """All that has to be the same, but for times, runs, provenance of the proof and its place in the chain."""
    chain = [
        Certificate.from_json(stored.body, key=info.key)
        for info in feed.lake.records.list("warehouse/_certificates/quotes/0")
        if (stored := feed.lake.records.read(info.key))
    ]
    newest = {certificate.window: certificate for certificate in chain}
    rows = [feed.lake.records.read(info.key) for info in feed.lake.records.list("completeness/")]
    loose = ("audited_at", "run", "certificate", "certificate_hash", "digest")  # a digest knows when it was fetched
    return {
        "facts": feed.rows("fact_quote", without=("fetched_at",)),
        "hourly": feed.rows("fact_quote_hourly"),
        "claims": {name: (each.expected, each.present, each.absent, each.repaired) for name, each in newest.items()},
        "completeness": [
            {name: value for name, value in json.loads(row.body).items() if name not in loose} for row in rows if row
        ],
        "failures": feed.verified(),
        "told": sorted({subject for subject, _ in feed.mail.sent}),
        "ingest": [info.key for info in feed.lake.ingest.list("feeds/") if "object-000" in info.key],
    }


@functools.cache
def undisturbed(feed: FeedSimulation, moment: Moment) -> tuple[int, str]:
    """How many effects a run has, and what comes of it."""
    moment.restore(feed)
    effects = Effects()
    feed.heal(effects, run="second")
    return len(effects.log), json.dumps(outcome(feed), default=str)


def test_the_scenario_is_what_it_says(damaged: tuple[FeedSimulation, Moment]) -> None:
    feed, moment = damaged
    effects, ended = undisturbed(feed, moment)
    result = json.loads(ended)
    assert effects > 20
    assert [row["status"] for row in result["completeness"]] == ["certified", "alarmed"]
    assert [row["missing"] for row in result["completeness"]] == [0, 1]
    assert result["failures"] == []
    assert len(result["told"]) == 1


@pytest.mark.parametrize("offset", range(0, EVERY, 2))
def test_a_killed_audit_that_is_started_again_ends_the_same(
    damaged: tuple[FeedSimulation, Moment], offset: int
) -> None:
    """At every second of its effects, in one way after the other; ``make chaos`` has each in every way."""
    count, _ = undisturbed(*damaged)
    for number in range(offset, count, EVERY):
        assert_ends_the_same(*damaged, Point(number, WAYS[number % len(WAYS)]))


@pytest.mark.long
@pytest.mark.parametrize("way", WAYS)
def test_in_whatever_way_it_was_killed_it_ends_the_same(damaged: tuple[FeedSimulation, Moment], way: Way) -> None:
    count, _ = undisturbed(*damaged)
    for number in range(count):
        assert_ends_the_same(*damaged, Point(number, way))


def assert_ends_the_same(feed: FeedSimulation, moment: Moment, point: Point) -> None:
    """An audit that is killed there and started again, until it comes to its end."""
    _, wanted = undisturbed(feed, moment)
    moment.restore(feed)
    until_done(lambda effects: feed.heal(effects, run="second"), Effects(point))
    assert json.dumps(outcome(feed), default=str) == wanted, f"killed at {point}"


def test_a_killed_audit_is_made_good_by_the_next_one(damaged: tuple[FeedSimulation, Moment]) -> None:
    """Nobody starts the same execution again: the next schedule does what is left."""
    feed, moment = damaged
    count, wanted = undisturbed(feed, moment)
    for number in range(0, count, 6):
        moment.restore(feed)
        runs = iter(("second", "third", "fourth", "fifth"))
        until_done(lambda effects, runs=runs: feed.heal(effects, run=next(runs)), Effects(Point(number, "after")))
        assert json.dumps(outcome(feed), default=str) == wanted, f"killed at {number}"


def test_audits_of_the_same_windows_at_once_do_no_harm(damaged: tuple[FeedSimulation, Moment]) -> None:
    feed, moment = damaged
    _, wanted = undisturbed(feed, moment)
    moment.restore(feed)
    threads = [threading.Thread(target=_certify_alone, args=(feed, f"beside-{number}")) for number in range(3)]
    for thread in threads:
        thread.start()
    feed.heal(run="second")
    for thread in threads:
        thread.join()
    feed.heal(run="after")
    result, expected = json.loads(json.dumps(outcome(feed), default=str)), json.loads(wanted)
    assert result == expected


def _certify_alone(feed: FeedSimulation, run: str) -> None:
    """The steps that write, beside another execution's: what they find may be half healed, and they say so."""
    from auditor import steps

    services = feed.services()
    carried: dict[str, Any] = {"order": {"dataset": "quotes"}, "dataset": "quotes", "run": run, "attempt": 0}
    steps.audit_step(carried, services)
    steps.certify_step(carried, services)
