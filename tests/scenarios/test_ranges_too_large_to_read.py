"""A range with more points than one run may read: Athena finds what is missing of it, and what is read is certified."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from tests.support.feed_simulation import FeedSimulation, feed_simulation, some_points, with_entities
from tests.support.feeds import contracts_in

from auditor.evidence.chain import ChainReader
from auditor.services import Limits
from auditor.state import read_state
from core.errors import InvalidData
from processing.partitions.commit import CommitContext
from processing.partitions.rollback import rollback

THREE = dt.datetime(2026, 11, 20, 15, 0, tzinfo=dt.UTC)
HOURS = 4
RANGE = {"start": "2026-11-20T15:00:00Z", "end": "2026-11-20T19:00:00Z"}
WHEN = ("provenance", "fetched_at", "provider_time")
AAPL = "symbol=AAPL/month=2026-11"
TWO_HOURS = 2 * 60 * 2  # points of two symbols


@pytest.fixture
def feed() -> Iterator[FeedSimulation]:
    """Two symbols; a run may read two hours of them."""
    contracts = with_entities(contracts_in(), "quotes", "AAPL", "AMD")
    with feed_simulation(
        THREE, contracts=contracts, limits=Limits(grace_seconds=0, workers=4, points=TWO_HOURS)
    ) as simulation:
        yield simulation


def an_afternoon(feed: FeedSimulation) -> None:
    feed.trade(THREE, 60 * HOURS, slots_an_object=6)
    feed.pass_time(minutes=5)


def certificates(feed: FeedSimulation) -> int:
    return ChainReader(feed.lake.records, "quotes").head().number


def test_what_athena_finds_is_healed_and_certified_once_it_was_read(feed: FeedSimulation) -> None:
    an_afternoon(feed)
    whole = feed.rows("fact_quote", without=WHEN)
    with feed_simulation(THREE, contracts=feed.contracts, limits=feed.limits) as lossy:
        lossy.loses = some_points(2, 0.3)
        an_afternoon(lossy)
        lost = len(whole) - len(lossy.rows("fact_quote"))
        answers = lossy.heal(**RANGE)
        assert lossy.athena.asked
        assert (answers["audit"]["expected"], answers["audit"]["missing"], lost > 100) == (len(whole), lost, True)
        assert answers["verify"]["healthy"]
        assert lossy.rows("fact_quote", without=WHEN) == whole
        assert sum(job.points for job in lossy.jobs("run-0001")) == lost
        # Athena's word is no proof: nothing is certified of what was not read.
        assert (certificates(lossy), answers["certify"]["open"]) == (0, HOURS)
        assert list(lossy.lake.records.list("completeness/")) == []
        asked = len(lossy.athena.asked)
        for _ in range(2):
            lossy.pass_time(hours=1)
            lossy.heal()
        assert certificates(lossy) == HOURS
        assert read_state(lossy.lake.records, "quotes").open == {}
        assert lossy.verified() == []
        assert len(lossy.athena.asked) == asked  # what a schedule chooses is always read
        assert lossy.mail.sent == []
        lossy.heal(**RANGE)  # nothing contradicts the certificates
        assert read_state(lossy.lake.records, "quotes").open == {}


def test_a_range_that_fits_is_read(feed: FeedSimulation) -> None:
    an_afternoon(feed)
    answers = feed.heal(start=RANGE["start"], end="2026-11-20T17:00:00Z")
    assert feed.athena.asked == []
    assert answers["certify"]["certificates"] == 2


def test_both_roads_give_the_same_findings(feed: FeedSimulation) -> None:
    feed.loses = some_points(3, 0.2)
    an_afternoon(feed)
    feed.market.fail("forbidden", endpoint="candle")
    far = feed.heal(run="far", **RANGE)
    assert feed.athena.asked
    feed.limits = Limits(grace_seconds=0, workers=4)
    near = feed.heal(run="near", **RANGE)
    counts = ("expected", "present", "absent", "missing", "findings", "kinds")
    assert [far["audit"][name] for name in counts] == [near["audit"][name] for name in counts]
    assert feed.jobs("far") == feed.jobs("near")
    assert (far["conclude"]["sent"], near["conclude"]["known"]) == (["not_entitled"], ["not_entitled"])


def test_what_is_proven_absent_is_not_missing_from_afar_either(feed: FeedSimulation) -> None:
    feed.loses = lambda name, at: name == "AMD" and (at.hour, at.minute) in ((16, 10), (16, 11))
    an_afternoon(feed)
    gone = THREE + dt.timedelta(hours=1, minutes=10)
    feed.market.fail("hole", symbol="AMD", covering=(gone, gone + dt.timedelta(minutes=2)))
    from_afar, feed.limits = feed.limits, Limits(grace_seconds=0, workers=4)
    feed.heal(**RANGE)
    feed.pass_time(minutes=30)
    answers = feed.heal(**RANGE)
    assert (answers["audit"]["missing"], answers["verify"]["missing"], answers["verify"]["absent"]) == (2, 0, 2)
    feed.limits = from_afar
    asked = len(feed.asked_history())
    assert feed.heal(**RANGE)["audit"]["healthy"]
    assert len(feed.asked_history()) == asked


def test_a_rollback_is_made_good_from_the_ingest_objects_and_a_held_one_is_left_alone(feed: FeedSimulation) -> None:
    an_afternoon(feed)
    rows = feed.rows("fact_quote")
    table = feed.contracts.table("fact_quote")
    rollback(feed.lake.partitions, table, AAPL, to=20, hold=None, context=CommitContext("x"))
    answers = feed.heal(**RANGE)
    assert answers["audit"]["kinds"]["broken_object"] == 1
    assert feed.rows("fact_quote") == rows
    rollback(feed.lake.partitions, table, AAPL, to=20, hold="under review", context=CommitContext("x"))
    answers = feed.heal(**RANGE)
    assert answers["audit"]["kinds"] == {"held_partition": 1}
    assert len(feed.rows("fact_quote")) < len(rows)
    assert feed.asked_history() == []


def test_an_answer_that_athena_refuses_is_a_failed_audit_and_no_clean_bill(
    feed: FeedSimulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_sql: str) -> None:
        raise InvalidData("query Athena", "db", "Bytes scanned limit was exceeded", "Look at the query")

    an_afternoon(feed)
    monkeypatch.setattr(feed.athena, "query", refuse)
    with pytest.raises(InvalidData, match="Bytes scanned limit"):
        feed.heal(**RANGE)
