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
def one() -> Iterator[FeedSimulation]:
    """Two symbols; a run may read two hours of them."""
    contracts = with_entities(contracts_in(), "quotes", "AAPL", "AMD")
    with feed_simulation(
        THREE, contracts=contracts, limits=Limits(grace_seconds=0, workers=4, points=TWO_HOURS)
    ) as made:
        yield made


def an_afternoon(one: FeedSimulation) -> None:
    one.trade(THREE, 60 * HOURS)
    one.pass_time(minutes=5)


def certificates(one: FeedSimulation) -> int:
    return ChainReader(one.lake.records, "quotes").head().number


def test_what_athena_finds_is_healed_and_certified_once_it_was_read(one: FeedSimulation) -> None:
    an_afternoon(one)
    whole = one.rows("fact_quote", without=WHEN)
    with feed_simulation(THREE, contracts=one.contracts, limits=one.limits) as lossy:
        lossy.loses = some_points(2, 0.3)
        an_afternoon(lossy)
        lost = len(whole) - len(lossy.rows("fact_quote"))
        told = lossy.heal(**RANGE)
        assert lossy.athena.asked
        assert (told["audit"]["expected"], told["audit"]["missing"], lost > 100) == (len(whole), lost, True)
        assert told["verify"]["healthy"]
        assert lossy.rows("fact_quote", without=WHEN) == whole
        assert sum(job.points for job in lossy.jobs("run-0001")) == lost
        # Athena's word is no proof: nothing is certified of what was not read.
        assert (certificates(lossy), told["certify"]["open"]) == (0, HOURS)
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


def test_a_range_that_fits_is_read(one: FeedSimulation) -> None:
    an_afternoon(one)
    told = one.heal(start=RANGE["start"], end="2026-11-20T17:00:00Z")
    assert one.athena.asked == []
    assert told["certify"]["certificates"] == 2


def test_both_roads_give_the_same_findings(one: FeedSimulation) -> None:
    one.loses = some_points(3, 0.2)
    an_afternoon(one)
    one.market.fail("forbidden", endpoint="candle")
    far = one.heal(run="far", **RANGE)
    assert one.athena.asked
    one.limits = Limits(grace_seconds=0, workers=4)
    near = one.heal(run="near", **RANGE)
    counts = ("expected", "present", "absent", "missing", "findings", "kinds")
    assert [far["audit"][name] for name in counts] == [near["audit"][name] for name in counts]
    assert one.jobs("far") == one.jobs("near")
    assert (far["conclude"]["sent"], near["conclude"]["known"]) == (["not_entitled"], ["not_entitled"])


def test_what_is_proven_absent_is_not_missing_from_afar_either(one: FeedSimulation) -> None:
    one.loses = lambda name, at: name == "AMD" and (at.hour, at.minute) in ((16, 10), (16, 11))
    an_afternoon(one)
    gone = THREE + dt.timedelta(hours=1, minutes=10)
    one.market.fail("hole", symbol="AMD", covering=(gone, gone + dt.timedelta(minutes=2)))
    told = one.heal(**RANGE)
    assert (told["audit"]["missing"], told["verify"]["missing"], told["verify"]["absent"]) == (2, 0, 2)
    asked = len(one.asked_history())
    assert one.heal(**RANGE)["audit"]["healthy"]
    assert len(one.asked_history()) == asked


def test_a_rollback_is_made_good_from_the_ingest_objects_and_a_held_one_is_left_alone(one: FeedSimulation) -> None:
    an_afternoon(one)
    rows = one.rows("fact_quote")
    table = one.contracts.table("fact_quote")
    rollback(one.lake.partitions, table, AAPL, to=100, hold=None, context=CommitContext("x"))
    told = one.heal(**RANGE)
    assert told["audit"]["kinds"]["broken_object"] == 1
    assert one.rows("fact_quote") == rows
    rollback(one.lake.partitions, table, AAPL, to=100, hold="under review", context=CommitContext("x"))
    told = one.heal(**RANGE)
    assert told["audit"]["kinds"] == {"held_partition": 1}
    assert len(one.rows("fact_quote")) < len(rows)
    assert one.asked_history() == []


def test_an_answer_that_athena_refuses_is_a_failed_audit_and_no_clean_bill(
    one: FeedSimulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_sql: str) -> None:
        raise InvalidData("query Athena", "db", "Bytes scanned limit was exceeded", "Look at the query")

    an_afternoon(one)
    monkeypatch.setattr(one.athena, "query", refuse)
    with pytest.raises(InvalidData, match="Bytes scanned limit"):
        one.heal(**RANGE)
