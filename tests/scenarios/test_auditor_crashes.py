"""The auditor killed in any state, and started again, ends the same; so do two that run at once."""

from __future__ import annotations

import copy
import datetime as dt
import functools
import itertools
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.crashpoints import WAYS, Effects, Point, until_done
from tests.support.feed_simulation import FeedSimulation, feed_simulation, with_entities
from tests.support.feeds import contracts_in

from core.audit.certificate import Certificate

THREE = dt.datetime(2026, 11, 20, 15, 0, tzinfo=dt.UTC)
EVERY = 4  # tests that share the points among themselves


class Moment:
    """Everything that a stack remembers, to be put back."""

    def __init__(self, one: FeedSimulation) -> None:
        self._kept = self._parts(one)

    def restore(self, one: FeedSimulation) -> None:
        kept = copy.deepcopy(self._kept)
        one.lake.ingest._objects, one.lake.records._objects = kept["ingest"], kept["records"]
        partitions = one.lake.partitions
        partitions.objects, partitions.modified, partitions.history = kept["partitions"]
        one.queue.messages, one.mail.sent = kept["queue"], kept["mail"]
        one.acquisition.stream.records = kept["stream"]
        one.acquisition.time.passed = kept["passed"]
        one._names = itertools.count(1000)

    @staticmethod
    def _parts(one: FeedSimulation) -> dict[str, Any]:
        partitions = one.lake.partitions
        return copy.deepcopy(
            {
                "ingest": one.lake.ingest._objects,
                "records": one.lake.records._objects,
                "partitions": (partitions.objects, partitions.modified, partitions.history),
                "queue": one.queue.messages,
                "mail": one.mail.sent,
                "stream": one.acquisition.stream.records,
                "passed": one.acquisition.time.passed,
            }
        )


@pytest.fixture(scope="module")
def damaged() -> Iterator[tuple[FeedSimulation, Moment]]:
    """An hour with a gap, a lost event, an unhealable symbol and a deleted object, not audited yet."""
    contracts = with_entities(contracts_in(), "quotes", "AAPL", "AMD", "ZM")
    with feed_simulation(THREE, contracts=contracts) as one:
        one.trade(THREE, 60)
        one.pass_time(minutes=5)
        one.heal(run="earlier")  # there is a chain to go on with
        one.loses = lambda name, at: (name == "AMD" and at.minute in (5, 6, 30)) or (name == "ZM" and at.minute == 9)
        one.loses_event = lambda key: key.endswith("000040")
        one.trade(THREE + dt.timedelta(hours=1), 60)
        one.pass_time(minutes=5)
        one.market.fail("forbidden", symbol="ZM", endpoint="candle")
        one.deleted_objects.delete(next(found.key for found in one.lake.ingest.list("feeds/")))
        yield one, Moment(one)


def outcome(one: FeedSimulation) -> dict[str, Any]:
    """All that has to be the same, but for times, runs, provenance of the proof and its place in the chain."""
    chain = [
        Certificate.from_json(stored.body, key=found.key)
        for found in one.lake.records.list("warehouse/_certificates/quotes/0")
        if (stored := one.lake.records.read(found.key))
    ]
    newest = {certificate.window: certificate for certificate in chain}
    rows = [one.lake.records.read(found.key) for found in one.lake.records.list("completeness/")]
    loose = ("audited_at", "run", "certificate", "certificate_hash", "digest")  # a digest knows when it was fetched
    return {
        "facts": one.rows("fact_quote", without=("fetched_at",)),
        "hourly": one.rows("fact_quote_hourly"),
        "claims": {name: (each.expected, each.present, each.absent, each.repaired) for name, each in newest.items()},
        "completeness": [
            {name: value for name, value in json.loads(row.body).items() if name not in loose} for row in rows if row
        ],
        "failures": one.verified(),
        "told": sorted({subject for subject, _ in one.mail.sent}),
        "ingest": [found.key for found in one.lake.ingest.list("feeds/") if "object-000" in found.key],
    }


@functools.cache
def undisturbed(one: FeedSimulation, moment: Moment) -> tuple[int, str]:
    """How many effects a run has, and what comes of it."""
    moment.restore(one)
    effects = Effects()
    one.heal(effects, run="second")
    return len(effects.log), json.dumps(outcome(one), default=str)


def test_the_scenario_is_what_it_says(damaged: tuple[FeedSimulation, Moment]) -> None:
    one, moment = damaged
    effects, ended = undisturbed(one, moment)
    result = json.loads(ended)
    assert effects > 20
    assert [row["status"] for row in result["completeness"]] == ["certified", "alarmed"]
    assert [row["missing"] for row in result["completeness"]] == [0, 1]
    assert result["failures"] == []
    assert len(result["told"]) == 1


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("offset", range(EVERY))
def test_a_killed_audit_that_is_started_again_ends_the_same(
    damaged: tuple[FeedSimulation, Moment], way: Any, offset: int
) -> None:
    one, moment = damaged
    count, wanted = undisturbed(one, moment)
    for number in range(offset, count, EVERY):
        moment.restore(one)
        point = Point(number, way)
        until_done(lambda effects: one.heal(effects, run="second"), Effects(point))
        assert json.dumps(outcome(one), default=str) == wanted, f"killed at {point}"


def test_a_killed_audit_is_made_good_by_the_next_one(damaged: tuple[FeedSimulation, Moment]) -> None:
    """Nobody starts the same execution again: the next schedule does what is left."""
    one, moment = damaged
    count, wanted = undisturbed(one, moment)
    for number in range(0, count, 6):
        moment.restore(one)
        runs = iter(("second", "third", "fourth", "fifth"))
        until_done(lambda effects, runs=runs: one.heal(effects, run=next(runs)), Effects(Point(number, "after")))
        assert json.dumps(outcome(one), default=str) == wanted, f"killed at {number}"


def test_audits_of_the_same_windows_at_once_do_no_harm(damaged: tuple[FeedSimulation, Moment]) -> None:
    one, moment = damaged
    _, wanted = undisturbed(one, moment)
    moment.restore(one)
    threads = [threading.Thread(target=_certify_alone, args=(one, f"beside-{number}")) for number in range(3)]
    for thread in threads:
        thread.start()
    one.heal(run="second")
    for thread in threads:
        thread.join()
    one.heal(run="after")
    result, expected = json.loads(json.dumps(outcome(one), default=str)), json.loads(wanted)
    assert result == expected


def _certify_alone(one: FeedSimulation, run: str) -> None:
    """The steps that write, beside another execution's: what they find may be half healed, and they say so."""
    from auditor import steps

    services = one.services()
    carried: dict[str, Any] = {"order": {"dataset": "quotes"}, "dataset": "quotes", "run": run, "attempt": 0}
    steps.audit_step(carried, services)
    steps.certify_step(carried, services)
